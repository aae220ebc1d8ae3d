# shellcheck shell=bash
# high-cpu, the looking half: which unit keeps the processors busy in every one of several samples,
# and whether anybody else waits for them. A unit is what counts: many small workers and children
# that live for a moment are in nobody's list of busy processes.

SAMPLES=4
SAMPLE_SECONDS=2
STEAL_PERCENT_MAX=20  # Above this the host is starved from outside, and nothing in here would help.
IOWAIT_PERCENT_MAX=20 # Above this a host that is not busy waits for its disks.
OTHERS_WAIT_PERCENT=10
KERNEL_THREAD=$((0x200000))

CORES=1 TICKS=100 LOAD=null BURSTABLE=false PSI_SOME=null
BUSY_PERCENT=null STEAL_PERCENT=null IOWAIT_PERCENT=null OTHERS_WAIT=null
INTERVALS=0 SAMPLED_AT=0 STAT=() STAT_BEFORE=()
# By "pid starttime": ticks at the newest sample, the newest share in percent of one core, the unit.
declare -A LAST=() NEWEST=() UNIT_OF=()
# By unit: microseconds at the newest sample, in how many intervals it was seen, the smallest and the
# newest share, for how long something of it waited, and the newest share of that.
declare -A USED=() SEEN=() LEAST=() SHARE=() WAITED=() WAIT=()
TOP=() UNIT='' COMM='' PID=null OLD_NICE=null CPU_BEFORE=null CPU_AFTER=null QUOTA_PERCENT=null
ACTED=() UNDONE=() OWNER_UNITS=()

details() { # full|short
  local line top='' entry count=5
  [ "$1" = full ] || count=2
  for entry in ${TOP[@]+"${TOP[@]:0:count}"}; do top+=${top:+,}$entry; done
  line="\"cores\":$CORES,\"load1\":$LOAD,\"busy_percent\":$BUSY_PERCENT"
  line+=",\"steal_percent\":$STEAL_PERCENT,\"iowait_percent\":$IOWAIT_PERCENT"
  line+=",\"psi_some10\":$PSI_SOME,\"others_wait_percent\":$OTHERS_WAIT,\"burstable\":$BURSTABLE"
  json_string "$UNIT" 120
  line+=",\"unit\":$REPLY,\"pid\":$PID,\"cpu_before\":$CPU_BEFORE,\"cpu_after\":$CPU_AFTER"
  line+=",\"old_nice\":$OLD_NICE,\"quota_percent\":$QUOTA_PERCENT"
  json_strings 3 50 ${OWNER_UNITS[@]+"${OWNER_UNITS[@]}"}
  line+=",\"owner_units\":$REPLY"
  json_strings 6 40 ${ACTED[@]+"${ACTED[@]}"}
  line+=",\"acted\":$REPLY"
  json_strings 4 12 ${UNDONE[@]+"${UNDONE[@]}"}
  REPLY="$line,\"undone\":$REPLY,\"top\":[$top],"
}

check_parameters() {
  parameter Deadline 120 '^([2-9][0-9]|[12][0-9][0-9]|300)$' \
    'Seconds after which the script ends by itself.'
  units_parameter
  parameter BusyPercent 80 '^[1-9][0-9]?$' \
    'The host is in trouble when this much of all cores is in use.'
  parameter CpuPercent 80 '^[1-9][0-9]{0,3}$' \
    'A unit is treated only if it is above this share of one core in every sample.'
  parameter UnitPercent 40 '^[0-9][0-9]?$' \
    'A unit is treated only if this much of what is in use is its own.'
}

look_at_host() {
  local number product=''
  number=$(bounded 2 nproc --all)
  [[ ! $number =~ ^[1-9][0-9]{0,3}$ ]] || CORES=$number
  number=$(bounded 2 getconf CLK_TCK)
  [[ ! $number =~ ^[1-9][0-9]{0,4}$ ]] || TICKS=$number
  IFS=' ' read -r number _ </proc/loadavg
  [[ ! $number =~ ^[0-9]{1,6}\.[0-9]{2}$ ]] || LOAD=$number
  read_pressure /proc/pressure/cpu
  PSI_SOME=$SOME10
  # Burstable types lose their processor when their credits are spent; it shows here as steal.
  IFS= read -r product 2>/dev/null </sys/class/dmi/id/product_name
  case $product in t[2-9].* | t[2-9][a-z].*) BURSTABLE=true ;; esac
}

