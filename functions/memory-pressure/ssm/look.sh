# shellcheck shell=bash
# memory-pressure, the looking half: whether the host waits for memory, and what holds it. The counts
# are of memory that cannot simply be dropped: anonymous and shared, in memory or in swap, and not
# cached files.

LAST_LOOK=$RUN_DIR/memory-look
OOM_RECENT_SECONDS=900 # An OOM kill before the last look that is older says nothing about now.
TMPFS_MAX=100

TOTAL_KB=0 AVAILABLE_KB='' AVAILABLE_PERCENT=null AVAILABLE_BEFORE=null SWAP_TOTAL_KB=null
SWAP_FREE_KB=null SHMEM_KB=null SLAB_KB=null HUGE_KB=0 KERNEL_KB=0
PSI_SOME=null PSI_SOME60=null PSI_FULL=null PSI_NOW=null PSI_TOTAL=null PSI_AT=0
OOM_KILLS=null OOM_KILLS_NEW=null
TOP=() KIND='' CULPRIT='' CULPRIT_KB=0 CULPRIT_SWAP_KB=0 PROCESS='' PROCESS_PID=null
CULPRIT_KILLS=null GROWN_KB=null GROWN_SECONDS=null WAITING=() UNIT='' UNIT_KB=null UNIT_KB_BEFORE=null
ACTED=() OWNER_UNITS=() MEMORY_HIGH_KB=null RESTARTED=false
declare -A HELD=() SWAPPED=() LARGEST=() TMPFS=() BEFORE=()

entries() { # BYTES ENTRY...; sets REPLY to `[number,"text"],...` of entries `number text`
  local bytes=$1 entry list=''
  shift
  for entry in "$@"; do
    json_string "${entry#* }" "$bytes"
    list+=${list:+,}[${entry%% *},$REPLY]
  done
  REPLY=$list
}

details() { # full|short
  local bytes=60 line
  [ "$1" = full ] || bytes=30
  line="\"total_kb\":$TOTAL_KB,\"available_percent_before\":$AVAILABLE_BEFORE"
  line+=",\"available_percent_after\":$AVAILABLE_PERCENT,\"psi_some10\":$PSI_SOME"
  line+=",\"psi_some60\":$PSI_SOME60,\"psi_full10\":$PSI_FULL,\"psi_now\":$PSI_NOW"
  line+=",\"oom_kills\":$OOM_KILLS,\"oom_kills_new\":$OOM_KILLS_NEW"
  line+=",\"swap_total_kb\":$SWAP_TOTAL_KB,\"swap_free_kb\":$SWAP_FREE_KB"
  line+=",\"shmem_kb\":$SHMEM_KB,\"slab_kb\":$SLAB_KB,\"huge_kb\":$HUGE_KB"
  json_string "$KIND" 12
  line+=",\"culprit\":{\"kind\":$REPLY"
  json_string "$CULPRIT" 80
  line+=",\"name\":$REPLY,\"kb\":$CULPRIT_KB,\"swap_kb\":$CULPRIT_SWAP_KB"
  json_string "$PROCESS" 16
  line+=",\"process\":$REPLY,\"pid\":$PROCESS_PID,\"oom_kills\":$CULPRIT_KILLS"
  line+=",\"grown_kb\":$GROWN_KB,\"grown_seconds\":$GROWN_SECONDS}"
  json_string "$UNIT" 120
  line+=",\"unit\":$REPLY,\"unit_kb_before\":$UNIT_KB_BEFORE,\"unit_kb_after\":$UNIT_KB"
  json_strings 3 50 ${OWNER_UNITS[@]+"${OWNER_UNITS[@]}"}
  line+=",\"owner_units\":$REPLY"
  json_strings 6 40 ${ACTED[@]+"${ACTED[@]}"}
  line+=",\"acted\":$REPLY,\"memory_high_kb\":$MEMORY_HIGH_KB,\"restarted\":$RESTARTED"
  entries "$bytes" ${TOP[@]+"${TOP[@]}"}
  line+=",\"top_kb\":[$REPLY]"
  entries "$bytes" ${WAITING[@]+"${WAITING[@]}"}
  REPLY="$line,\"waiting\":[$REPLY],"
}

