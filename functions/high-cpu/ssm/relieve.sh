# shellcheck shell=bash
# high-cpu, the changing half: the mildest thing first. A lower priority lets others run, a quota
# caps a listed unit, a restart ends what a listed unit was doing. Nothing is ever killed by name, and
# what did not help is undone.

POLITE_NICE=15
THREADS_MAX=1000

# What was used before now is another matter: a change takes a while on a busy host.
look_again() {
  end_in_time
  sample
  bounded 5 sleep "$SAMPLE_SECONDS" ||
    finish failed 0 "deadline of $SSM_Deadline s reached before it was seen what that did" out-of-time
  sample
  sum_up_host
  look_who_waits
  CPU_AFTER=${SHARE[$UNIT]-0}
}

still_busy() {
  [ "$BUSY_PERCENT" = null ] || [ "$BUSY_PERCENT" -ge "$SSM_BusyPercent" ]
}

# ---- priorities -------------------------------------------------------------------------------

# By thread: the priority it had. Priorities belong to threads, and `renice -p PID` changes the first
# one only. By process: that of its session, which alone counts where the kernel groups by session.
declare -A THREAD_NICE=() SESSION_NICE=()

threads_of_unit() { # sets THREADS and PROCESSES; those of protected processes stay as they are
  local directory pid task
  THREADS=() PROCESSES=()
  for directory in /proc/[0-9]*; do
    pid=${directory#/proc/}
    unit_of "$pid"
    [ "$REPLY" = "$UNIT" ] || continue
    comm_of "$pid"
    ! protected "$REPLY" || continue
    PROCESSES+=("$pid")
    for task in "/proc/$pid/task"/[0-9]*; do
      [ "${#THREADS[@]}" -ge "$THREADS_MAX" ] || THREADS+=("${task##*/}")
    done
  done
}

lower_priority() {
  local thread pid session
  threads_of_unit
  for thread in ${THREADS[@]+"${THREADS[@]}"}; do
    process "/proc/$thread/stat" || continue
    [ "$NICE" -ge "$POLITE_NICE" ] || THREAD_NICE[$thread]=$NICE
  done
  [ "${#THREAD_NICE[@]}" -gt 0 ] || return 1
  OLD_NICE=${THREAD_NICE[${PROCESSES[0]}]-0}
  # It also fails for a thread that has ended meanwhile.
  bounded 5 renice -n "$POLITE_NICE" -p "${!THREAD_NICE[@]}"
  for pid in "${PROCESSES[@]}"; do
    { IFS= read -r session <"/proc/$pid/autogroup"; } 2>/dev/null || break
    [[ $session =~ ^/autogroup-[0-9]+\ nice\ (-?[0-9]+)$ ]] || continue
    SESSION_NICE[$pid]=${BASH_REMATCH[1]}
  done
  set_session_nice "$POLITE_NICE"
  ACTED+=(renice)
}

set_session_nice() { # NICE|'' for what it was
  local pid nice
  for pid in "${!SESSION_NICE[@]}"; do
    nice=${SESSION_NICE[$pid]}
    { printf '%s\n' "${1:-$nice}" >"/proc/$pid/autogroup"; } 2>/dev/null
  done
}

# Children that were born meanwhile have inherited the low one.
restore_priority() {
  local thread nice
  local -A back=()
  threads_of_unit
  for thread in ${THREADS[@]+"${THREADS[@]}"}; do
    if ! process "/proc/$thread/stat" || [ "$NICE" -ne "$POLITE_NICE" ]; then continue; fi
    nice=${THREAD_NICE[$thread]-$OLD_NICE}
    back[$nice]+="$thread "
  done
  for nice in "${!back[@]}"; do
    # Numbers: splitting is what is wanted.
    # shellcheck disable=SC2086
    look_bounded renice -n "$nice" -p ${back[$nice]}
  done
  set_session_nice ''
  UNDONE+=(renice)
}

# Where nobody else waits, a lower priority changes nothing but the next thing that unit starts.
let_others_run() {
  local before=$OTHERS_WAIT
  [ "$before" != null ] && [ "$before" -ge "$OTHERS_WAIT_PERCENT" ] || return 0
  lower_priority || return 0
  trap 'restore_priority; finish failed 4 "ended by a signal" stopped' TERM INT HUP
  look_again
  if [ "$((OTHERS_WAIT * 2))" -gt "$before" ]; then
    restore_priority
    return
  fi
  still_busy || finish ok 0 "others wait $OTHERS_WAIT %, not $before %; $UNIT runs at nice 15" relieved
  finish insufficient 0 \
    "$BUSY_PERCENT % busy, but others wait $OTHERS_WAIT %, not $before %: $UNIT runs at nice 15" calmed
}

# ---- quota ------------------------------------------------------------------------------------

quota_possible() {
  local controllers=''
  IFS= read -r controllers 2>/dev/null </sys/fs/cgroup/cgroup.controllers
  case " $controllers " in *' cpu '*) return 0 ;; esac
  [ -e /sys/fs/cgroup/cpu/cpu.shares ]
}

