# shellcheck shell=bash
# memory-pressure, the looking half: how short memory is, and which unit holds it. The counts are of
# memory that cannot simply be dropped: anonymous and shared, not cached files.

TOTAL_KB=0 AVAILABLE_PERCENT=null AVAILABLE_BEFORE=null SWAP_FREE_KB=null
PSI_SOME=null PSI_FULL=null OOM_KILLS=null
TOP=() TOP_UNIT='' TOP_UNIT_KB=0 UNIT='' UNIT_KB=null UNIT_KB_BEFORE=null RESTARTED=false

details() {
  local top='' entry unit
  for entry in ${TOP[@]+"${TOP[@]}"}; do
    json_string "${entry#* }" 100
    top+=${top:+,}[${entry%% *},$REPLY]
  done
  json_string "$UNIT" 120
  unit=$REPLY
  REPLY="\"total_kb\":$TOTAL_KB,\"available_percent_before\":$AVAILABLE_BEFORE"
  REPLY+=",\"available_percent_after\":$AVAILABLE_PERCENT,\"psi_some10\":$PSI_SOME"
  REPLY+=",\"psi_full10\":$PSI_FULL,\"oom_kills\":$OOM_KILLS,\"swap_free_kb\":$SWAP_FREE_KB"
  REPLY+=",\"unit\":$unit,\"unit_kb_before\":$UNIT_KB_BEFORE,\"unit_kb_after\":$UNIT_KB"
  REPLY+=",\"restarted\":$RESTARTED,\"top_kb\":[$top],"
}

check_parameters() {
  parameter Deadline 120 '^([2-9][0-9]|[12][0-9][0-9]|300)$' \
    'Seconds after which the script ends by itself.'
  units_parameter
  parameter UnitPercent 40 '^[1-9][0-9]?$' \
    'A unit is restarted only if it holds this much of all memory.'
  parameter AvailablePercent 20 '^[1-9][0-9]?$' \
    'Nothing is done while more than this much of all memory is available.'
}

look_at_memory() {
  local key value available=''
  while IFS=' ' read -r key value _; do
    [[ $value =~ ^[0-9]{1,15}$ ]] || continue
    case $key in
      MemTotal:) TOTAL_KB=$value ;;
      MemAvailable:) available=$value ;;
      SwapFree:) SWAP_FREE_KB=$value ;;
    esac
  done </proc/meminfo
  if [ "$TOTAL_KB" -eq 0 ] || [ -z "$available" ]; then
    finish error 3 'cannot read the state of memory'
  fi
  AVAILABLE_PERCENT=$((available * 100 / TOTAL_KB))
}

# Not every kernel counts these.
look_at_pressure() {
  local kind average
  while IFS=' ' read -r kind average _; do
    average=${average#avg10=}
    [[ $average =~ ^[0-9]{1,3}\.[0-9]+$ ]] || continue
    case $kind in
      some) PSI_SOME=$average ;;
      full) PSI_FULL=$average ;;
    esac
  done 2>/dev/null </proc/pressure/memory
  while IFS=' ' read -r kind average; do
    [ "$kind" != oom_kill ] || [[ ! $average =~ ^[0-9]+$ ]] || OOM_KILLS=$average
  done 2>/dev/null </proc/vmstat
}

# Sums anonymous memory by unit. Shared memory is counted once for each unit, as its largest user
# shows it: a database's processes all map the same segment.
look_at_units_memory() {
  local line pid key value unit best
  local -A units=() anonymous=() shared=()
  TOP=() TOP_UNIT='' TOP_UNIT_KB=0
  while IFS=$': \t' read -r line key value _; do
    pid=${line#/proc/}
    pid=${pid%/status}
    [[ $pid =~ ^[0-9]+$ && $value =~ ^[1-9][0-9]{0,14}$ ]] || continue
    if [ -z "${units[$pid]-}" ]; then
      unit_of "$pid"
      units[$pid]=$REPLY
    fi
    unit=${units[$pid]}
    if [ "$key" = RssAnon ]; then
      anonymous[$unit]=$((${anonymous[$unit]-0} + value))
    elif [ "$value" -gt "${shared[$unit]-0}" ]; then
      shared[$unit]=$value
    fi
  done < <(bounded 10 grep -sE '^Rss(Anon|Shmem):' /proc/[0-9]*/status 2>/dev/null)
  for unit in "${!shared[@]}"; do
    anonymous[$unit]=$((${anonymous[$unit]-0} + ${shared[$unit]}))
  done
  [ -z "$UNIT" ] || UNIT_KB=${anonymous[$UNIT]-0}
  while [ "${#TOP[@]}" -lt 5 ]; do
    best=''
    for unit in "${!anonymous[@]}"; do
      [ "${anonymous[$unit]}" -gt 0 ] || continue
      if [ -z "$best" ] || [ "${anonymous[$unit]}" -gt "${anonymous[$best]}" ]; then best=$unit; fi
    done
    [ -n "$best" ] || break
    [ -n "$TOP_UNIT" ] || TOP_UNIT=$best TOP_UNIT_KB=${anonymous[$best]}
    TOP+=("${anonymous[$best]} $best")
    anonymous[$best]=0
  done
}