check_parameters() {
  parameter Deadline 120 '^([2-9][0-9]|[12][0-9][0-9]|300)$' \
    'Seconds after which the script ends by itself.'
  units_parameter
  parameter OptIns '' '^([a-z]+(-[a-z]+)*(,[a-z]+(-[a-z]+)*)*)?$' \
    'What the owner allows besides, separated by commas: memory-reclaim, or nothing.'
  parameter UnitPercent 40 '^[1-9][0-9]?$' \
    'A unit is treated only if it holds this much of all memory.'
  parameter PressurePercent 10 '^[1-9][0-9]?$' \
    'The host is in trouble when something waits for memory for this share of the time.'
  parameter AvailablePercent 20 '^[1-9][0-9]?$' \
    'Memory is short when no more is available; decides where the kernel counts no pressure.'
}

opted_in() { # WORD
  case ,$SSM_OptIns, in *,"$1",*) ;; *) return 1 ;; esac
}

# ---- the host ---------------------------------------------------------------------------------

look_at_memory() {
  local lines=() line key value
  KERNEL_KB=0
  mapfile -t lines </proc/meminfo
  for line in ${lines[@]+"${lines[@]}"}; do
    [[ $line =~ ^([A-Za-z]+):\ *([0-9]{1,15})\ kB$ ]] || continue
    key=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
    case $key in
      MemTotal) TOTAL_KB=$value ;;
      MemAvailable) AVAILABLE_KB=$value ;;
      SwapTotal) SWAP_TOTAL_KB=$value ;;
      SwapFree) SWAP_FREE_KB=$value ;;
      Shmem) SHMEM_KB=$value ;;
      Slab) SLAB_KB=$value ;;
      SUnreclaim | PageTables | KernelStack) KERNEL_KB=$((KERNEL_KB + value)) ;;
      Hugetlb) HUGE_KB=$value ;;
    esac
  done
  if [ "$TOTAL_KB" -eq 0 ] || [ -z "$AVAILABLE_KB" ]; then
    finish error 3 'cannot read the state of memory' cannot-work
  fi
  AVAILABLE_PERCENT=$((AVAILABLE_KB * 100 / TOTAL_KB))
}

# The averages are the kernel's; PSI_NOW is the share since the look before this one, which knows
# nothing of what was before an act.
look_at_pressure() {
  local lines=() line key value now before=$PSI_TOTAL since=$PSI_AT
  IFS=' ' read -r now _ </proc/uptime
  PSI_AT=${now/./}
  read_pressure /proc/pressure/memory
  PSI_SOME=$SOME10 PSI_SOME60=$SOME60 PSI_FULL=$FULL10 PSI_TOTAL=$SOME_TOTAL
  if [ "$before" != null ] && [ "$PSI_TOTAL" != null ] && [ "$PSI_AT" -gt "$since" ]; then
    # microseconds of hundredths of a second, in percent
    PSI_NOW=$(((PSI_TOTAL - before) / ((PSI_AT - since) * 100)))
  fi
  mapfile -t lines </proc/vmstat
  for line in ${lines[@]+"${lines[@]}"}; do
    key=${line%% *} value=${line##* }
    [ "$key" != oom_kill ] || [[ ! $value =~ ^[0-9]{1,15}$ ]] || OOM_KILLS=$value
  done
}

# Which units wait most, by their own groups: one may wait at a limit of its own.
look_at_waiting_units() {
  local unit best
  local -A waits=()
  find_groups
  for unit in "${!UNIT_GROUP[@]}"; do
    read_pressure "${UNIT_GROUP[$unit]}/memory.pressure"
    ! reaches "$SOME10" 1 || waits[$unit]=${SOME10%%.*}
  done
  for _ in 1 2 3; do
    best=''
    for unit in "${!waits[@]}"; do
      [ -n "$best" ] && [ "${waits[$unit]}" -le "${waits[$best]}" ] || best=$unit
    done
    [ -n "$best" ] || break
    WAITING+=("${waits[$best]} $best")
    unset "waits[$best]"
  done
}

# ---- who holds it -----------------------------------------------------------------------------

# Sums by unit. Shared memory is counted once for each unit, as its largest user shows it: a
# database's processes all map the same segment. The largest process of a unit is its name for people.
look_at_units_memory() {
  local line pid='' key value unit
  local -A units=() shared=() all=()
  HELD=() SWAPPED=() LARGEST=()
  while IFS=$': \t' read -r line key value _; do
    pid=${line#/proc/}
    pid=${pid%/status}
    [[ $pid =~ ^[0-9]+$ && $value =~ ^[1-9][0-9]{0,14}$ ]] || continue
    if [ -z "${units[$pid]-}" ]; then
      unit_of "$pid"
      units[$pid]=$REPLY
    fi
    unit=${units[$pid]}
    all[$pid]=$((${all[$pid]-0} + value))
    [ "${all[$pid]}" -le "${all[${LARGEST[$unit]-none}]-0}" ] || LARGEST[$unit]=$pid
    case $key in
      RssShmem) [ "$value" -le "${shared[$unit]-0}" ] || shared[$unit]=$value ;;
      *) HELD[$unit]=$((${HELD[$unit]-0} + value)) ;;
    esac
    [ "$key" != VmSwap ] || SWAPPED[$unit]=$((${SWAPPED[$unit]-0} + value))
  done < <(bounded 10 grep -sE '^(Rss(Anon|Shmem)|VmSwap):' /proc/[0-9]*/status)
  [ -n "$pid" ] || warn units:not_read
  for unit in "${!shared[@]}"; do
    HELD[$unit]=$((${HELD[$unit]-0} + ${shared[$unit]}))
  done
  [ -z "$UNIT" ] || UNIT_KB=${HELD[$UNIT]-0}
}

