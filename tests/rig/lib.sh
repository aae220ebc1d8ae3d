# shellcheck shell=bash disable=SC2016
# A host to try scripts on: systemd, booted by systemd-nspawn on a small ext4 image, without a
# network; and an imitation of what the Systems Manager agent does to a script. Sourced by the tests.
#
# Unlike a real instance it has this machine's kernel and Debian's programs, no snapd, docker or
# cloud-init, and no EBS. It imitates the agent's contract, not the agent.

RIG_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RIG_BASE=${RIG_BASE:-/var/tmp/remedy-rig}
RIG_CLONE=$RIG_BASE/clone
# Hosts of another rig, which works elsewhere, have names of another kind: they are not ours to end.
RIG_KIND=remedy-rig$(printf %s "$RIG_BASE" | cksum | cut -d ' ' -f 1)
OUT=$RIG_BASE/out
READ_RESULT=${CARGO_TARGET_DIR:-$RIG_HERE/../../target}/debug/examples/read-result
ORCHESTRATION=/var/lib/amazon/ssm/i-0123456789abcdef0/document/orchestration

say() { printf '%s\n' "$*" >&2; }

# ---- the host ---------------------------------------------------------------------------------

rig_use() { # NAME
  RIG_NAME=$RIG_KIND-$1-$$
  RIG=$RIG_BASE/$1
  ROOT=$RIG/root
  OUT=$RIG/out
  mkdir -p "$ROOT" "$OUT"
  rm -rf "${OUT:?}"/*
}

cgroup_directories() { # the host's own groups, whichever hierarchies there are
  local name
  if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
    printf '%s\n' "/sys/fs/cgroup/$RIG_NAME"
    return
  fi
  for name in systemd unified ${RIG_MEMORY:+memory cpu}; do
    [ ! -d "/sys/fs/cgroup/$name" ] || printf '%s\n' "/sys/fs/cgroup/$name/$RIG_NAME"
  done
}

pid_one() { # prints the number of the host's process 1 as this machine sees it
  local child
  for child in $(pgrep -P "$(cat "$RIG/nspawn.pid")" 2>/dev/null); do
    if [ "$(awk '/^NSpid/ { print $NF }' "/proc/$child/status" 2>/dev/null)" = 1 ]; then
      printf '%s\n' "$child"
      return
    fi
  done
  return 1
}

inside() { # COMMAND...: as root on the host, with the environment a service has
  local pid
  pid=$(pid_one) || return 1
  nsenter -t "$pid" -m -u -i -n -p -C -r -w -- \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" </dev/null
}

inside_with_input() { # COMMAND...
  local pid
  pid=$(pid_one) || return 1
  nsenter -t "$pid" -m -u -i -n -p -C -r -w -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

wait_until() { # SECONDS COMMAND...
  local rounds=$(($1 * 20))
  shift
  while ! "$@" >/dev/null 2>&1; do
    rounds=$((rounds - 1))
    [ "$rounds" -gt 0 ] || return 1
    sleep 0.05
  done
}

is_up() {
  case $(inside systemctl is-system-running 2>/dev/null) in
    running | degraded) return 0 ;;
  esac
  return 1
}

# `--keep-unit` and groups of its own: several hosts side by side, and nothing of this machine's
# hierarchy is touched. /tmp must lie on the small disk, where nspawn would put a tmpfs.
boot() {
  setsid bash -c '
    limit=$1
    while IFS= read -r directory; do
      mkdir -p "$directory"
      if [ -n "$limit" ]; then
        for file in memory.limit_in_bytes memory.max; do
          [ ! -e "$directory/$file" ] || echo "$limit" >"$directory/$file"
        done
        # What is measured on it must not depend on how busy the others are.
        [ ! -e "$directory/cpu.shares" ] || echo 16384 >"$directory/cpu.shares"
        [ ! -e "$directory/cpu.weight" ] || echo 1600 >"$directory/cpu.weight"
      fi
      echo $$ >"$directory/cgroup.procs"
    done <<<"$2"
    shift 2
    exec "$@"
  ' bash "${RIG_MEMORY-}" "$(cgroup_directories)" \
    env SYSTEMD_NSPAWN_TMPFS_TMP=0 systemd-nspawn -q -b -D "$ROOT" -M "$RIG_NAME" --register=no \
    --keep-unit --private-network ${RIG_MEMORY:+--private-users=identity} --resolv-conf=off \
    --timezone=off --link-journal=no -- systemd.mask=tmp.mount systemd.mask=dpkg-db-backup.timer \
    systemd.mask=console-getty.service systemd.mask=systemd-firstboot.service \
    systemd.firstboot=off </dev/null >"$RIG/console.log" 2>&1 &
  printf '%s\n' "$!" >"$RIG/nspawn.pid"
  wait_until 30 is_up || {
    say "the rig does not come up:"
    tail -n 20 "$RIG/console.log" >&2
    return 1
  }
}

rig_up() { # MEGABYTES
  truncate -s "$1M" "$RIG/disk.ext4"
  mkfs.ext4 -q -F -m 2 ${RIG_INODES:+-N "$RIG_INODES"} "$RIG/disk.ext4"
  mount -o loop,errors=remount-ro "$RIG/disk.ext4" "$ROOT"
  tar -C "$RIG_CLONE" -cf - . | tar -C "$ROOT" -xpf -
  mkdir -p "$ROOT/var/log/journal"
  [ -z "${RIG_UUTILS-}" ] || install -D "$RIG_UUTILS" "$ROOT/usr/local/lib/uutils"
  [ -z "${RIG_BASH-}" ] || install -D "$RIG_BASH" "$ROOT/usr/local/lib/bash"
  boot
}

# With --keep-unit, nspawn ends when the host calls reboot(2); then the machine is started again.
rig_reboot() {
  local nspawn
  nspawn=$(cat "$RIG/nspawn.pid")
  inside systemctl reboot 2>/dev/null
  wait_until 30 process_gone "$nspawn" || return 1
  wait "$nspawn" 2>/dev/null
  boot
}

process_gone() { ! kill -0 "$1" 2>/dev/null; }

# Never under `set -e`: whatever was half done must still be unmounted, or loop devices leak.
rig_down() {
  local nspawn one directory
  set +e
  nspawn=$(cat "$RIG/nspawn.pid" 2>/dev/null) one=$(pid_one)
  if [ -n "$nspawn" ]; then
    kill -TERM "$nspawn" 2>/dev/null # nspawn makes an orderly shutdown of it
    wait_until "${SHUTDOWN_SECONDS:-15}" process_gone "$nspawn" || kill -KILL "$nspawn" 2>/dev/null
    wait "$nspawn" 2>/dev/null
  fi
  # A host that shuts down stops whatever still runs in it, and who entered it stops too, for ever.
  [ -z "$one" ] || pkill -KILL -f "^nsenter -t $one "
  wait_until 10 unmounted "$RIG/view"
  wait_until 10 unmounted "$ROOT"
  while IFS= read -r directory; do
    wait_until 30 no_groups "$directory"
  done < <(cgroup_directories)
  rm -f "$RIG"/*.ext4 "$RIG/nspawn.pid"
}

unmounted() { # DIRECTORY
  ! mountpoint -q "$1" || { umount -R "$1" && ! mountpoint -q "$1"; }
}

no_groups() { # DIRECTORY
  find "$1" -depth -type d -exec rmdir {} \; 2>/dev/null
  [ ! -d "$1" ]
}

# What must not be left behind.
leaks() { # prints each
  losetup -a | grep -F "$RIG_BASE/"
  grep -F "$RIG_BASE/" /proc/self/mountinfo
  pgrep -a -f "$RIG_BASE/(disk|race|load|service|host|relief|heavy|docker)|$RIG_KIND-" | sed 's/^/process /'
  rig_groups
}

rig_groups() { # of all hosts that this rig has
  find /sys/fs/cgroup -maxdepth 2 -type d -name "$RIG_KIND-*"
}

# ---- what a test adds to the host --------------------------------------------------------------

HELPERS=() # processes on this machine that a test started

stop_helpers() {
  local helper
  for helper in ${HELPERS[@]+"${HELPERS[@]}"}; do
    kill "$helper" 2>/dev/null
    wait "$helper" 2>/dev/null
  done
}

unit() { # NAME LINE...: a service
  local name=$1
  shift
  { printf '[Service]\n' && printf '%s\n' "$@"; } >"$ROOT/etc/systemd/system/$name.service"
}

person_arrives() { # what the agent starts for a Session Manager session
  cp "$ROOT/usr/bin/sleep" "$ROOT/usr/bin/ssm-session-worker"
  unit session 'ExecStart=/usr/bin/ssm-session-worker infinity'
  inside systemctl daemon-reload
  inside systemctl start session
}

person_leaves() {
  inside systemctl stop session
}

# ---- the agent --------------------------------------------------------------------------------

# The script, but for what RIG_WITHOUT, a sed expression, takes out of it.
script_text() { # SYMPTOM
  "$RIG_HERE/script" "$1" | sed -e "${RIG_WITHOUT-}"
}

# Mounts of other tools over the host's own, which only the script sees: the tests go on with the host's.
other_tools() {
  # Each name is a link to one program, which goes by the name that it is called by.
  [ -z "${RIG_UUTILS-}" ] || printf '%s\n' 'for tool in $(/usr/local/lib/uutils --list); do' \
    '[ ! -f "/usr/bin/$tool" ] || mount --bind /usr/local/lib/uutils "/usr/bin/$tool"; done'
  [ -z "${RIG_BASH-}" ] || printf '%s\n' 'mount --bind /usr/local/lib/bash /usr/bin/bash'
}

# Runs a document's script as the agent does: joined into a file in a folder of its own on the host's
# disk, started with `sh -c`, no HOME, outputs cut, time-out by SIGKILL. Leaves stdout, stderr, rc
# and details in $OUT/CASE. RIG_VIEW are mounts that only the script sees; RIG_UUTILS is a file with uutils'
# coreutils, RIG_BASH another bash, that it has instead of the host's. A changed script from a FILE has
# the parameters of $SYMPTOM.
run_command() { # CASE SYMPTOM|FILE [NAME=VALUE...]
  local case=$OUT/$1 script=$2 id folder code=0 environment=() pair symptom=${SYMPTOM-} view
  view=$(other_tools)${RIG_VIEW:+$'\n'$RIG_VIEW}
  [ -f "$script" ] || symptom=$script
  shift 2
  if [ -n "$symptom" ]; then
    while IFS= read -r pair; do environment+=("SSM_$pair"); done \
      < <("$RIG_HERE/script" --defaults "$symptom")
  fi
  for pair in "$@"; do environment+=("SSM_$pair"); done
  mkdir -p "$case"
  : >"$case/stdout"
  : >"$case/stderr"
  [ -f "$script" ] || { script_text "$script" >"$case/script" && script=$case/script; }
  id=$(cat /proc/sys/kernel/random/uuid)
  folder=$ORCHESTRATION/$id/step
  # On a full or read-only disk the real agent fails here, with code 1 and not a word.
  if ! inside mkdir -p "$folder" 2>/dev/null || ! inside_with_input sh -c \
    'cat >"$1/_script.sh" && chmod 700 "$1/_script.sh"' sh "$folder" <"$script" 2>/dev/null; then
    printf '1\n' >"$case/rc"
    printf 'Failed\n' >"$case/details"
    return
  fi
  inside env "SSM_COMMAND_ID=$id" AWS_SSM_INSTANCE_ID=i-0123456789abcdef0 \
    ${environment[@]+"${environment[@]}"} \
    timeout -s KILL "${AGENT_SECONDS:-360}" \
    ${view:+unshare -m sh -c "$view"$'\n''exec "$@"' -} sh -c "$folder/_script.sh" \
    >"$case/stdout.full" 2>"$case/stderr.full" || code=$?
  head -c 24000 "$case/stdout.full" >"$case/stdout"
  # What the parser is tried with was really said: functions/remedy/tests/hostile/said.
  [ -z "${RIG_SAID-}" ] || cp "$case/stdout" "$RIG_SAID/$(basename "$RIG")-$(basename "$case").txt"
  head -c 8000 "$case/stderr.full" >"$case/stderr"
  printf '%s\n' "$code" >"$case/rc"
  case $code in
    0) printf 'Success\n' ;;
    137) printf 'Execution Timed Out\n' ;;
    *) printf 'Failed\n' ;;
  esac >"$case/details"
}

# ---- checks -----------------------------------------------------------------------------------

PASSED=0 FAILED=0 CASE='' COMPLETE=false

check() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@"; then
    PASSED=$((PASSED + 1))
  else
    FAILED=$((FAILED + 1))
    say "FAILED $CASE: $what"
    [ ! -f "$OUT/$CASE/read" ] ||
      grep -hE '^(status|reason|failure|text|warnings)' "$OUT/$CASE/read" | sed 's/^/    /' >&2
  fi
}

# Reads a case with production's parser, as lines of path=value.
read_case() { # CASE
  CASE=$1
  "$READ_RESULT" "$OUT/$CASE" >"$OUT/$CASE/read"
  # A result is the first line, and the only one unless evidence follows.
  if [ -s "$OUT/$CASE/stdout" ]; then
    [ "$(value evidence.printed)" = true ] ||
      check 'one line on stdout' [ "$(wc -l <"$OUT/$CASE/stdout")" = 1 ]
    check 'short enough for a list' [ "$(head -n 1 "$OUT/$CASE/stdout" | wc -c)" -le 2100 ]
    check 'nothing on stderr' [ ! -s "$OUT/$CASE/stderr" ]
  fi
}

value() { # PATH
  sed -n "s/^$1=//p" "$OUT/$CASE/read"
}

is() { # PATH VALUE
  check "$1 is $2, not $(value "$1")" [ "$(value "$1")" = "$2" ]
}

says() { # PATH PART
  local got
  got=$(value "$1")
  check "$1 says $2: $got" [ "${got#*"$2"}" != "$got" ]
}

between() { # PATH LEAST MOST
  local got
  got=$(value "$1")
  check "$1 is from $2 to $3: $got" within "${got:-x}" "$2" "$3"
}

within() { # NUMBER LEAST MOST
  [[ $1 =~ ^-?[0-9]+$ ]] && [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

run_and_read() { # CASE SYMPTOM|FILE [NAME=VALUE...]
  run_command "$@"
  read_case "$1"
}

# Ends a test program, whatever ends it: takes the host down and leaves the counts for `run`.
finish_tests() {
  stop_helpers
  rig_down
  check 'every test was reached' [ "$COMPLETE" = true ]
  printf '%s %s\n' "$PASSED" "$FAILED" >"$RIG/counts"
}
