# shellcheck shell=bash
# disk-full, the changing half: frees space in the order of the harm it could do, and stops as soon
# as the target is reached. In mode report it walks the same way and only counts.
#
# Every deletion is `find -P -xdev ... -delete` in a view of one directory: find holds the directory
# open while it deletes, so a user who swaps a directory for a link meanwhile cannot send it
# elsewhere. What may go is listed first, without what is in use, and deleted by inode, the oldest
# first, and as much as is needed: find tries every condition again.

STEP_SECONDS=20
SLICE_FILES_MAX=800   # More inodes would take find long to compare.
LIST_FILES_MAX=20000  # Of the oldest; then it is listed again.
SMALL_BLOCKS=128      # 64 KiB: what is smaller frees little and may be somebody's state.
OUT_OF_TIME=false IN_USE_KNOWN=true FREED_ANYTHING=false

FILES=0 BYTES=0 LIST=() NOTHING_FREED=false

LINE_OF='%y %T@ %i %b %P\0'
# Systemd's own files, sockets and locks that live in /tmp and look old, as find's tests in its view.
TMP_HELD=(-regextype posix-extended -regex
  './(systemd-private-|snap-private-tmp|snap\.|\.[A-Za-z]+-|\.X|hsperfdata_|tmux-|ssh-).*')
ROTATED=(
  '(' -name '*.gz' -o -name '*.xz' -o -name '*.bz2' -o -name '*.zst' -o -name '*.lz4'
  -o -name '*.zip' -o -name '*.old' -o -name '*.[0-9]' -o -name '*.[0-9][0-9]'
  -o -name '*.[0-9][0-9][0-9]' -o -name '*20[0-9][0-9][0-1][0-9][0-3][0-9]*'
  -o -name '*20[0-9][0-9]-[0-1][0-9]-[0-3][0-9]*' ')'
)

note_step() { # NAME FILES BYTES
  [ "$2" -eq 0 ] && [ "$3" -lt 1048576 ] || FREED_ANYTHING=true
  [ "$2" -gt 0 ] || [ "$3" -ne 0 ] || [ "${4-}" = told ] || return 0
  STEPS+="${STEPS:+,}\"$1\":[$2,$3]"
  FILES_REMOVED=$((FILES_REMOVED + $2))
  [ "$SSM_Mode" = apply ] || RECLAIMABLE=$((RECLAIMABLE + $3)) FILES_REMOVED=0
}

enough() { # is there nothing more to do? A report looks at every step.
  seconds_left
  if [ "$LEFT" -le "$SEARCH_SECONDS" ]; then
    OUT_OF_TIME=true
    return 0
  fi
  [ "$SSM_Mode" = apply ] || return 1
  measure && target_reached
}

opted_in() { # WORD: does the owner allow it?
  case ,$SSM_OptIns, in *,"$1",*) return 0 ;; esac
  return 1
}

# How much must go until the target is reached; a report takes all it finds.
NEED_BYTES=0 NEED_FILES=0
reckon_need() {
  if [ "$SSM_Mode" = report ]; then
    NEED_BYTES=999999999999999 NEED_FILES=0
    return
  fi
  NEED_BYTES=$((USED_BYTES - SIZE / 100 * SSM_TargetPercent))
  NEED_FILES=$((USED_INODES - INODES * SSM_TargetPercent / 100))
  [ "$INODES" -gt 0 ] || NEED_FILES=0
}

# ---- files by age -----------------------------------------------------------------------------