# Files in memory, by where they are mounted.
look_at_tmpfs() {
  local i points=() size used free point
  TMPFS=()
  for i in "${!M_POINT[@]}"; do
    [ "${M_TYPE[$i]}" != tmpfs ] || [ "${#points[@]}" -ge "$TMPFS_MAX" ] ||
      points+=("${M_POINT[$i]}")
  done
  [ "${#points[@]}" -gt 0 ] || return 0
  while IFS=' ' read -r used free size point; do
    [[ $used =~ ^[0-9]{1,15}$ && $free =~ ^[0-9]{1,15}$ && $size =~ ^[0-9]{1,9}$ ]] || continue
    TMPFS[$point]=$(((used - free) * size / 1024))
  done < <(bounded 3 stat -f -c '%b %f %S %n' -- "${points[@]}")
}

rank_units() { # sets TOP to the five that hold most
  local unit best listed=' '
  TOP=()
  while [ "${#TOP[@]}" -lt 5 ]; do
    best=''
    for unit in "${!HELD[@]}"; do
      case $listed in *" $unit "*) continue ;; esac
      [ -n "$best" ] && [ "${HELD[$unit]}" -le "${HELD[$best]}" ] || best=$unit
    done
    [ -n "$best" ] || break
    listed+="$best "
    [ "${HELD[$best]}" -eq 0 ] || TOP+=("${HELD[$best]} $best")
  done
}

suspect() { # KIND NAME KB
  [ "$3" -gt "$CULPRIT_KB" ] || return 0
  KIND=$1 CULPRIT=$2 CULPRIT_KB=$3
}

# Whoever holds most, whatever it is.
name_culprit() {
  local point
  rank_units
  KIND='' CULPRIT='' CULPRIT_KB=0 CULPRIT_SWAP_KB=0 PROCESS='' PROCESS_PID=null
  [ "${#TOP[@]}" -eq 0 ] || suspect unit "${TOP[0]#* }" "${TOP[0]%% *}"
  for point in "${!TMPFS[@]}"; do suspect tmpfs "$point" "${TMPFS[$point]}"; done
  suspect huge-pages 'huge pages' "$HUGE_KB"
  suspect kernel 'the kernel' "$KERNEL_KB"
  [ "$KIND" = unit ] || return 0
  CULPRIT_SWAP_KB=${SWAPPED[$CULPRIT]-0}
  PROCESS_PID=${LARGEST[$CULPRIT]}
  comm_of "$PROCESS_PID"
  PROCESS=$REPLY
  count_kills_of "$CULPRIT"
}

count_kills_of() { # UNIT; sets CULPRIT_KILLS, by its own group
  local lines=() line
  [ -n "${UNIT_GROUP[$1]-}" ] || return 0
  { mapfile -t lines <"${UNIT_GROUP[$1]}/memory.events"; } 2>/dev/null
  for line in ${lines[@]+"${lines[@]}"}; do
    [[ ! $line =~ ^oom_kill\ ([0-9]{1,15})$ ]] || CULPRIT_KILLS=${BASH_REMATCH[1]}
  done
}

