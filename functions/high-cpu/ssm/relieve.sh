# shellcheck shell=bash
# high-cpu, the changing half: the mildest thing first. A lower priority lets others run, a quota
# caps a listed unit, a restart ends what a listed unit was doing. Nothing is ever killed by name.

POLITE_NICE=15

# The number may belong to another process by now.
still_there() {
  process "${OFFENDER% *}" && [ "$START" = "${OFFENDER#* }" ]
}

# Sets CPU_AFTER for the offender. What was used before now is another matter: a change takes a while
# on a busy host.
look_again() {
  sample
  bounded 5 sleep "$SAMPLE_SECONDS" ||
    finish failed 0 "deadline of $SSM_Deadline s reached before it was seen what that did"
  sample
  sum_up_host
  CPU_AFTER=${NEWEST[$OFFENDER]-0}
}

# Priorities belong to threads, and `renice -p PID` changes the first one only.
lower_priority() {
  local directory threads=()
  still_there || return 1
  [ "$NICE" -lt "$POLITE_NICE" ] || return 1
  OLD_NICE=$NICE
  for directory in "/proc/${OFFENDER% *}"/task/[0-9]*; do
    [ "${#threads[@]}" -ge 1000 ] || threads+=("${directory##*/}")
  done
  # It also fails for a thread that has ended meanwhile.
  bounded 5 renice -n "$POLITE_NICE" -p "${threads[@]}" >/dev/null 2>&1
  still_there && [ "$NICE" -eq "$POLITE_NICE" ] || return 1
  bounded 5 ionice -c 2 -n 7 -p "${threads[@]}" >/dev/null 2>&1
  ACTED+=(renice)
}

quota_possible() {
  local controllers=''
  IFS= read -r controllers 2>/dev/null </sys/fs/cgroup/cgroup.controllers
  case " $controllers " in *' cpu '*) return 0 ;; esac
  [ -e /sys/fs/cgroup/cpu/cpu.shares ]
}

# A quota holds all processes of a unit, so what counts is what all of them use.
unit_share() { # sets REPLY
  local key total=0
  for key in "${!NEWEST[@]}"; do
    [ "${NEWEST[$key]}" -gt 0 ] || continue
    unit_of "${key% *}"
    [ "$REPLY" != "$UNIT" ] || total=$((total + ${NEWEST[$key]}))
  done
  REPLY=$total
}

# Half of what the unit was using. Lasts until a reboot or until somebody sets `CPUQuota=`. An owner's
# own quota would be lost with that.
set_quota() {
  listed "$UNIT" && ! protected "$UNIT" && quota_possible || return 1
  [ "$(bounded 5 systemctl show -p CPUQuotaPerSecUSec --value -- "$UNIT" 2>/dev/null)" = infinity ] ||
    return 1
  QUOTA_PERCENT=$((UNIT_BEFORE / 2))
  [ "$QUOTA_PERCENT" -ge 5 ] || QUOTA_PERCENT=5
  if ! bounded 10 systemctl set-property --runtime -- "$UNIT" "CPUQuota=$QUOTA_PERCENT%" \
    >/dev/null 2>&1; then
    drop_quota # It may still take effect.
    return 1
  fi
  ACTED+=(quota)
}

drop_quota() {
  [ "$QUOTA_PERCENT" != null ] || return 0
  bounded 10 systemctl set-property --runtime -- "$UNIT" CPUQuota= >/dev/null 2>&1
  QUOTA_PERCENT=null
}

restart_and_verify() {
  local key
  may_restart "$UNIT" || finish insufficient 0 "still $CPU_AFTER %; $REPLY"
  drop_quota
  still_there || finish ok 0 "$COMM has ended by itself"
  restart_unit "$UNIT" || finish failed 0 "$REPLY"
  ACTED+=(restart)
  look_again
  for key in "${!NEWEST[@]}"; do
    [ "${NEWEST[$key]}" -ge "$SSM_CpuPercent" ] || continue
    unit_of "${key% *}"
    [ "$REPLY" != "$UNIT" ] ||
      finish insufficient 0 "$UNIT was restarted and uses ${NEWEST[$key]} % again"
  done
  finish ok 0 "$UNIT was restarted"
}

relieve() {
  if [ "$STEAL_PERCENT" != null ] && [ "$STEAL_PERCENT" -ge "$STEAL_PERCENT_MAX" ]; then
    finish refused 0 "$STEAL_PERCENT % of the time was stolen from this host: not its fault"
  fi
  if [ -z "$OFFENDER" ]; then
    [ -z "$PROTECTED_OFFENDER" ] || finish refused 0 "$PROTECTED_OFFENDER is protected"
    finish ok 0 "no process stayed above $SSM_CpuPercent % of a core"
  fi
  still_there || finish ok 0 "$COMM has ended by itself"
  unit_share
  UNIT_BEFORE=$REPLY
  if lower_priority; then look_again; else CPU_AFTER=$CPU_BEFORE; fi
  [ "$CPU_AFTER" -ge "$SSM_CpuPercent" ] || finish ok 0 "$COMM is down to $CPU_AFTER %"
  if set_quota; then
    look_again
    unit_share
    [ $((REPLY * 4)) -gt $((UNIT_BEFORE * 3)) ] ||
      finish ok 0 "$UNIT is held at $QUOTA_PERCENT % of a core"
  fi
  restart_and_verify
}

main() {
  begin cpu-relief
  look_at_host
  take_samples
  rank
  preflight
  collect_evidence
  [ "$SSM_Mode" = apply ] ||
    finish report 0 "$BUSY_PERCENT % busy; sustained: ${COMM:-nothing to treat} $PROTECTED_OFFENDER"
  relieve
}

main