# ---- samples ----------------------------------------------------------------------------------

# Sets FLAGS, SPENT, REAPED, NICE and START. The name in brackets may hold anything, brackets and
# newlines too, so the fields are counted from the last bracket.
process() { # STAT_FILE
  local line=''
  IFS= read -r -d '' line 2>/dev/null <"$1"
  case $line in *') '*) ;; *) return 1 ;; esac
  # Numbers and one letter: splitting is what is wanted.
  # shellcheck disable=SC2086
  set -- ${line##*) }
  [ "$#" -ge 20 ] || return 1
  FLAGS=$7 SPENT=$((${12} + ${13})) REAPED=$((${14} + ${15})) NICE=${17} START=${20}
}

sample_host() {
  local lines=() fields now
  STAT_BEFORE=(${STAT[@]+"${STAT[@]}"})
  mapfile -t -n 1 lines </proc/stat
  fields=${lines[0]#cpu}
  IFS=' ' read -r now _ </proc/uptime
  NOW_TICKS=${now/./}
  [[ $fields =~ ^[0-9\ ]+$ ]] || return 0
  # shellcheck disable=SC2206
  STAT=($fields)
}

# What a process waited for and what its ended children used is its unit's too. Where there are
# control groups, their own count is better: it also knows the children that nobody waited for.
sample_processes() { # ELAPSED; sets NOW_USED
  local directory pid key seen=0
  NEWEST=()
  for directory in /proc/[0-9]*; do
    seen=$((seen + 1))
    [ $((seen % 500)) -ne 0 ] || end_in_time
    pid=${directory#/proc/}
    process "$directory/stat" || continue
    key="$pid $START"
    if [ $((FLAGS & KERNEL_THREAD)) -ne 0 ]; then
      REPLY=kernel
    elif [ -n "${UNIT_OF[$key]-}" ]; then
      REPLY=${UNIT_OF[$key]}
    else
      unit_of "$pid"
    fi
    UNIT_OF[$key]=$REPLY
    NOW_USED[$REPLY]=$((${NOW_USED[$REPLY]-0} + (SPENT + REAPED) * 1000000 / TICKS))
    [ -z "${LAST[$key]-}" ] || [ "$1" -le 0 ] ||
      NEWEST[$key]=$(((SPENT - ${LAST[$key]}) * 10000 / (TICKS * $1)))
    LAST[$key]=$SPENT
  done
}

sample_groups() { # ELAPSED; sets NOW_USED and WAIT
  local unit name value
  find_groups
  WAIT=()
  for unit in "${!UNIT_GROUP[@]}"; do
    { IFS=' ' read -r name value <"${UNIT_GROUP[$unit]}/cpu.stat"; } 2>/dev/null || continue
    [[ $name,$value =~ ^usage_usec,[0-9]{1,18}$ ]] || continue
    NOW_USED[$unit]=$value
    read_pressure "${UNIT_GROUP[$unit]}/cpu.pressure"
    [ "$SOME_TOTAL" != null ] || continue
    [ -z "${WAITED[$unit]-}" ] || [ "$1" -le 0 ] ||
      WAIT[$unit]=$(((SOME_TOTAL - ${WAITED[$unit]}) / ($1 * 100)))
    WAITED[$unit]=$SOME_TOTAL
  done
}

sample() {
  local unit share elapsed before=$SAMPLED_AT
  local -A NOW_USED=()
  sample_host
  elapsed=$((NOW_TICKS - before))
  [ "$before" -ne 0 ] || elapsed=0
  SAMPLED_AT=$NOW_TICKS
  sample_processes "$elapsed"
  sample_groups "$elapsed"
  SHARE=()
  for unit in "${!NOW_USED[@]}"; do
    if [ -n "${USED[$unit]-}" ] && [ "$elapsed" -gt 0 ]; then
      share=$(((${NOW_USED[$unit]} - ${USED[$unit]}) / (elapsed * 100)))
      [ "$share" -ge 0 ] || share=0
      SHARE[$unit]=$share
      SEEN[$unit]=$((${SEEN[$unit]-0} + 1))
      [ "${LEAST[$unit]-$share}" -lt "$share" ] || LEAST[$unit]=$share
    fi
    USED[$unit]=${NOW_USED[$unit]}
  done
  [ "$elapsed" -eq 0 ] || INTERVALS=$((INTERVALS + 1))
}

end_in_time() {
  seconds_left
  [ "$LEFT" -gt 0 ] ||
    finish failed 0 "deadline of $SSM_Deadline s reached while looking" out-of-time
}

sum_up_host() { # of the time since STAT_BEFORE
  local i total=0 idle wait steal
  for i in 0 1 2 3 4 5 6 7; do
    total=$((total + ${STAT[$i]-0} - ${STAT_BEFORE[$i]-0}))
  done
  [ "$total" -gt 0 ] || return 0
  idle=$((${STAT[3]-0} - ${STAT_BEFORE[3]-0}))
  wait=$((${STAT[4]-0} - ${STAT_BEFORE[4]-0}))
  steal=$((${STAT[7]-0} - ${STAT_BEFORE[7]-0}))
  BUSY_PERCENT=$(((total - idle - wait) * 100 / total))
  STEAL_PERCENT=$((steal * 100 / total))
  IOWAIT_PERCENT=$((wait * 100 / total))
}

take_samples() {
  local i first
  sample
  first=(${STAT[@]+"${STAT[@]}"})
  for ((i = 1; i < SAMPLES; i++)); do
    bounded 5 sleep "$SAMPLE_SECONDS"
    end_in_time
    sample
  done
  STAT_BEFORE=(${first[@]+"${first[@]}"})
  sum_up_host
}

# ---- who it is --------------------------------------------------------------------------------

# Names the five busiest units, each with its busiest process, and the first of them as the culprit.
rank() {
  local best='' unit sustained entry listed=' ' count=0
  TOP=()
  while [ "$count" -lt 5 ]; do
    best='' count=$((count + 1))
    for unit in "${!SHARE[@]}"; do
      case $listed in *" $unit "*) continue ;; esac
      [ "${SHARE[$unit]}" -gt 0 ] || continue
      [ -n "$best" ] && [ "${SHARE[$unit]}" -le "${SHARE[$best]}" ] || best=$unit
    done
    [ -n "$best" ] || return 0
    listed+="$best "
    busiest_of "$best"
    sustained=false
    ! is_sustained "$best" || sustained=true
    [ "$count" -gt 1 ] || UNIT=$best COMM=$REPLY PID=$BUSIEST CPU_BEFORE=${SHARE[$best]}
    json_string "$REPLY" 16
    entry="{\"pid\":${BUSIEST/null/0},\"comm\":$REPLY"
    json_string "$best" 60
    entry+=",\"unit\":$REPLY,\"cpu\":${SHARE[$best]},\"processes\":$MEMBERS"
    TOP+=("$entry,\"sustained\":$sustained}")
  done
}

busiest_of() { # UNIT; sets REPLY to a name, BUSIEST to a number and MEMBERS to how many there are
  local key best=''
  BUSIEST=null MEMBERS=0 REPLY='?'
  for key in "${!NEWEST[@]}"; do
    [ "${UNIT_OF[$key]}" = "$1" ] || continue
    MEMBERS=$((MEMBERS + 1))
    [ -n "$best" ] && [ "${NEWEST[$key]}" -le "${NEWEST[$best]}" ] || best=$key
  done
  [ -n "$best" ] || return 0
  BUSIEST=${best% *}
  comm_of "$BUSIEST"
}

is_sustained() { # UNIT
  [ "${SEEN[$1]-0}" -eq "$INTERVALS" ] && [ "${LEAST[$1]-0}" -ge "$SSM_CpuPercent" ]
}

# How long others than the culprit had to wait, of the newest interval; by the units' own counts,
# since the host's knows also those that wait for each other. `null` where nobody counts.
look_who_waits() {
  local unit
  OTHERS_WAIT=null
  for unit in "${!WAIT[@]}"; do
    if [ "$unit" = "$UNIT" ]; then continue; fi
    [ "$OTHERS_WAIT" != null ] && [ "${WAIT[$unit]}" -le "$OTHERS_WAIT" ] ||
      OTHERS_WAIT=${WAIT[$unit]}
  done
}
