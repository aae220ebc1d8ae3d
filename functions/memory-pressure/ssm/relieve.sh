# shellcheck shell=bash
# memory-pressure, the changing half: starts the owner's own relief, and restarts the one unit that
# holds the memory, if the operator has listed it. Nothing is killed by score, no cache is dropped, no swap is switched off: those
# hide the trouble or move it.

RECLAIM_SECONDS=20

# Whether the host still waits, by what happened since the act and not by averages that remember what
# was before it.
still_in_trouble() {
  local kills=$OOM_KILLS
  look_at_memory
  look_at_pressure
  bounded 5 sleep "$SETTLE_SECONDS" ||
    finish failed 0 "deadline of $SSM_Deadline s reached before it was seen what that did" out-of-time
  look_at_memory
  look_at_pressure
  look_at_units_memory
  if [ "$PSI_NOW" = null ]; then
    [ "$AVAILABLE_PERCENT" -le "$SSM_AvailablePercent" ]
  else
    [ "$PSI_NOW" -ge "$SSM_PressurePercent" ] || [ "$OOM_KILLS" != "$kills" ]
  fi
}

after_all() { # sets REPLY
  REPLY="$AVAILABLE_PERCENT % is available"
  [ "$PSI_NOW" = null ] || REPLY+=", something waits $PSI_NOW % of the time"
}

# ---- the owner's own relief ---------------------------------------------------------------------

look_after_owner() { # UNIT
  ended_if_relieved "the owner's $1 was run"
  look_at_tmpfs
  name_culprit
}

# ---- what the owner's tag allows --------------------------------------------------------------

# Lets the kernel take back a quarter of what the unit holds, now; then, if that is not enough, hold
# it at three quarters until the next boot. Takes the second back where it does not help.
reclaim() {
  local directory=${UNIT_GROUP[$UNIT]-} quarter=$((CULPRIT_KB / 4))
  opted_in memory-reclaim && [ -n "$directory" ] || return 0
  if [ -w "$directory/memory.reclaim" ]; then
    # It says that it took less than asked for as an error.
    # shellcheck disable=SC2016
    bounded "$RECLAIM_SECONDS" sh -c 'printf %s "$1" >"$2"' - "$((quarter * 1024))" \
      "$directory/memory.reclaim"
    ACTED+=(reclaim)
    ended_if_relieved "the kernel took memory back from $UNIT"
  fi
  unit_property "$UNIT" MemoryHigh
  # An owner's own limit would be lost with that.
  if [ "$REPLY" != infinity ] || [ ! -e "$directory/memory.high" ]; then return; fi
  set_memory_high "$((CULPRIT_KB - quarter))K" || return 0
  MEMORY_HIGH_KB=$((CULPRIT_KB - quarter))
  ACTED+=(memory-high)
  ended_if_relieved "$UNIT is held at $((MEMORY_HIGH_KB / 1024)) MB"
  set_memory_high infinity
  MEMORY_HIGH_KB=null
}

set_memory_high() { # LIMIT
  bounded 10 systemctl set-property --runtime -- "$UNIT" "MemoryHigh=$1"
}

ended_if_relieved() { # WHAT
  ! still_in_trouble || return 0
  after_all
  finish ok 0 "$1: $REPLY" relieved
}

# ---- what is always done ----------------------------------------------------------------------

choose_unit() {
  local share=$((CULPRIT_KB * 100 / TOTAL_KB))
  describe_culprit
  case $KIND in
    '') finish refused 0 'cannot tell what holds the memory' incomplete ;;
    unit) ;;
    *) finish refused 0 "$REPLY: no unit to restart" needs-a-person ;;
  esac
  UNIT=$CULPRIT UNIT_KB=$CULPRIT_KB UNIT_KB_BEFORE=$CULPRIT_KB
  # With memory left for others, who waits does so at a limit of its own.
  if [ "$AVAILABLE_PERCENT" -gt "$SSM_AvailablePercent" ] && [ "${#WAITING[@]}" -gt 0 ]; then
    UNIT=${WAITING[0]#* }
    UNIT_KB=${HELD[$UNIT]-0}
    UNIT_KB_BEFORE=$UNIT_KB
    finish refused 0 "$UNIT waits at a limit of its own; $AVAILABLE_PERCENT % available" \
      needs-a-person
  fi
  [ "$share" -ge "$SSM_UnitPercent" ] ||
    finish refused 0 "no unit holds $SSM_UnitPercent % of memory; most: $REPLY" shared
  [ "$UNIT" != other ] || finish refused 0 "$REPLY: it is no unit's" needs-a-person
  ! protected "$UNIT" || finish refused 0 "$UNIT is protected: $REPLY" protected
}

relieve() {
  # Who only looks is a witness, too: it says first whether there is trouble, and whose.
  in_trouble || finish ok 0 "not in trouble: $REPLY" not-in-trouble
  local numbers=$REPLY
  relieve_by_owner look_after_owner
  choose_unit
  describe_culprit
  [ "$SSM_Mode" = apply ] || finish report 0 "$numbers; most: $REPLY" looked
  reclaim
  describe_culprit
  local holds=$REPLY
  may_restart "$UNIT" || finish refused 0 "$REPLY: $holds" "$REFUSAL"
  restart_unit "$UNIT" || finish failed 0 "$REPLY" failed
  RESTARTED=true
  ACTED+=(restart)
  ended_if_relieved "$UNIT was restarted"
  after_all
  finish insufficient 0 "$UNIT was restarted, but $REPLY" insufficient
}

main() {
  begin memory-relief
  look_at_memory
  AVAILABLE_BEFORE=$AVAILABLE_PERCENT
  look_at_pressure
  look_at_waiting_units
  look_at_units_memory
  preflight
  look_at_tmpfs
  name_culprit
  compare_with_last_look
  find_owner_units memory-pressure
  collect_evidence
  relieve
}

main
