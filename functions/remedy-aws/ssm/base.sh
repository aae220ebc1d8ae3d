# shellcheck shell=bash
# The ground every host script stands on: a fixed environment, checked parameters, a deadline, one
# lock, and exactly one result line. The document build pastes this file in front of each script.
#
# Nothing here may need a temporary file: on a full disk bash cannot even make a here-document.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
export SYSTEMD_PAGER='' SYSTEMD_COLORS=0
unset CDPATH GLOBIGNORE TMPDIR
umask 077
# The line goes where the output went; what the tools say, and whoever hangs, does not hold that open:
# the agent waits until nobody does.
exec 3>&1 >/dev/null
# Bash 5.2 gives `&` a meaning in replacements; older ones do not know the option.
shopt -u patsub_replacement 2>/dev/null
exec </dev/null
cd / || exit 3

RUN_DIR=/run/remedy
RESULT_BYTES_MAX=2000   # Systems Manager shows 2,500 of both outputs together in its lists.
LOOK_AGAIN_SECONDS=6    # Kept free before the deadline, for the last look and the result line.

ACTION=unknown STATUS='' CODE='' REASON='' LINE='' REPLY=''
PREFLIGHT=null EVIDENCE=null EXTRACT_OF=''
WARNINGS=()

# ---- time -------------------------------------------------------------------------------------

uptime_seconds() { # sets NOW; unlike the wall clock it never jumps
  local up
  IFS=' ' read -r up _ </proc/uptime
  NOW=${up%%.*}
}
uptime_seconds
STARTED_AT=$NOW
DEADLINE_AT=$((NOW + 60))

seconds_left() { # sets LEFT: seconds for work before the last look must begin
  uptime_seconds
  LEFT=$((DEADLINE_AT - LOOK_AGAIN_SECONDS - NOW))
}

# Runs a command or a function and passes on its output, and nothing of its errors, but waits no longer
# than that: a process
# that waits for a hung file system cannot be killed, and `timeout` would wait for it for ever. What
# the caller reads comes from `cat`, which can. Code 137 is that of one who was given up.
abandoned_after() { # SECONDS COMMAND...
  local seconds=$1 code=137 status
  shift
  exec {status}<> <(:)
  timeout --foreground -k 1 "$seconds" cat 2>/dev/null < <(
    exec 2>/dev/null 3>&- 9>&-
    "$@"
    printf '%s\n' "$?" >&"$status"
  )
  # A read that times out leaves nothing in it, which would be no code.
  IFS= read -r -t 1 -u "$status" code || code=137
  exec {status}<&-
  return "$code"
}

# A tool gets its own limit and never outlives the deadline. `--foreground` keeps it in the agent's
# process group, so that the agent's own time-out reaches it; the lock is not inherited.
bounded() { # SECONDS COMMAND...
  local limit=$1
  shift
  seconds_left
  [ "$LEFT" -gt 0 ] || return 124
  [ "$limit" -le "$LEFT" ] || limit=$LEFT
  abandoned_after $((limit + 2)) timeout --foreground -k 1 "$limit" "$@"
}

# The last look has the seconds that `bounded` keeps free.
look_bounded() { # COMMAND...
  abandoned_after 3 timeout --foreground -k 1 2 "$@"
}

# GNU's timeout says 124 or 137, others 125: whatever is not the command's own code.
cut_off() { # CODE
  [ "$1" -ge 124 ]
}

# One directory alone, in a mount namespace of its own: nothing that is mounted below it, so nothing
# there that can hang, and what such mounts hide can be seen. Runs the command in it, which finds
# the directory as `.`; the namespace ends with it.
VIEW_OF='mount --make-rprivate / && mount --bind -- "$1" "$2" && cd -P -- "$2" && shift 2 &&
exec "$@"'
in_view() { # SECONDS DIRECTORY COMMAND...
  local seconds=$1 directory=$2
  shift 2
  bounded "$seconds" unshare -m sh -c "$VIEW_OF" - "$directory" "$RUN_DIR/view" "$@"
}

# ---- the result line --------------------------------------------------------------------------

