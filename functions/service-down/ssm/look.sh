# shellcheck shell=bash
# service-down, the looking half: which of the units that the operator has listed do not run, and
# how each of them ended. Only the list is looked at: no name from outside is ever asked about.

SETTLE_SECONDS=15 # What has failed before is believed later than what was restarted while it ran.
UNITS_MAX=32

LISTED=0 RUNNING=0 UNIT='' RESULT='' PID_BEFORE=null PID_AFTER=null RESTARTS=null
DOWN=() STOPPED=() LOOPING=() ACTED=() SHOWN=()

details() { # full|short
  local line
  line="\"listed\":$LISTED,\"running\":$RUNNING"
  json_strings 4 80 ${DOWN[@]+"${DOWN[@]}"}
  line+=",\"down\":$REPLY"
  json_strings 4 80 ${STOPPED[@]+"${STOPPED[@]}"}
  line+=",\"stopped\":$REPLY"
  json_strings 4 80 ${LOOPING[@]+"${LOOPING[@]}"}
  line+=",\"looping\":$REPLY"
  json_string "$UNIT" 80
  line+=",\"unit\":$REPLY"
  json_string "$RESULT" 40
  line+=",\"result\":$REPLY,\"pid_before\":$PID_BEFORE,\"pid_after\":$PID_AFTER"
  json_strings 4 80 ${ACTED[@]+"${ACTED[@]}"}
  REPLY="$line,\"systemd_restarts\":$RESTARTS,\"restarted\":$REPLY,"
}

check_parameters() {
  parameter Deadline 120 '^([2-9][0-9]|[12][0-9][0-9]|300)$' \
    'Seconds after which the script ends by itself.'
  units_parameter
}

shown() { # KEY; sets REPLY to its value among SHOWN, `KEY=VALUE` each
  local line
  REPLY=''
  for line in ${SHOWN[@]+"${SHOWN[@]}"}; do
    case $line in "$1"=*) REPLY=${line#*=} ;; esac
  done
}

# A unit that is not there, or not enabled and not failed, is not meant to run on this host: one
# list may be for a whole fleet. Whoever stopped an enabled one, or let it end well, meant that; one
# that has done its work once is not down.
look_at_unit() { # UNIT
  local load active sub enabled kind
  mapfile -t SHOWN < <(bounded 5 systemctl show -p LoadState -p ActiveState -p SubState \
    -p UnitFileState -p Type -- "$1" 2>/dev/null)
  shown LoadState
  load=$REPLY
  shown ActiveState
  active=$REPLY
  shown SubState
  sub=$REPLY
  shown UnitFileState
  enabled=$REPLY
  shown Type
  kind=$REPLY
  [ -n "$active" ] || finish refused 0 "systemd says nothing of $1" incomplete
  [ "$load" = loaded ] || return 0
  case $active:$sub in
    failed:*) DOWN+=("$1") ;;
    # Between two of its starts: systemd is at it.
    activating:auto-restart*) LOOPING+=("$1") ;;
    inactive:*) [ "$enabled" != enabled ] || [ "$kind" = oneshot ] || STOPPED+=("$1") ;;
    *) RUNNING=$((RUNNING + 1)) ;;
  esac
}

look_at_units() {
  local unit
  DOWN=() STOPPED=() LOOPING=() RUNNING=0
  split_list "$SSM_Units"
  LISTED=${#LIST[@]}
  for unit in ${LIST[@]+"${LIST[@]}"}; do
    look_at_unit "$unit"
  done
}

LIST=()
split_list() { # A,B,C; sets LIST. A here-document would need a temporary file.
  local rest=$1,
  LIST=()
  while [ -n "$rest" ] && [ "${#LIST[@]}" -lt "$UNITS_MAX" ]; do
    [ -z "${rest%%,*}" ] || LIST+=("${rest%%,*}")
    rest=${rest#*,}
  done
  [ -z "$rest" ] || warn "units:only_$UNITS_MAX"
}

# How it ended, by systemd's own words: `exit-code`, `signal`, `oom-kill`, `start-limit-hit`.
look_at_end() { # UNIT
  UNIT=$1
  unit_property "$1" Result
  RESULT=$REPLY
  unit_property "$1" NRestarts
  RESTARTS=null
  [[ ! $REPLY =~ ^[0-9]{1,9}$ ]] || RESTARTS=$REPLY
}

say_what_is_down() { # sets REPLY
  if [ "${#DOWN[@]}" -gt 0 ]; then
    REPLY="${DOWN[0]} has failed ($RESULT)"
    [ "${#DOWN[@]}" -eq 1 ] || REPLY+=", and $((${#DOWN[@]} - 1)) more"
  elif [ "${#LOOPING[@]}" -gt 0 ]; then
    REPLY="systemd restarts ${LOOPING[0]} again and again"
  elif [ "${#STOPPED[@]}" -gt 0 ]; then
    REPLY="${STOPPED[0]} was stopped, it has not failed"
  else
    REPLY="$RUNNING of $LISTED listed units run, and none has failed"
  fi
}