# ---- since the last look ----------------------------------------------------------------------

# `UPTIME OOM_KILLS`, then `KB KIND NAME` of whatever held memory. A reboot begins anew.
read_last_look() {
  local lines=() line at kills
  [ -f "$LAST_LOOK" ] && mapfile -t lines <"$LAST_LOOK"
  [[ ${lines[0]-} =~ ^([0-9]{1,12})\ ([0-9]{1,15}|null)$ ]] || return 0
  at=${BASH_REMATCH[1]} kills=${BASH_REMATCH[2]}
  uptime_seconds
  GROWN_SECONDS=$((NOW - at))
  for line in "${lines[@]:1}"; do
    [[ ! $line =~ ^([0-9]{1,15})\ (.+)$ ]] || BEFORE[${BASH_REMATCH[2]}]=${BASH_REMATCH[1]}
  done
  if [ "$kills" != null ] && [ "$OOM_KILLS" != null ] &&
    [ "$GROWN_SECONDS" -le "$OOM_RECENT_SECONDS" ]; then
    OOM_KILLS_NEW=$((OOM_KILLS - kills))
  fi
}

compare_with_last_look() {
  local entry
  read_last_look
  [ "$GROWN_SECONDS" = null ] || [ -z "$KIND" ] ||
    GROWN_KB=$((CULPRIT_KB - ${BEFORE[$KIND $CULPRIT]-0}))
  {
    printf '%s %s\n' "$STARTED_AT" "$OOM_KILLS"
    for entry in "${!HELD[@]}"; do printf '%s unit %s\n' "${HELD[$entry]}" "$entry"; done
    for entry in "${!TMPFS[@]}"; do
      printf '%s tmpfs %s\n' "${TMPFS[$entry]}" "${entry//[^ -~]/?}"
    done
    printf '%s huge-pages huge pages\n%s kernel the kernel\n' "$HUGE_KB" "$KERNEL_KB"
  } >"$LAST_LOOK"
}

# ---- judgement --------------------------------------------------------------------------------

# Pressure decides where the kernel counts it: memory that is in use is no trouble as long as nobody
# waits for it. An OOM kill with memory left is a unit's at its own limit, and where memory is left
# after one, the kernel has relieved the host. Says in REPLY what the numbers are.
in_trouble() {
  local swap='' kills=${OOM_KILLS_NEW/null/0} short=1
  local own=$((TOTAL_KB > HUGE_KB ? TOTAL_KB - HUGE_KB : TOTAL_KB))
  [ $((AVAILABLE_KB * 100 / own)) -gt "$SSM_AvailablePercent" ] || short=0
  [ "${SWAP_TOTAL_KB/null/0}" -eq 0 ] ||
    swap=", swap $((100 - SWAP_FREE_KB * 100 / SWAP_TOTAL_KB)) % full"
  REPLY="$AVAILABLE_PERCENT % available$swap"
  if [ "$PSI_SOME" = null ]; then return "$short"; fi
  REPLY="waited $PSI_SOME % of 10 s, $PSI_SOME60 % of 60 s; $REPLY"
  [ "$kills" -eq 0 ] || REPLY="$kills OOM kills; $REPLY"
  if [ "$kills" -gt 0 ] && [ "$short" -eq 0 ]; then return; fi
  reaches "$PSI_SOME" "$SSM_PressurePercent" || reaches "$PSI_SOME60" "$SSM_PressurePercent"
}

describe_culprit() { # sets REPLY
  REPLY=${CULPRIT:-nobody known}
  case $KIND in
    unit) REPLY+=" ($PROCESS)" ;;
    tmpfs) REPLY="files in $CULPRIT" ;;
  esac
  REPLY+=" $((CULPRIT_KB / 1024)) MB"
  [ "$CULPRIT_SWAP_KB" -eq 0 ] || REPLY+=", $((CULPRIT_SWAP_KB / 1024)) in swap"
  [ "${GROWN_KB/null/0}" -lt 1024 ] ||
    REPLY+=", +$((GROWN_KB / 1024)) in $((GROWN_SECONDS / 60)) min"
}