# Of what find lists, prints `TIME INODE BLOCKS` of what may go. Rules: `any`; `dumps`, of which the
# newest two of each program stay; `logs`, which must look like rotated ones, have nothing to do with
# security or backups, and be none that the owner's logrotate still keeps.
MAY_GO='
function keep_regex(glob) {
  gsub(/[.+^$(){}|\\]/, "\\\\&", glob); gsub(/\*/, ".*", glob); gsub(/\?/, ".", glob)
  return "^" glob "$"
}
function stem_of(path, base, cut) { # sets NUMBER; an empty stem is no rotated log
  NUMBER = -1; base = path; sub(/\.(gz|xz|bz2|zst|lz4|zip)$/, "", base)
  if (match(base, /\.[0-9][0-9]?[0-9]?$/)) {
    NUMBER = substr(base, RSTART + 1) + 0; return substr(base, 1, RSTART - 1)
  }
  if (base ~ /\.old$/) return substr(base, 1, length(base) - 4)
  if (match(base, /[-._]?20[0-9][0-9]-?[01][0-9]-?[0-3][0-9][^\/]*$/)) {
    cut = substr(base, RSTART); base = substr(base, 1, RSTART - 1)
    if (match(cut, /\.(log|txt|out|err)$/)) base = base substr(cut, RSTART)
    return base
  }
  return base != path && base ~ /\.(log|out|err)$/ ? base : ""
}
function is_log(path, stem, low, name, i) {
  low = tolower(path)
  if (low ~ /audit|auth|secur|sudo|login|[wb]tmp|lastlog|faillog|tallylog|complian|trail|ledger/) return 0
  if (low ~ /backup|bkup|\.bak|dump|\.sql|\.tar|\.tgz|\.rdb|snapshot|export|-bin\.|binlog|relay|^journal\//) return 0
  stem = stem_of(path)
  if (stem == "") return 0
  name = tolower(stem); sub(/.*\//, "", name)
  if (!(stem in names) && name !~ /log|\.(out|err|txt)$|^(messages|mail|cron|kern|daemon|user|debug|boot|dmesg|spooler|access|error)/) return 0
  for (i = 1; i <= kept; i++) if ((top stem) ~ glob[i]) {
    if (glob[i] ~ /\/\.\*\$$/ || NUMBER < 0 || NUMBER <= rotate[i]) return maxage[i] > 0 && (now - $2) / 86400 > maxage[i]
  }
  return 1
}
function program(path, name) {
  name = path; sub(/.*\//, "", name)
  if (name ~ /^vmcore|^dump\./) return "vmcore"
  if (match(name, /^core\.[^.]*\./)) return substr(name, 1, RLENGTH)
  sub(/\.[0-9]+\.crash$/, "", name); gsub(/[0-9]+/, "", name)
  if (rule == "heaps") { sub(/[^\/]*$/, "", path); name = path name }
  return name
}
BEGIN {
  n = split(ENVIRON["KEPT"], line, "\n")
  for (i = 1; i < n; i++) {
    split(line[i], f, " "); kept++
    glob[kept] = keep_regex(f[1]); rotate[kept] = f[2]; maxage[kept] = f[3]
  }
}
FILENAME != "-" { used[$1]; next }
$1 == "n" { names[substr($0, 3)]; next }
{
  path = $0; sub(/^c [^ ]* [0-9]* [0-9]* /, "", path); names[path]
  if (!($3 in used)) { all++; record[all] = $0; where[all] = path }
}
END {
  for (i = 1; i <= all; i++) {
    $0 = record[i]
    if (rule == "logs") { if (!is_log(where[i])) continue }
    else if (rule != "any") {
      p = program(where[i]); t = when[i] = $2 + 0
      if (t > when[first[p]]) { second[p] = first[p]; first[p] = i } else if (t > when[second[p]]) second[p] = i
    }
    go[i]
  }
  for (i = 1; i <= all; i++) if (i in go) {
    $0 = record[i]; p = program(where[i])
    if (rule ~ /^(dumps|heaps)$/ && (i == first[p] || i == second[p]) && now - $2 < oldest) continue
    print $2, $3, $4
  }
}'

list_files() { # RULE DIRECTORY TESTS...; sets LIST to `TIME INODE BLOCKS`, the oldest first
  local rule=$1 directory=$2 now code
  shift 2
  printf -v now '%(%s)T' -1
  mapfile -t LIST < <(
    in_view "$STEP_SECONDS" "$directory" nice -n 10 find -P . -xdev -mindepth 1 \
      \( "${KEEP[@]}" \) -prune -o -type f -links 1 "$@" -printf 'c %T@ %i %b %P\0' \
      -o -type f -printf 'n %P\0' | tr '\n\0' '?\n' |
      awk -v rule="$rule" -v now="$now" -v oldest=$((SSM_MinAgeDays * 86400)) \
        -v top="${directory%/}/" "$MAY_GO" "$IN_USE" - | sort -n | head -n "$LIST_FILES_MAX"
    code=${PIPESTATUS[0]}
    ! cut_off "$code" || printf 'cut off\n'
  )
  code=${#LIST[@]}
  if [ "$code" -gt 0 ] && [ "${LIST[code - 1]}" = 'cut off' ]; then
    unset "LIST[code - 1]"
    warn "$NAME:timed_out"
  fi
}

# Deletes from the front of LIST, in slices no larger than what is needed, and looks after each. Succeeds
# if there may be more than the list had room for.
delete_oldest() { # DIRECTORY TESTS...
  local directory=$1 i=0 inode blocks inodes bytes files before freed begun=$FILES
  shift
  while [ "$i" -lt "${#LIST[@]}" ] && ! enough; do
    reckon_need
    inodes=(-false) bytes=0 files=0 before=$FREE_BYTES
    while [ "$i" -lt "${#LIST[@]}" ] && [ "$files" -lt "$SLICE_FILES_MAX" ]; do
      [ "$bytes" -lt "$NEED_BYTES" ] || [ "$files" -lt "$NEED_FILES" ] || break
      IFS=' ' read -r _ inode blocks < <(printf '%s\n' "${LIST[i]}")
      inodes+=(-o -inum "$inode")
      bytes=$((bytes + blocks * 512)) files=$((files + 1)) i=$((i + 1))
    done
    if [ "$SSM_Mode" = apply ]; then
      delete "$STEP_SECONDS" "$directory" \( "${inodes[@]}" \) "$@"
      bytes=$REPLY
      measure
      freed=$((FREE_BYTES - before))
      # What snapshots or others hold comes back to nobody.
      if [ "$TYPE" = btrfs ] && [ "$bytes" -gt 67108864 ] && [ $((freed * 10)) -lt "$bytes" ]; then
        NOTHING_FREED=true
        warn "$NAME:frees_nothing"
        return 1
      fi
    else
      FILES=$((FILES + files)) BYTES=$((BYTES + bytes))
    fi
  done
  [ "${#LIST[@]}" -eq "$LIST_FILES_MAX" ] && [ "$FILES" -gt "$begun" ] && [ "$SSM_Mode" = apply ] && ! enough
}

# Adds to FILES and BYTES; sets REPLY to the bytes. Counts what really went: -printf is behind.
delete() { # SECONDS DIRECTORY TESTS...
  local seconds=$1 directory=$2 files bytes code
  shift 2
  IFS=' ' read -r files bytes code < <(
    in_view "$seconds" "$directory" nice -n 10 find -P . -xdev \
      ! -path . ! \( "${KEEP[@]}" \) "$@" -delete -printf '%b\n' |
      awk '{ s += $1 } END { printf "%d %.0f ", NR, s * 512 }'
    printf '%s\n' "${PIPESTATUS[0]}"
  )
  ! cut_off "${code:-124}" || warn "$NAME:timed_out"
  REPLY=${bytes:-0}
  FILES=$((FILES + ${files:-0})) BYTES=$((BYTES + REPLY))
}

# One step: what is older goes first, and no more than is needed.
clean() { # NAME RULE DIRECTORY... -- TESTS...
  local NAME=$1 rule=$2 directory directories=()
  shift 2
  while [ "$1" != -- ]; do
    directories+=("$1")
    shift
  done
  shift
  FILES=0 BYTES=0
  for directory in "${directories[@]}"; do
    [ "$NOTHING_FREED" = false ] && ! enough && on_target "$directory" || continue
    held_below "$directory"
    while :; do
      list_files "$rule" "$directory" "$@"
      delete_oldest "$directory" -type f -links 1 "$@" || break
    done
  done
  note_step "$NAME" "$FILES" "$BYTES"
}

# Many small files: by classes of age, since a list of them would be long. What of them is in use is
# looked up first.
sweep() { # NAME DIRECTORY DAYS... -- TESTS...
  local NAME=$1 directory=$2 days=() age in_use
  shift 2
  while [ "$1" != -- ]; do
    days+=("$1")
    shift
  done
  shift
  FILES=0 BYTES=0
  if [ "$NOTHING_FREED" = false ] && ! enough && on_target "$directory"; then
    held_below "$directory"
    mapfile -t in_use < <(
      in_view "$STEP_SECONDS" "$directory" find -P . -xdev -mindepth 1 "$@" \
        -printf '%i\n' | awk 'FILENAME != "-" { used[$1]; next } $1 in used' "$IN_USE" -
      ! cut_off "${PIPESTATUS[0]}" || printf 'cut off\n'
    )
    if [ "${#in_use[@]}" -gt "$SLICE_FILES_MAX" ] ||
      [[ ${#in_use[@]} -gt 0 && ${in_use[${#in_use[@]} - 1]} = 'cut off' ]]; then
      warn "$NAME:in_use_not_known"
      days=()
    fi
    for age in ${in_use[@]+"${in_use[@]}"}; do KEEP+=(-o -inum "$age"); done
    for age in ${days[@]+"${days[@]}"}; do
      ! enough || break
      if [ "$SSM_Mode" = apply ]; then
        delete "$STEP_SECONDS" "$directory" "$@" -mmin "+$((age * 1440))"
      else
        count "$directory" "$@" -mmin "+$((age * 1440))"
      fi
    done
  fi
  note_step "$NAME" "$FILES" "$BYTES"
}

count() { # DIRECTORY TESTS...; sets FILES and BYTES
  local directory=$1
  shift
  IFS=' ' read -r FILES BYTES < <(in_view 10 "$directory" find -P . -xdev -mindepth 1 \
    ! \( "${KEEP[@]}" \) "$@" -printf '%b\n' | awk '{ s += $1 } END { printf "%d %.0f\n", NR, s * 512 }')
  FILES=${FILES:-0} BYTES=${BYTES:-0}
}

# ---- /tmp -------------------------------------------------------------------------------------

# What lies directly in /tmp is one thing with all that is in it. If anything of it is young, in use,
# a socket, or has a second name, all of it stays. Prints `NEWEST SMALL_TOO NAME` of the others.
OLD_TREES='
FILENAME != "-" { used[$1]; next }
{
  path = $0; sub(/^[a-z] [^ ]* [0-9]* [0-9]* /, "", path); top = path; sub(/\/.*/, "", top)
  if ($1 == "k" || $3 in used) keep[top]
  if ($2 > newest[top]) newest[top] = $2
  if ($1 == "f" && $4 < small) little[top] += $4 * 512
  if ($1 == "f") files[top]++
  if ($1 == "d") bare[top]++
}
END {
  # A few empty directories are what a program made for later.
  for (top in newest) if (!(top in keep) && (files[top] || bare[top] > 1000))
    print newest[top], (short || little[top] >= 1048576), top
}'
# Of what find lists, prints what may go: of the oldest tree the oldest file first, its directories last.
OF_TREES='
FILENAME != "-" { top = $0; sub(/^[^ ]* [01] /, "", top); newest[top] = $1; all[top] = $2; next }
{
  top = $0; sub(/^[a-z] [^ ]* [0-9]* [0-9]* /, "", top); sub(/\/.*/, "", top)
  if (top in newest && ($1 == "f" ? all[top] || $4 >= small : short))
    print newest[top], ($1 == "d"), $2, $3, $4
}'

clean_tmp() { # NAME DIRECTORY MINUTES
  local NAME=$1 directory=$2 age=$3 tests trees=$RUN_DIR/trees short=0
  ! enough && on_target "$directory" || return 0
  case ${M_OPTIONS[$REPLY]} in
    *,noatime,*)
      warn "$NAME:noatime" # nobody can say what was read lately
      return
      ;;
  esac
  held_below "$directory"
  FILES=0 BYTES=0
  # What was unpacked, copied or moved here keeps its old times but for the last.
  tests=(-type f -links 1 -mmin "+$age" -amin "+$age" -cmin "+$age")
  reckon_need
  [ "$NEED_FILES" -le 0 ] || short=1
  in_view "$STEP_SECONDS" "$directory" nice -n 10 find -P . -xdev -mindepth 1 \
    \( "${KEEP[@]}" -o "${TMP_HELD[@]}" \) -printf 'k 0 %i 0 %P\0' \
    -o "${tests[@]}" -printf "$LINE_OF" -o -type d -mmin "+$age" -printf "$LINE_OF" \
    -o -type l -printf 'l 0 %i 0 %P\0' -o -printf 'k 0 %i 0 %P\0' | tr '\n\0' '?\n' |
    awk -v small="$SMALL_BLOCKS" -v short="$short" "$OLD_TREES" "$IN_USE" - >"$trees"
  if cut_off "${PIPESTATUS[0]}"; then # what was not looked at may be young
    warn "$NAME:timed_out"
    return
  fi
  while :; do
    mapfile -t LIST < <(in_view "$STEP_SECONDS" "$directory" nice -n 10 find -P . -xdev -mindepth 1 \
      \( "${tests[@]}" -o -type d -mmin "+$age" \) -printf "$LINE_OF" | tr '\n\0' '?\n' |
      awk -v small="$SMALL_BLOCKS" -v short="$short" "$OF_TREES" "$trees" - |
      sort -n -k1,1 -k2,2 -k3,3 | awk '{ print $1, $4, $5 }' | head -n "$LIST_FILES_MAX")
    # An emptied directory still shows find the age it had before its files went.
    delete_oldest "$directory" \( "${tests[@]}" -o -type d -empty \) || break
  done
  note_step "$NAME" "$FILES" "$BYTES"
}

# ---- what others clean ------------------------------------------------------------------------

# For tools that delete by themselves: files as counted before, bytes as the file system says.
tool_step() { # NAME FILES SECONDS COMMAND...
  local name=$1 files=$2 seconds=$3 before code
  shift 3
  measure
  before=$FREE_BYTES
  bounded "$seconds" "$@" </dev/null
  code=$?
  case $code in
    0) ;;
    124 | 125 | 137) warn "$name:timed_out" ;;
    *) warn "$name:exit_$code" ;;
  esac
  measure
  [ "$files" -gt 0 ] || files=0
  note_step "$name" "$files" $((FREE_BYTES - before))
}

# The owner's own relief comes first of all, since it knows what it does.
clean_by_owner() {
  local instance unit before
  instance=$(bounded 2 systemd-escape --path -- "$SSM_MountPoint")
  find_owner_units disk-full "${instance:--}"
  [ "$SSM_Mode" = apply ] || return 0
  for unit in ${OWNER_UNITS[@]+"${OWNER_UNITS[@]}"}; do
    ! enough || return 0
    before=$FREE_BYTES
    seconds_left
    start_owner_unit "$unit" $((LEFT / 2 < OWNER_SECONDS ? LEFT / 2 : OWNER_SECONDS))
    measure
    note_step "owner:${unit%.service}" 0 $((FREE_BYTES - before)) told
  done
}

# What the owner's timers would do by tomorrow. A logrotate that overruns is left to end by itself.
clean_by_policy() {
  local name=logrotate
  [ "$SSM_Mode" = apply ] || return 0
  if ! enough && bounded 3 systemctl is-active --quiet systemd-tmpfiles-clean.timer; then
    tool_step tmpfiles 0 30 systemctl start systemd-tmpfiles-clean.service
  fi
  ! enough || return 0
  if bounded 3 systemctl is-active --quiet logrotate.timer; then
    tool_step "$name" 0 45 systemctl start logrotate.service
  elif [ -x /etc/cron.daily/logrotate ]; then
    tool_step "$name" 0 45 nice -n 10 /etc/cron.daily/logrotate
  fi
}

clean_packages() {
  if [ "$PACKAGES" != false ]; then
    warn packages:busy # somebody is installing just these files
    return
  fi
  clean packages any /var/cache/apt/archives -- -type f -name '*.deb'
  clean package_lists any /var/cache/dnf /var/cache/libdnf5 /var/cache/yum /var/cache/zypp \
    /var/cache/PackageKit -- -mmin +60 ! -name '*.pid' 
}

# Archived journals only; a hundredth of the file system, 16 to 200 MiB, is kept to read. Where no
# other file says who logged in, the journal is that record, and keeps what is younger than old logs.
clean_journal() {
  local journal=/var/log/journal keep since=0 archived=(-name '*@*.journal*')
  ! enough && on_target "$journal" && command -v journalctl >/dev/null || return 0
  keep=$((SIZE / 100))
  [ "$keep" -ge 16777216 ] || keep=16777216
  [ "$keep" -le 209715200 ] || keep=209715200
  if [ ! -s /var/log/auth.log ] && [ ! -s /var/log/secure ]; then
    since=$SSM_MinAgeDays archived+=(-mmin "+$((since * 1440))")
  fi
  if [ "$SSM_Mode" = report ]; then
    KEEP=(-false)
    count "$journal" -type f "${archived[@]}"
    [ "$since" -gt 0 ] || FILES=$((BYTES > keep ? FILES : 0)) BYTES=$((BYTES > keep ? BYTES - keep : 0))
    note_step journal "$FILES" "$BYTES"
    return
  fi
  bounded 5 journalctl --rotate
  KEEP=(-false)
  count "$journal" -type f -name '*@*.journal*'
  reckon_need
  [ $((BYTES - NEED_BYTES)) -le "$keep" ] || keep=$((BYTES - NEED_BYTES))
  if [ "$since" -eq 0 ]; then
    tool_step journal 0 "$STEP_SECONDS" journalctl --vacuum-size="$keep"
    return
  fi
  for since in $((since * 9)) $((since * 3)) "$since"; do
    enough || tool_step "journal_${since}d" 0 "$STEP_SECONDS" journalctl --vacuum-time="${since}d"
  done
}

# Revisions that snapd keeps to go back to.
clean_snaps() {
  local name revision
  ! enough && command -v snap >/dev/null && on_target /var/lib/snapd/snaps || return 0
  while IFS=' ' read -r name revision; do
    [[ $name =~ ^[a-z0-9][a-z0-9-]*$ && $revision =~ ^x?[0-9]+$ ]] && ! enough || continue
    [ "$SSM_Mode" = report ] ||
      tool_step "snap:$name" 1 "$STEP_SECONDS" snap remove "$name" --revision="$revision"
  done < <(bounded 10 snap list --all | awk '$NF ~ /disabled/ { print $1, $3 }')
}

# What the owner's logrotate keeps, as `GLOB COUNT DAYS`; it has just been run, so what it manages is
# what it wants. `olddir` and a count of -1 keep everything.
LOGROTATE_KEEPS='
{ sub(/#.*/, ""); gsub(/["\047]/, "") }
{
  n = split($0, w, /[ \t]+/)
  for (i = 1; i <= n; i++) {
    if (w[i] == "{") { inside = 1; count = usual; days = 0 }
    else if (w[i] == "}") { for (j = 1; j <= globs; j++) print glob[j], count, days; globs = inside = 0 }
    else if (w[i] == "rotate") { v = w[++i] < 0 ? 999999 : w[i]; if (inside) count = v; else usual = v }
    else if (w[i] == "maxage" && inside) days = w[++i]
    else if (w[i] == "olddir") { print w[++i] "/*", 999999, 0 }
    else if (w[i] ~ /^\/.*\{$/) { sub(/\{$/, "", w[i]); glob[++globs] = w[i]; inside = 1; count = usual; days = 0 }
    else if (w[i] ~ /^\// && !inside) glob[++globs] = w[i]
  }
}'
# Logs that have to do with security, by whatever name auditd and rsyslog were told.
SECURITY_LOGS='
/^[ \t]*#/ { next }
$1 == "log_file" { print $NF, 999999, 0 }
/auth(priv)?\./ && $NF ~ /^-?\// { sub(/^-/, "", $NF); print $NF, 999999, 0 }'
read_logrotate() { # sets KEPT
  KEPT=$(
    bounded 3 cat /etc/logrotate.conf /etc/logrotate.d/* | awk "$LOGROTATE_KEEPS"
    bounded 3 cat /etc/audit/auditd.conf /etc/rsyslog.conf /etc/rsyslog.d/* | awk "$SECURITY_LOGS"
  )$'\n'
}

clean_files() {
  local age=$((SSM_MinAgeDays * 1440))
  read_logrotate
  KEPT=$KEPT clean rotated_logs logs /var/log -- -mmin "+$age" "${ROTATED[@]}"
  clean crash_dumps dumps /var/crash /var/lib/systemd/coredump /var/lib/apport/coredump -- \
    -mmin +60 ! -name 'kdump*' ! -name kexec_cmd ! -name '*.txt'
  # A cached snap that is installed has a second link and stays.
  clean snap_cache any /var/lib/snapd/cache -- -mmin +1440
  clean_snaps
  # The agent keeps a folder for each command it ever ran. A command may run for two days.
  sweep agent_folders /var/lib/amazon/ssm 90 30 14 -- -path './*/orchestration/*' \
    '(' -type f -links 1 -o -type d -empty ')'
  # 10 and 30 days are systemd's own defaults; /var/tmp outlives a reboot on purpose.
  clean_tmp tmp /tmp "$age"
  age=$((3 * age))
  clean_tmp var_tmp /var/tmp "$age"
}

# ---- what the owner allows: each loses something that somebody may want -------------------------

NO_DATA=(-regextype posix-extended ! -iregex ".*(mysql|maria|postgres|pgsql|mongo|redis|kafka|zookeeper\
|etcd|cassandra|search|rabbit|influx|clickhouse|couch|oracle|backup|/\.git/).*")

clean_opted_in() {
  local age=$((SSM_MinAgeDays * 1440))
  ! opted_in rotated-logs ||
    KEPT='' clean logs_kept_by_logrotate logs /var/log -- -mmin "+$age" "${ROTATED[@]}"
  ! opted_in app-logs ||
    KEPT=$KEPT clean app_logs logs "$SSM_MountPoint" -- '(' -path '*/log/*' -o -path '*/logs/*' ')' \
      ! -path './var/log/*' -mmin "+$age" "${ROTATED[@]}" "${NO_DATA[@]}"
  ! opted_in dumps ||
    clean dumps heaps "$SSM_MountPoint" -- -mmin +60 -size +2047 "${NO_DATA[@]}" \
      '(' -name '*.hprof' -o -name 'core.[0-9]*' -o -name '*.core' -o -name 'heapdump*' \
      -o -name '*.heapsnapshot' -o -name '*.mdmp' ')'
  if opted_in tmp; then
    clean_tmp tmp_day /tmp 1440
    clean_tmp var_tmp_day /var/tmp 1440
  fi
  ! opted_in caches ||
    sweep caches "$SSM_MountPoint" 30 7 1 -- -type f -links 1 \
      '(' -path '*/.cache/*' -o -path '*/.npm/_cacache/*' -o -path './var/cache/man/*' ')'
  ! opted_in sessions ||
    sweep sessions /var/lib/php 7 1 -- -type f -links 1 -name 'sess_*'
  ! opted_in docker && ! opted_in docker-images || prune_docker
  ! opted_in kernels || remove_old_kernels
  ! opted_in truncate-logs || truncate_logs
}

# Logs that a process writes, and deleted ones that it still writes. The file is opened first and then
# looked at through our own descriptor, because the writer's may be another one a moment later. A
# process may only lose what is its own: a text, in a place for logs, that its user or root writes.
truncate_logs() {
  local NAME=truncated_logs link pid path kind uid size inode done=' '
  ! enough || return 0
  FILES=0 BYTES=0
  while IFS=' ' read -r _ inode link; do
    ! enough || break
    case $done in *" $inode "*) continue ;; esac
    pid=${link#/proc/} pid=${pid%%/*}
    { exec 7<>"$link"; } 2>/dev/null || continue
    path=$(bounded 1 readlink "/proc/$$/fd/7")
    IFS='|' read -r kind uid size _ < <(bounded 1 stat -L -c '%F|%u|%b' "/proc/$$/fd/7")
    if may_truncate "${path% (deleted)}" && [ "$kind" = 'regular file' ] && writer_owns "$pid" "$uid" &&
      on_this_device 7 && { [[ $path == /var/log/* ]] || is_text 7; }; then
      [ "$SSM_Mode" = report ] || : >"/proc/$$/fd/7"
      FILES=$((FILES + 1)) BYTES=$((BYTES + size * 512)) done+="$inode "
    fi
    exec 7>&-
  done < <(bounded 8 find /proc/[0-9]*/fd -maxdepth 1 -type l -perm -200 -lname "${SSM_MountPoint%/}/*" \
    \( -lname '*log*' -o -lname '*.err*' -o -lname '*.out*' -o -lname '*/messages*' \) \
    -exec stat -L -c '%b %i %n' -- {} + | awk '$1 >= 2048 && seen[$2]++ < 4' |
    sort -rn | head -n 100)
  note_step "$NAME" "$FILES" "$BYTES"
}

may_truncate() { # PATH
  local name=${1##*/}
  case $1 in
    *[aA]udit* | *auth.log* | */secure* | */sudo* | *backup* | *commit* | *redo* | *relay*) return 1 ;;
    *kafka* | *mysql-bin* | *-bin.*) return 1 ;;
  esac
  # Brokers and databases call their data by numbers.
  case ${name%%.*} in *[!0-9]*) ;; *) return 1 ;; esac
  case $name in *.log | *.err | *.out | syslog | messages) ;; *) return 1 ;; esac
  case $1 in
    /var/log/* | /tmp/* | /var/tmp/* | */log/* | */logs/* | */containers/*-json.log) return 0 ;;
  esac
  return 1
}

writer_owns() { # PID UID_OF_FILE
  local key uid
  while IFS=$': \t' read -r key _ uid _; do
    [ "$key" != Uid ] || { [ "$uid" = 0 ] || [ "$uid" = "$2" ]; return; }
  done 2>/dev/null <"/proc/$1/status"
  return 1
}

on_this_device() { # DESCRIPTOR
  local device
  device=$(bounded 1 stat -L -c %d "/proc/$$/fd/$1")
  [ "$device" = "$NUMBER" ] || [ "$TYPE" = btrfs ] || [ "$TYPE" = overlay ]
}

is_text() { # DESCRIPTOR
  [ "$(head -c 4096 "/proc/$$/fd/$1" | tr -d '\11\12\15\33\40-\176\200-\377' | wc -c)" -eq 0 ]
}

# Dangling images and build cache, which docker can make again, and by a word of its own images that no
# container uses, which it can pull again; never containers or volumes.
prune_docker() {
  [ "$SSM_Mode" = apply ] && ! enough || return 0
  if ! command -v docker >/dev/null; then
    warn docker:absent
    return
  fi
  tool_step docker_dangling 0 "$STEP_SECONDS" docker image prune --force
  enough || tool_step docker_build_cache 0 "$STEP_SECONDS" docker builder prune --force
  enough || ! opted_in docker-images || tool_step docker_images 0 "$STEP_SECONDS" \
    docker image prune --all --force --filter "until=$((SSM_MinAgeDays * 24))h"
}

# By the package manager, which keeps the running kernel and the newest; never by hand in /boot. It
# must not be cut off half-way, so it only begins with two minutes in hand; and only when kernels
# are all it would remove.
remove_old_kernels() {
  local line kernels=0
  [ "$SSM_Mode" = apply ] && ! enough || return 0
  seconds_left
  if [ "$LEFT" -lt 120 ]; then
    warn kernels:needs_longer_deadline
  elif [ "$PACKAGES" != false ]; then
    warn kernels:packages_busy
  elif command -v apt-get >/dev/null; then
    while IFS=' ' read -r line; do
      case $line in
        'Remv linux-image-'* | 'Remv linux-modules-'* | 'Remv linux-headers-'* | \
          'Remv linux-tools-'*) kernels=$((kernels + 1)) ;;
        'Remv '*)
          warn kernels:other_packages_too
          return
          ;;
      esac
    done < <(bounded 20 apt-get --simulate --quiet autoremove)
    [ "$kernels" -eq 0 ] ||
      tool_step kernels "$kernels" 110 apt-get --yes --quiet autoremove
  fi
}

conclude() {
  local left
  measure || finish failed 0 'the file system stopped answering' failed
  left="$USED_PERCENT % of bytes and $INODE_PERCENT % of inodes are in use"
  if [ "$SSM_Mode" = report ]; then
    [ "$IN_USE_KNOWN" = true ] ||
      finish report 0 "$left; which files are in use is not known" looked
    finish report 0 "$left; $RECLAIMABLE bytes could go" looked
  elif target_reached; then
    [ "$FREED_ANYTHING" = true ] || finish ok 0 "$left: no more than the target" not-in-trouble
    finish ok 0 "$left" relieved
  fi
  left+=", target $SSM_TargetPercent %"
  if below_alarm; then
    finish ok 0 "$left missed, but below the alarm at $SSM_AlarmPercent %" below-alarm
  elif [ "$OUT_OF_TIME" = true ]; then
    finish failed 0 "deadline of $SSM_Deadline s reached: $left" out-of-time
  elif [ "$IN_USE_KNOWN" = false ]; then
    finish failed 0 "which files are in use is not known, so none may go: $left" incomplete
  elif [ "$FREED_ANYTHING" = false ]; then
    finish refused 0 "nothing here may go without the owner's word: $left" nothing-to-do
  fi
  finish insufficient 0 "$left" insufficient
}

main() {
  begin disk-clean
  SEARCH_SECONDS=$((SSM_Deadline / 4 < WALK_SECONDS ? SSM_Deadline / 4 : WALK_SECONDS))
  preflight
  first_look
  collect_evidence
  if [ "$SSM_Mode" = apply ] && [ "$READ_ONLY" = true ]; then
    finish error 3 'the file system is read-only' cannot-work
  fi
  clean_by_owner
  clean_by_policy
  if find_files_in_use; then
    clean_packages
    clean_journal
    clean_files
    clean_opted_in
  else
    IN_USE_KNOWN=false
    clean_journal
  fi
  find_deleted_open
  find_culprits
  conclude
}

main
