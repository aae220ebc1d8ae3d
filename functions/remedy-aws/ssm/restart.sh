# shellcheck shell=bash
# Restarting a unit: only one that the operator has listed, never one that carries the host, not
# again and again, and not done until it is seen to run.

RESTART_AGAIN_SECONDS=1800 # A unit that needs it sooner needs a person.
SETTLE_SECONDS=3           # What dies right after its start is not running.

units_parameter() {
  parameter Units '' \
    '^([A-Za-z0-9][A-Za-z0-9:_.@-]*\.service(,[A-Za-z0-9][A-Za-z0-9:_.@-]*\.service)*)?$' \
    'systemd services that may be restarted, separated by commas; empty for none.'
}

# The list of the untouchable beats the operator's list: what the host, its access, its package
# manager or its data depends on. A person may restart these, a script may not.
protected() { # UNIT_OR_COMM
  case $1 in
    systemd* | dbus* | init | ssh* | getty* | user@*) ;;
    *ssm-agent* | ssm-* | *cloudwatch* | agetty | login | cron* | polkit* | udev* | networkd*) ;;
    NetworkManager* | networking* | chrony* | rsyslog* | auditd* | snapd* | cloud-*) ;;
    apt* | dpkg* | unattended-upgr* | packagekit* | dnf* | yum* | rpm* | zypper*) ;;
    docker* | containerd* | cri-o* | crio* | podman* | kubelet* | ecs* | k3s*) ;;
    mysql* | mariadb* | postgres* | pg_* | mongo* | redis* | valkey* | etcd* | cassandra*) ;;
    elasticsearch* | opensearch* | kafka* | zookeeper* | rabbitmq* | clickhouse* | influx*) ;;
    *) return 1 ;;
  esac
}

listed() { # UNIT
  case ,$SSM_Units, in
    *,"$1",*) return 0 ;;
  esac
  return 1
}

unit_property() { # UNIT PROPERTY; sets REPLY. `--value` is younger than systemd 219.
  REPLY=$(bounded 5 systemctl show -p "$2" -- "$1")
  REPLY=${REPLY#*=}
}

# Starts the owner's own units, one by one. The command looks after each, and ends the script if that
# was enough.
relieve_by_owner() { # COMMAND
  local unit
  [ "$SSM_Mode" = apply ] || return 0
  for unit in ${OWNER_UNITS[@]+"${OWNER_UNITS[@]}"}; do
    seconds_left
    [ "$LEFT" -gt 0 ] || return 0
    start_owner_unit "$unit" $((LEFT / 2 < OWNER_SECONDS ? LEFT / 2 : OWNER_SECONDS)) || continue
    ACTED+=("owner:${unit%.service}")
    "$1" "$unit"
  done
}

# Says in REPLY and REFUSAL why this unit may not be restarted, or succeeds.
may_restart() { # UNIT
  local last=''
  REPLY='' REFUSAL=''
  if protected "$1"; then
    REPLY="$1 is protected" REFUSAL=protected
  elif ! listed "$1"; then
    REPLY="$1 is not on the list of units" REFUSAL=not-listed
  elif [ "$PERSONS" != 0 ]; then
    REPLY='a person is logged in, or nobody can say' REFUSAL=person-present
  elif [ "$PACKAGES" != false ]; then
    REPLY='packages are being installed, or nobody can say' REFUSAL=packages-busy
  elif { IFS= read -r last <"$RUN_DIR/restarted-$1"; } 2>/dev/null && [[ $last =~ ^[0-9]+$ ]]; then
    uptime_seconds
    [ $((NOW - last)) -ge "$RESTART_AGAIN_SECONDS" ] ||
      REPLY="$1 was restarted $((NOW - last)) s ago already" REFUSAL=done-already
  fi
  [ -z "$REPLY" ]
}

# Succeeds when the unit runs with a new main process that stays, and systemd has not restarted it
# meanwhile. Says in REPLY what went wrong.
restart_unit() { # UNIT
  local old new again restarts
  unit_property "$1" MainPID
  old=$REPLY
  uptime_seconds
  # Written first: a restart that hangs or kills the host must count too. Kept in /run, so that a
  # reboot begins a new count.
  printf '%s\n' "$NOW" >"$RUN_DIR/restarted-$1" || {
    REPLY='cannot write the restart marker'
    return 1
  }
  if ! bounded 90 systemctl restart -- "$1"; then
    REPLY="the restart of $1 failed"
    return 1
  fi
  unit_property "$1" MainPID
  new=$REPLY
  unit_property "$1" NRestarts # empty before systemd 235
  restarts=$REPLY
  bounded $((SETTLE_SECONDS + 5)) sleep "$SETTLE_SECONDS"
  unit_property "$1" MainPID
  again=$REPLY
  unit_property "$1" ActiveState
  if [ "$REPLY" != active ] || [ "$new" = "$old" ] || [ "$new" != "$again" ] ||
    [ ! -d "/proc/$again" ]; then
    REPLY="$1 did not stay up after its restart"
    return 1
  fi
  unit_property "$1" NRestarts
  if [ "$REPLY" != "$restarts" ]; then
    REPLY="systemd restarts $1 again and again"
    return 1
  fi
}