json_string() { # TEXT MAX_BYTES; sets REPLY. Names on a host are chosen by its users.
  local text=${1:0:$2} backslash=\\ quote='"'
  text=${text//[^ -~]/?}
  text=${text//"$backslash"/"$backslash$backslash"}
  text=${text//"$quote"/"$backslash$quote"}
  REPLY=$quote$text$quote
}

json_strings() { # MAX_ITEMS MAX_BYTES TEXT...; sets REPLY
  local items=$1 bytes=$2 list='' text
  shift 2
  for text in "$@"; do
    [ "$items" -gt 0 ] || break
    items=$((items - 1))
    json_string "$text" "$bytes"
    list+=${list:+,}$REPLY
  done
  REPLY=[$list]
}

fields() { # NAME VALUE...; adds `"name":value,` to REPLY
  while [ "$#" -gt 1 ]; do
    REPLY+="\"$1\":$2,"
    shift 2
  done
}

warn() { # TEXT; one of a few, for a person to read
  [ "${#WARNINGS[@]}" -ge 8 ] || WARNINGS+=("$1")
}

# Each script redefines this: `details full|short` sets REPLY to `"key":value,` pairs. It may use
# builtins only, since it also runs when nothing can be forked any more.
details() { REPLY=''; }

build_line() { # full|short; sets LINE
  local line reason warnings
  json_string "$REASON" 120
  reason=$REPLY
  json_strings 8 80 ${WARNINGS[@]+"${WARNINGS[@]}"}
  warnings=$REPLY
  line="{\"v\":1,\"action\":\"$ACTION\",\"status\":\"$STATUS\",\"code\":\"$CODE\""
  line+=",\"reason\":$reason"
  case ${SSM_Mode-} in
    report | apply) line+=",\"mode\":\"$SSM_Mode\"" ;;
  esac
  REPLY=''
  details "$1"
  line+=",$REPLY\"preflight\":$PREFLIGHT,\"evidence\":$EVIDENCE,\"warnings\":$warnings"
  uptime_seconds
  LINE="$line,\"seconds\":$((NOW - STARTED_AT))}"
}

emit() { # runs once, whatever ends the script
  local code=$?
  trap - EXIT
  trap '' TERM INT HUP PIPE
  set +u
  exec >&3
  if [ -z "$STATUS" ]; then
    STATUS=error CODE=crashed REASON="the script stopped early with code $code"
    code=5
  fi
  build_line full
  [ "${#LINE}" -le "$RESULT_BYTES_MAX" ] || build_line short
  printf 'REMEDIATION_RESULT %s\n' "$LINE"
  [ -z "$EXTRACT_OF" ] || print_extract "$EXTRACT_OF"
  exit "$code"
}

# Exit codes: 0 the script did its duty and `status` says how it ended, 2 a bad parameter, 3 this
# host gives it no ground to work on, 4 ended by a signal, 5 a crash. Never 168, 169 or 194: those
# mean something to the agent.
#
# CODE is one of the closed list in docs/host-scripts.md: readers decide by it, never by REASON.
finish() { # STATUS EXIT_CODE REASON CODE
  STATUS=$1 REASON=$3 CODE=${4-}
  exit "$2"
}

trap emit EXIT
trap 'finish failed 4 "ended by a signal" stopped' TERM INT HUP

# ---- parameters and the lock ------------------------------------------------------------------

# A parameter of the document. The document build reads these calls, so the allowedPattern of the
# document and this check, the second gate, are one text: nothing that fails it reaches any
# arithmetic, path or command. The pattern must mean the same to Java, to Go and here.
parameter() { # NAME DEFAULT PATTERN DESCRIPTION
  local variable=SSM_$1 value
  [ -n "${!variable+set}" ] || printf -v "$variable" %s "$2"
  value=${!variable}
  if [ "${#value}" -gt 4096 ] || [[ ! $value =~ $3 ]]; then
    finish error 2 "parameter $1 is not acceptable" bad-parameter
  fi
}

common_parameters() {
  parameter Mode report '^(report|apply)$' \
    'report looks and changes nothing; apply relieves the host.'
  parameter EvidenceUrl '' \
    '^(https://[a-z0-9.-]*s3[a-z0-9.-]*\.(amazonaws\.(com(\.cn)?|eu)|s?c2s\.(ic|sgov)\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)/[A-Za-z0-9/._~%?=&+-]+)?$' \
    'A pre-signed URL of Amazon S3 to PUT the evidence to; empty for none.'
  parameter EvidenceOutput no '^(no|yes)$' \
    'Prints evidence that went to no URL, cut short, after the result.'
}

begin() { # ACTION
  ACTION=$1
  common_parameters
  check_parameters
  DEADLINE_AT=$((STARTED_AT + SSM_Deadline))
  [ "$EUID" -eq 0 ] || finish error 3 "must run as root" cannot-work
  # One lock for all scripts: two of them must not treat one host at once.
  { mkdir -p "$RUN_DIR/view" && exec 9>>"$RUN_DIR/lock"; } 2>/dev/null ||
    finish error 3 "cannot write to $RUN_DIR" cannot-work
  flock -n 9 || finish skipped 0 "another run is at work on this host" lock-held
}
