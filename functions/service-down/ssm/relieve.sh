# shellcheck shell=bash
# service-down, the changing half: starts what has failed of the listed units, once, and believes it
# when it has stayed up. Nothing that somebody stopped is started, and nothing that systemd itself is
# restarting is restarted on top of that.

revive() { # UNIT
  look_at_end "$1"
  may_restart "$1" || finish refused 0 "$REPLY: $1 has failed ($RESULT)" "$REFUSAL"
  # Who has failed too often in a row is not started before that is forgotten.
  bounded 5 systemctl reset-failed -- "$1" >/dev/null 2>&1
  restart_unit "$1" || finish insufficient 0 "$REPLY ($RESULT before)" insufficient
  unit_property "$1" MainPID
  [[ ! $REPLY =~ ^[1-9][0-9]{0,9}$ ]] || PID_AFTER=$REPLY
  ACTED+=("$1")
}

relieve() {
  local unit revived
  [ "$LISTED" -gt 0 ] || finish refused 0 'no unit is on the list' not-listed
  say_what_is_down
  if [ "${#DOWN[@]}" -eq 0 ]; then
    [ "${#LOOPING[@]}" -eq 0 ] || finish refused 0 "$REPLY" nothing-to-do
    [ "${#STOPPED[@]}" -eq 0 ] || finish refused 0 "$REPLY" needs-a-person
    finish ok 0 "$REPLY" not-in-trouble
  fi
  for unit in "${DOWN[@]}"; do
    revive "$unit"
  done
  revived=${#ACTED[@]}
  look_at_units
  say_what_is_down
  [ "${#DOWN[@]}" -eq 0 ] && [ "${#LOOPING[@]}" -eq 0 ] || finish insufficient 0 "$REPLY" insufficient
  REPLY="$UNIT runs again, with a new main process"
  [ "$revived" -eq 1 ] || REPLY+=", and so do $((revived - 1)) more"
  finish ok 0 "$REPLY" relieved
}

main() {
  begin service-restart
  look_at_units
  [ "${#DOWN[@]}" -eq 0 ] || look_at_end "${DOWN[0]}"
  preflight
  collect_evidence
  if [ "$SSM_Mode" = report ]; then
    say_what_is_down
    finish report 0 "$REPLY" looked
  fi
  relieve
}

main
