# shellcheck shell=bash
# high-cpu, the looking half: which process is busy in every one of several samples. One look proves
# nothing, and a process is the same only if its start time is.

SAMPLES=4
SAMPLE_SECONDS=2
STEAL_PERCENT_MAX=20 # Above this the host is starved from outside, and nothing in here would help.
KERNEL_THREAD=$((0x200000))

CORES=1 TICKS=100 LOAD=null BUSY_PERCENT=null STEAL_PERCENT=null BURSTABLE=false
# By "pid starttime": ticks at the newest sample, how many intervals were seen, the smallest and the
# newest share in percent of one core.
declare -A LAST=() SEEN=() LEAST=() NEWEST=()
INTERVALS=0 SAMPLED_AT=0 STAT=() STAT_BEFORE=() ANCESTORS=' '
TOP='' OFFENDER='' OFFENDER_PID=null PROTECTED_OFFENDER='' UNIT='' COMM='' OLD_NICE=null
CPU_BEFORE=null CPU_AFTER=null UNIT_BEFORE=0 QUOTA_PERCENT=null ACTED=()

details() {
  local unit acted
  json_string "$UNIT" 120
  unit=$REPLY
  json_strings 4 12 ${ACTED[@]+"${ACTED[@]}"}
  acted=$REPLY
  REPLY="\"cores\":$CORES,\"load1\":$LOAD,\"busy_percent\":$BUSY_PERCENT"
  REPLY+=",\"steal_percent\":$STEAL_PERCENT,\"burstable\":$BURSTABLE,\"unit\":$unit"
  REPLY+=",\"pid\":$OFFENDER_PID,\"cpu_before\":$CPU_BEFORE"
  REPLY+=",\"cpu_after\":$CPU_AFTER,\"old_nice\":$OLD_NICE,\"quota_percent\":$QUOTA_PERCENT"
  REPLY+=",\"acted\":$acted,\"top\":[$TOP],"
}

check_parameters() {
  parameter Deadline 120 '^([2-9][0-9]|[12][0-9][0-9]|300)$' \
    'Seconds after which the script ends by itself.'
  units_parameter
  parameter CpuPercent 80 '^[1-9][0-9]{0,3}$' \
    'A process is an offender above this share of one core in every sample.'
}

look_at_host() {
  local number product='' pid=$$
  number=$(bounded 2 nproc --all 2>/dev/null)
  [[ ! $number =~ ^[1-9][0-9]{0,3}$ ]] || CORES=$number
  number=$(bounded 2 getconf CLK_TCK 2>/dev/null)
  [[ ! $number =~ ^[1-9][0-9]{0,4}$ ]] || TICKS=$number
  IFS=' ' read -r number _ </proc/loadavg
  [[ ! $number =~ ^[0-9]{1,6}\.[0-9]{2}$ ]] || LOAD=$number
  # Burstable types lose their processor when their credits are spent; it shows here as steal.
  IFS= read -r product 2>/dev/null </sys/class/dmi/id/product_name
  case $product in t[2-9].* | t[2-9][a-z].*) BURSTABLE=true ;; esac
  while [ "$pid" -gt 1 ]; do
    ANCESTORS+="$pid "
    process "$pid" || break
    pid=$PARENT
  done
}

# Sets PARENT, FLAGS, SPENT, NICE and START. The name in brackets may hold anything, brackets and
# newlines too, so the fields are counted from the last bracket.
process() { # PID
  local line=''
  IFS= read -r -d '' line 2>/dev/null <"/proc/$1/stat"
  case $line in *') '*) ;; *) return 1 ;; esac
  # Numbers and one letter: splitting is what is wanted.
  # shellcheck disable=SC2086
  set -- ${line##*) }
  [ "$#" -ge 20 ] || return 1
  PARENT=$2 FLAGS=$7 SPENT=$((${12} + ${13})) NICE=${17} START=${20}
}

