# shellcheck shell=bash
# What the kernel counts for a unit: its control group, where there is version 2 of them. Reads only,
# and forks nothing.

declare -A UNIT_GROUP=() # by unit: the directory of its group

find_groups() { # sets UNIT_GROUP, if there is version 2, alone or beside version 1
  local root
  UNIT_GROUP=()
  for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
    [ -e "$root/cgroup.controllers" ] || continue
    find_units_below "$root"
    return
  done
}

# Slices hold slices, services and scopes. What is below a service or scope is its own affair.
find_units_below() { # DIRECTORY
  local entry name
  for entry in "$1"/*/; do
    entry=${entry%/} name=${entry##*/}
    case $name in
      *.slice) find_units_below "$entry" ;;
      *) [[ ! $name =~ $UNIT_NAME ]] || UNIT_GROUP[$name]=$entry ;;
    esac
  done
}

PERCENT='([0-9]{1,3}\.[0-9]+)'

# A pressure file says for how long something had to wait: of the last 10 and 60 seconds in percent,
# and in all, in microseconds. Where the kernel does not count, the file cannot be read.
read_pressure() { # FILE; sets SOME10, SOME60, FULL10 and SOME_TOTAL, or leaves them `null`
  local lines=() line ten sixty total
  SOME10=null SOME60=null FULL10=null SOME_TOTAL=null
  { mapfile -t lines <"$1"; } 2>/dev/null
  for line in ${lines[@]+"${lines[@]}"}; do
    [[ $line =~ ^(some|full)\ avg10=$PERCENT\ avg60=$PERCENT\ .*total=([0-9]{1,18})$ ]] || continue
    ten=${BASH_REMATCH[2]} sixty=${BASH_REMATCH[3]} total=${BASH_REMATCH[4]}
    # Not every script asks for each of them.
    # shellcheck disable=SC2034
    case $line in
      some*) SOME10=$ten SOME60=$sixty SOME_TOTAL=$total ;;
      full*) FULL10=$ten ;;
    esac
  done
}

# `40.25` reaches 40, and what is not known reaches nothing.
reaches() { # DECIMAL LEAST
  [ "$1" != null ] && [ "${1%%.*}" -ge "$2" ]
}