# Half of what the unit was using. Lasts until a reboot or until somebody sets `CPUQuota=`. An owner's
# own quota would be lost with that.
set_quota() {
  listed "$UNIT" && ! protected "$UNIT" && quota_possible || return 1
  unit_property "$UNIT" CPUQuotaPerSecUSec
  [ "$REPLY" = infinity ] || return 1
  QUOTA_PERCENT=$((CPU_BEFORE / 2))
  [ "$QUOTA_PERCENT" -ge 5 ] || QUOTA_PERCENT=5
  if ! bounded 10 systemctl set-property --runtime -- "$UNIT" "CPUQuota=$QUOTA_PERCENT%"; then
    drop_quota # It may still take effect.
    return 1
  fi
  ACTED+=(quota)
}

drop_quota() {
  [ "$QUOTA_PERCENT" != null ] || return 0
  bounded 10 systemctl set-property --runtime -- "$UNIT" CPUQuota=
  QUOTA_PERCENT=null
  UNDONE+=(quota)
}

hold_back() {
  set_quota || return 0
  look_again
  still_busy || finish ok 0 "$UNIT is held at $QUOTA_PERCENT % of a core" relieved
  drop_quota
  [ $((CPU_AFTER * 4)) -gt $((CPU_BEFORE * 3)) ] ||
    finish insufficient 0 "$UNIT was held back, and others took what it left" insufficient
}

# ---- restart ----------------------------------------------------------------------------------

restart_and_verify() {
  may_restart "$UNIT" ||
    finish refused 0 "$BUSY_PERCENT % busy, $UNIT ($COMM) $CPU_BEFORE %; $REPLY" "$REFUSAL"
  restart_unit "$UNIT" || finish failed 0 "$REPLY" failed
  ACTED+=(restart)
  look_again
  ! still_busy ||
    finish insufficient 0 "$UNIT was restarted; $BUSY_PERCENT % busy, $CPU_AFTER % by it" insufficient
  finish ok 0 "$UNIT was restarted" relieved
}

# ---- the owner's own relief ---------------------------------------------------------------------

look_after_owner() { # UNIT
  look_again
  still_busy || finish ok 0 "the owner's $1 was run; $BUSY_PERCENT % busy" relieved
  rank
}

# ---- judgement --------------------------------------------------------------------------------

# Ends the script unless the host is busy with work of its own.
judge_host() {
  local numbers="$BUSY_PERCENT % busy, $STEAL_PERCENT % stolen, $IOWAIT_PERCENT % waits for disks"
  [ "$BUSY_PERCENT" != null ] || finish refused 0 'the processors cannot be counted' incomplete
  [ "$STEAL_PERCENT" -lt "$STEAL_PERCENT_MAX" ] ||
    finish refused 0 "not its fault, time is stolen from this host: $numbers" not-its-fault
  if still_busy; then return; fi
  [ "$IOWAIT_PERCENT" -lt "$IOWAIT_PERCENT_MAX" ] ||
    finish refused 0 "it does not work but wait: $numbers" waits-for-disk
  finish ok 0 "not in trouble: $numbers" not-in-trouble
}

# Ends the script unless one unit is to blame that may be touched.
judge_unit() {
  local all=$(((BUSY_PERCENT - STEAL_PERCENT) * CORES)) most="$UNIT ($COMM) uses $CPU_BEFORE %"
  [ -n "$UNIT" ] || finish refused 0 "$BUSY_PERCENT % busy, and nobody uses it" incomplete
  if ! is_sustained "$UNIT" || [ $((CPU_BEFORE * 100)) -lt $((all * SSM_UnitPercent)) ]; then
    finish refused 0 "$BUSY_PERCENT % busy with the load of everything; $most of a core" shared
  fi
  case $UNIT in
    kernel | other) finish refused 0 "$BUSY_PERCENT % busy; $most: no unit to treat" needs-a-person ;;
  esac
  unit_of "$$" # a person who runs this by hand works in a session of their own
  if [ "$REPLY" = "$UNIT" ] || protected "$UNIT" || protected "$COMM"; then
    finish refused 0 "$BUSY_PERCENT % busy; $most and is protected" protected
  fi
}

main() {
  begin cpu-relief
  look_at_host
  take_samples
  rank
  look_who_waits
  preflight
  find_owner_units high-cpu
  collect_evidence
  # Who only looks is a witness, too: it says first whether there is trouble, and whose.
  judge_host
  relieve_by_owner look_after_owner
  judge_unit
  [ "$SSM_Mode" = apply ] ||
    finish report 0 "$BUSY_PERCENT % busy; most: $UNIT ($COMM) $CPU_BEFORE %" looked
  let_others_run
  hold_back
  restart_and_verify
}

main