sample_host() {
  local fields now
  STAT_BEFORE=(${STAT[@]+"${STAT[@]}"})
  IFS=' ' read -r _ fields </proc/stat
  IFS=' ' read -r now _ </proc/uptime
  NOW_TICKS=${now/./}
  [[ $fields =~ ^[0-9\ ]+$ ]] || return 0
  # shellcheck disable=SC2206
  STAT=($fields)
}

sample() {
  local directory pid key share elapsed before=$SAMPLED_AT
  sample_host
  elapsed=$((NOW_TICKS - before))
  SAMPLED_AT=$NOW_TICKS
  NEWEST=()
  for directory in /proc/[0-9]*; do
    pid=${directory#/proc/}
    process "$pid" || continue
    [ $((FLAGS & KERNEL_THREAD)) -eq 0 ] || continue
    key="$pid $START"
    if [ -n "${LAST[$key]-}" ] && [ "$elapsed" -gt 0 ]; then
      share=$(((SPENT - ${LAST[$key]}) * 10000 / (TICKS * elapsed)))
      SEEN[$key]=$((${SEEN[$key]-0} + 1))
      NEWEST[$key]=$share
      [ "${LEAST[$key]-$share}" -lt "$share" ] || LEAST[$key]=$share
    fi
    LAST[$key]=$SPENT
  done
  [ "$before" -eq 0 ] || INTERVALS=$((INTERVALS + 1))
}

sum_up_host() {
  local i total=0 idle steal number
  for i in 0 1 2 3 4 5 6 7; do
    number=$((${STAT[$i]-0} - ${STAT_BEFORE[$i]-0}))
    total=$((total + number))
  done
  [ "$total" -gt 0 ] || return 0
  idle=$((${STAT[3]-0} - ${STAT_BEFORE[3]-0} + ${STAT[4]-0} - ${STAT_BEFORE[4]-0}))
  steal=$((${STAT[7]-0} - ${STAT_BEFORE[7]-0}))
  BUSY_PERCENT=$(((total - idle) * 100 / total))
  STEAL_PERCENT=$((steal * 100 / total))
}

is_sustained() { # KEY
  [ "${SEEN[$1]-0}" -eq "$INTERVALS" ] && [ "${LEAST[$1]-0}" -ge "$SSM_CpuPercent" ]
}

take_samples() {
  local i
  sample
  for ((i = 1; i < SAMPLES; i++)); do
    bounded 5 sleep "$SAMPLE_SECONDS"
    sample
  done
  sum_up_host
}

# Names the five busiest, and finds the busiest sustained one that may be treated.
rank() {
  local key best listed=' ' pid unit comm sustained
  for _ in 1 2 3 4 5; do
    best=''
    for key in "${!NEWEST[@]}"; do
      case $listed in *" ${key% *} "*) continue ;; esac
      [ "${NEWEST[$key]}" -gt 0 ] || continue
      if [ -z "$best" ] || [ "${NEWEST[$key]}" -gt "${NEWEST[$best]}" ]; then best=$key; fi
    done
    [ -n "$best" ] || break
    pid=${best% *} sustained=false
    listed+="$pid "
    unit_of "$pid"
    unit=$REPLY
    comm_of "$pid"
    comm=$REPLY
    if is_sustained "$best"; then
      sustained=true
      consider "$best" "$unit" "$comm"
    fi
    json_string "$comm" 16
    comm=$REPLY
    json_string "$unit" 60
    TOP+="${TOP:+,}{\"pid\":$pid,\"comm\":$comm,\"unit\":$REPLY,\"cpu\":${NEWEST[$best]}"
    TOP+=",\"sustained\":$sustained}"
  done
}

consider() { # KEY UNIT COMM
  local pid=${1% *}
  case $ANCESTORS in *" $pid "*) return ;; esac
  if [ "$pid" -le 2 ] || protected "$2" || protected "$3"; then
    PROTECTED_OFFENDER=${PROTECTED_OFFENDER:-$3}
  elif [ -z "$OFFENDER" ]; then
    OFFENDER=$1 OFFENDER_PID=$pid UNIT=$2 COMM=$3 CPU_BEFORE=${NEWEST[$1]}
  fi
}
