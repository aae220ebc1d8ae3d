# shellcheck shell=bash
# The owner's own relief: oneshot services that the owner of a host put into the `.wants` directory of
# a target of ours. Only root can put them there; systemd runs them as whom, in what and for how long
# their files say. Nothing here knows what they do.

OWNER_SECONDS=60

find_owner_units() { # SYMPTOM [INSTANCE]; sets OWNER_UNITS, each once, by name
  local directory link name
  OWNER_UNITS=()
  while IFS= read -r name; do
    [[ ! $name =~ $UNIT_NAME ]] || OWNER_UNITS+=("$name")
  done < <(
    for directory in {/etc,/run,/usr/local/lib,/usr/lib,/lib}/systemd/system; do
      for link in "$directory/remedy-$1"{,"@${2-}"}.target.wants/*.service; do
        if [ -e "$link" ] || [ -L "$link" ]; then printf '%s\n' "${link##*/}"; fi
      done
    done | sort -u
  )
}

# Fails unless the unit did its work in its time. What overruns is called off.
start_owner_unit() { # UNIT SECONDS
  local shown code
  shown=$(bounded 5 systemctl show -p Type -p LoadState -- "$1")
  if [[ $shown != *Type=oneshot* || $shown != *LoadState=loaded* ]]; then
    warn "owner:$1:no_oneshot_service"
    return 1
  fi
  bounded "$2" systemctl start -- "$1"
  code=$?
  if cut_off "$code"; then
    bounded 3 systemctl stop --no-block -- "$1"
    warn "owner:$1:called_off"
  elif [ "$code" -ne 0 ]; then
    warn "owner:$1:failed"
  fi
  return "$code"
}
