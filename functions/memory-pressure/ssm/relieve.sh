# shellcheck shell=bash
# memory-pressure, the changing half: restarts the one unit that holds the memory, if the operator
# has listed it. Nothing is killed by score, no cache is dropped, no swap is switched off: those
# hide the trouble or move it.

choose_unit() {
  if [ "$AVAILABLE_PERCENT" -gt "$SSM_AvailablePercent" ]; then
    finish ok 0 "memory is not short now: $AVAILABLE_PERCENT % is available"
  fi
  [ -n "$TOP_UNIT" ] || finish failed 0 'cannot tell which unit holds the memory'
  UNIT=$TOP_UNIT UNIT_KB=$TOP_UNIT_KB UNIT_KB_BEFORE=$TOP_UNIT_KB
  if [ $((TOP_UNIT_KB * 100)) -lt $((TOTAL_KB * SSM_UnitPercent)) ]; then
    finish insufficient 0 "no unit holds $SSM_UnitPercent % of memory; most: $UNIT"
  fi
  may_restart "$UNIT" || finish refused 0 "$REPLY"
}

relieve() {
  restart_unit "$UNIT" || finish failed 0 "$REPLY"
  RESTARTED=true
  look_at_memory
  look_at_units_memory
  [ "$AVAILABLE_PERCENT" -gt "$SSM_AvailablePercent" ] ||
    finish insufficient 0 "$UNIT was restarted, but only $AVAILABLE_PERCENT % is available"
  finish ok 0 "$UNIT was restarted and $AVAILABLE_PERCENT % is available"
}

main() {
  begin memory-relief
  look_at_memory
  AVAILABLE_BEFORE=$AVAILABLE_PERCENT
  look_at_pressure
  look_at_units_memory
  preflight
  collect_evidence
  if [ "$SSM_Mode" = report ]; then
    finish report 0 "$AVAILABLE_PERCENT % of memory is available; most is held by ${TOP_UNIT:-?}"
  fi
  choose_unit
  relieve
}

main
