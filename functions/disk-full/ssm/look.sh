# shellcheck shell=bash
# disk-full, the looking half: how full the file system of the alarm is, what fills it, and which
# files nobody may touch because somebody uses them. Nothing here changes anything.

WALK_SECONDS=25 # Enough for a million files that the kernel has not looked at yet.
IN_USE=$RUN_DIR/in-use DELETED_LIST=$RUN_DIR/deleted

SIZE=0 INODES=0 FREE_BYTES=0 USED_BYTES=0 USED_INODES=0 USED_PERCENT=null INODE_PERCENT=null
FREE_BEFORE='' USED_BEFORE=null INODES_BEFORE=null READ_ONLY=false
FILES_REMOVED=0 RECLAIMABLE=0 STEPS='' TOP=() DIRS=() DELETED=() DELETED_BYTES=0 OWNER_UNITS=()
COMPLETE=true HIDDEN_BYTES=0 BOOT_BYTES=0 REBOOT_PERCENT=null

pairs() { # BYTES ENTRY...; sets REPLY to `[number,"text"],...` of entries `number text`
  local bytes=$1 entry list=''
  shift
  for entry in "$@"; do
    json_string "${entry#* }" "$bytes"
    list+=${list:+,}[${entry%% *},$REPLY]
  done
  REPLY=$list
}

details() { # full|short
  local mount top holders dirs='' units entry bytes=80 count=5
  [ "$1" = full ] || bytes=50 count=3
  json_string "$SSM_MountPoint" 100
  mount=$REPLY
  pairs "$bytes" ${TOP[@]+"${TOP[@]:0:count-2}"}
  top=$REPLY
  pairs "$bytes" ${DELETED[@]+"${DELETED[@]:0:count-2}"}
  holders=$REPLY
  for entry in ${DIRS[@]+"${DIRS[@]:0:count}"}; do
    # BYTES FILES UNIT PATH, of which only the last may hold blanks
    set -f
    # shellcheck disable=SC2086
    set -- $entry
    set +f
    json_string "${entry#"$1 $2 $3 "}" "$bytes"
    dirs+=${dirs:+,}[$1,$2,$REPLY
    [ "$3" != - ] || set -- x x ''
    json_string "$3" 40
    dirs+=,$REPLY]
  done
  json_strings 3 50 ${OWNER_UNITS[@]+"${OWNER_UNITS[@]}"}
  units=$REPLY
  REPLY=''
  fields mount "$mount" read_only "$READ_ONLY" target_percent "${TARGET:-null}" \
    alarm_percent "${ALARM:-null}" \
    used_percent_before "$USED_BEFORE" used_percent_after "$USED_PERCENT" \
    inode_percent_before "$INODES_BEFORE" inode_percent_after "$INODE_PERCENT" \
    bytes_freed $((FREE_BYTES - ${FREE_BEFORE:-$FREE_BYTES})) reclaimable_bytes "$RECLAIMABLE" \
    files_removed "$FILES_REMOVED" steps "{$STEPS}" owner_units "$units" complete "$COMPLETE" \
    dirs "[$dirs]" top "[$top]" hidden_bytes "$HIDDEN_BYTES" deleted_open_bytes "$DELETED_BYTES" \
    deleted_open "[$holders]" boot_bytes "$BOOT_BYTES" used_percent_reboot "$REBOOT_PERCENT"
}

check_parameters() {
  parameter Deadline 120 '^([2-9][0-9]|[12][0-9][0-9]|300)$' \
    'Seconds after which the script ends by itself.'
  parameter MountPoint / '^(auto|/[A-Za-z0-9._/-]{0,199})$' \
    'Where the file system is mounted; auto for the fullest.'
  parameter TargetPercent 80 '^[1-9][0-9]?$' \
    'Cleaning stops at this share of bytes and inodes in use.'
  parameter AlarmPercent '' '^([1-9][0-9]?)?$' \
    'Where the alarm rings; empty if that is not known.'
  parameter MinAgeDays 10 '^([1-9]|[1-9][0-9]|[12][0-9][0-9])$' \
    'Logs and files in /tmp must be older; those in /var/tmp three times.'
  parameter OptIns '' '^([a-z]+(-[a-z]+)*(,[a-z]+(-[a-z]+)*)*)?$' \
    'What the owner allows besides (docs/host-scripts.md), separated by commas.'
  case $SSM_MountPoint/ in
    */../* | */./*) finish error 2 'parameter MountPoint is not acceptable' bad-parameter ;;
  esac
  [ "$SSM_MountPoint" = / ] || SSM_MountPoint=${SSM_MountPoint%/}
  TARGET=$SSM_TargetPercent ALARM=$SSM_AlarmPercent
}

# The same percentages as df: the root's reserve counts as neither used nor available. Rounded up,
# because 80.1 % is not 80 %.
measure() {
  local total free available size inodes inodes_free numbers
  # btrfs gives back what was deleted when it commits. `sync` of one file system is younger than some.
  [ "$TYPE" != btrfs ] || bounded 10 sync -f -- "$SSM_MountPoint" || bounded 10 sync
  numbers=$(look_bounded stat -f -c '%b %f %a %S %c %d' -- "$SSM_MountPoint")
  [[ $numbers =~ ^([0-9]{1,18}\ ){3}[0-9]{1,9}\ [0-9]{1,18}\ [0-9]{1,18}$ ]] || return 1
  IFS=' ' read -r total free available size inodes inodes_free < <(printf '%s\n' "$numbers")
  USED_BYTES=$(((total - free) * size)) FREE_BYTES=$((free * size)) INODES=$inodes
  SIZE=$(((total - free + available) * size))
  [ "$SIZE" -gt 0 ] || return 1
  USED_PERCENT=$(((USED_BYTES / 1024 * 100 + SIZE / 1024 - 1) / (SIZE / 1024)))
  # Some file systems make inodes as they need them and then count none.
  INODE_PERCENT=0 USED_INODES=$((inodes - inodes_free))
  [ "$inodes" -eq 0 ] || INODE_PERCENT=$(((USED_INODES * 100 + inodes - 1) / inodes))
}

# ---- mounts -----------------------------------------------------------------------------------

DEVICE='' NUMBER='' TYPE='' OWN_SPACE=''

# For an alarm that does not say which file system it means.
choose_fullest() {
  local i most=0 point=''
  for i in "${!M_POINT[@]}"; do
    case ${M_TYPE[$i]}${M_OPTIONS[$i]} in
      *,ro,*) continue ;;
      ext[234],* | xfs,* | btrfs,*) ;;
      *) continue ;;
    esac
    SSM_MountPoint=${M_POINT[$i]}
    measure || continue
    [ "$USED_PERCENT" -ge "$INODE_PERCENT" ] || USED_PERCENT=$INODE_PERCENT
    [ "$USED_PERCENT" -le "$most" ] || most=$USED_PERCENT point=$SSM_MountPoint
  done
  SSM_MountPoint=$point
  [ -n "$point" ] || finish error 3 'no local file system' cannot-work
  # One below the alarm is none that it could mean.
  [ "$SSM_Mode" = report ] || [ "${SSM_AlarmPercent:-0}" -le "$most" ] ||
    finish ok 0 "the fullest, $point, is below the alarm" not-in-trouble
}

first_look() {
  local number
  [ "$SSM_MountPoint" != auto ] || choose_fullest
  if ! mount_of "$SSM_MountPoint" || [ "${M_POINT[$REPLY]}" != "$SSM_MountPoint" ]; then
    finish error 2 'parameter MountPoint is no mount point' bad-parameter
  fi
  DEVICE=${M_DEVICE[$REPLY]} TYPE=${M_TYPE[$REPLY]}
  case ${M_OPTIONS[$REPLY]} in *,ro,*) READ_ONLY=true ;; esac
  number=$(bounded 3 stat -c %d -- "$SSM_MountPoint")
  if [[ ! $number =~ ^[0-9]+$ ]] || ! measure; then
    finish failed 3 'the file system does not answer' cannot-work
  fi
  NUMBER=$number
  USED_BEFORE=$USED_PERCENT INODES_BEFORE=$INODE_PERCENT FREE_BEFORE=$FREE_BYTES
}

target_reached() {
  [ "$USED_PERCENT" -le "$SSM_TargetPercent" ] && [ "$INODE_PERCENT" -le "$SSM_TargetPercent" ]
}

below_alarm() {
  [ -n "$SSM_AlarmPercent" ] && [ "$USED_PERCENT" -lt "$SSM_AlarmPercent" ] &&
    [ "$INODE_PERCENT" -lt "$SSM_AlarmPercent" ]
}

# Is it a real directory on the file system of the alarm? Subvolumes of btrfs have one pool, and one
# device in the list of mounts. Nothing is touched before the list says that it is near.
near() { # PATH; sets REPLY to the index of its mount
  mount_of "$1" && [ "${M_DEVICE[$REPLY]}" = "$DEVICE" ]
}

on_target() { # DIRECTORY; sets REPLY to the index of its mount
  near "$1" && [ ! -L "$1" ] && [ -d "$1" ]
}

glob_escape() { # PATH; sets REPLY to a pattern for find that matches only this path
  local character
  REPLY=${1//\\/"\\\\"}
  for character in '*' '?' '['; do REPLY=${REPLY//"$character"/"\\$character"}; done
}

# ---- what is in use ---------------------------------------------------------------------------

HELD=() # patterns of paths that are somebody's, with what lies below them
BOOT=() # directories that the next boot empties
OTHERS=' ' # numbers of devices that hold no file of this file system
declare -A SPACE_OF=() PIDS=() REMOTE=()

# Mount namespaces, and one process of each to ask.
find_spaces() {
  local space pid
  while IFS=' ' read -r pid space; do
    [ "$pid" != end ] || break
    [ -n "$space" ] || continue # it ended meanwhile
    pid=${pid#/proc/} pid=${pid%%/*}
    [ -n "${PIDS[$space]-}" ] || SPACE_OF[$pid]=$space
    PIDS[$space]="${PIDS[$space]-}$pid "
    [ "$pid" != "$$" ] || OWN_SPACE=$space
  done < <(
    bounded 5 find /proc/[0-9]*/ns/mnt -maxdepth 0 -printf '%p %l\n'
    printf 'end %s\n' "$?"
  )
  ! cut_off "${space:-124}" && [ -n "$OWN_SPACE" ]
}

# What the mounts of all namespaces say: parts of this file system that containers were given, the
# layers of overlays, and file systems that may hang and cannot be this one.
MOUNTS_SAY='
{
  split($1, f, "/"); k = match($0, / - /); split(substr($0, k + 3), r, " ")
  if (r[1] ~ /^(fuse|nfs|cifs|smb|9p|ceph|gluster|lustre|afs|autofs|beegfs|gpfs)/) {
    if ($3 != device && r[1] != "fusectl") print "remote", f[3], $5
  } else if (r[1] == "overlay") {
    n = split(r[3], o, ",")
    for (i = 1; i <= n; i++) if (o[i] ~ /^(lower|upper|work)dir=/) {
      sub(/^[a-z]*=/, "", o[i]); m = split(o[i], d, ":")
      for (j = 1; j <= m; j++) print "held", 0, d[j]
    }
  }
  if ($3 == device && $4 != "/") print "part", 0, $4
  # What else shows files of this one, and under which number, nobody can say.
  if ($3 != device && r[1] !~ /overlay|btrfs|aufs/) print "other", 0, $3
}'
ask_spaces() {
  local pid kind path paths=() i
  for pid in "${!SPACE_OF[@]}"; do paths+=("/proc/$pid/mountinfo"); done
  while IFS=' ' read -r kind pid path; do
    [ "$kind" != cut ] || return 1
    printf -v path '%b' "$path"
    case $kind in
      remote) REMOTE[${SPACE_OF[$pid]}]+=$path$'\n' ;;
      other)
        printf -v path '%02x:%02x %d' "${path%:*}" "${path#*:}" \
          $((${path%:*} * 256 + ${path#*:} % 256 + ${path#*:} / 256 * 1048576))
        OTHERS+="$path "
        ;;
      held)
        glob_escape "$path"
        HELD+=("$REPLY")
        ;;
      part)
        for i in "${!M_POINT[@]}"; do
          [[ ${M_DEVICE[$i]} = "$DEVICE" && $path = "${M_ROOT[$i]%/}/"* ]] || continue
          glob_escape "${M_POINT[$i]%/}${path#"${M_ROOT[$i]%/}"}"
          HELD+=("$REPLY")
        done
        ;;
    esac
  done < <(
    bounded 10 grep -sH '' "${paths[@]}" | awk -v device="$DEVICE" "$MOUNTS_SAY" | sort -u
    ! cut_off "${PIPESTATUS[0]}" || printf 'cut off\n'
  )
}

# What the owner's tmpfiles.d names has rules of its own, whatever they are: it is left to them. A line
# that only makes a directory says nothing of what lies in it, but for where everything is temporary.
read_tmpfiles() {
  local directory file name kind path age lines line
  local -A files=() seen=()
  for directory in /usr/lib /run /etc; do
    for file in "$directory"/tmpfiles.d/*.conf; do [ ! -e "$file" ] || files[${file##*/}]=$file; done
  done
  while IFS= read -r name; do
    [ -n "$name" ] || continue
    mapfile -t lines <"${files[$name]}"
    for line in ${lines[@]+"${lines[@]}"}; do
      set -f
      # shellcheck disable=SC2086
      set -- $line
      set +f
      kind=${1-} path=${2-} age=${6--}
      [[ $kind == [a-zA-Z]* && -n $path ]] || continue
      [[ $path != [\"\']*[!\"\'] ]] || path+='*' # a blank in a name
      path=${path#[\"\']} path=${path%[\"\']} path=${path%/}
      path=${path//%[a-zA-Z]/*}
      [ -z "${seen[$path]-}" ] || continue
      seen[$path]=1
      case $kind in D*) BOOT+=("$path") ;; esac
      case $kind,$age,$path in
        *,/tmp/* | *,/var/tmp/*) ;;
        [dDqQv]*,-,*) continue ;;
      esac
      HELD+=("$path")
    done
  done < <(printf '%s\n' "${!files[@]}" | sort)
}

# Directories from which processes run. `find` reads these links, and does not follow them.
find_homes_of_processes() {
  local path
  while IFS= read -r -d '' path; do
    [ "$path" != end ] || return 0
    glob_escape "${path% (deleted)}"
    HELD+=("$REPLY")
  done < <(
    bounded 10 find /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe -maxdepth 0 -type l \
      \( -lname '/tmp/*' -o -lname '/var/*' \) -printf '%l\0'
    cut_off "$?" || printf 'end\0'
  )
  return 1
}

# Prints the inodes of files that are open, mapped, locked, or behind swap and loop devices, unless
# their device is known for another: an overlay or btrfs shows files under other numbers than that of
# its mount. What is deleted goes to a list of its own. Every answer but 0, 1 and 2 was cut off.
print_in_use() {
  local space pid points point tests code line path
  for space in "${!PIDS[@]}"; do
    tests=()
    while IFS= read -r point; do
      [ -n "$point" ] || continue
      glob_escape "$point"
      tests+=(! -lname "$REPLY" ! -lname "$REPLY/*")
    done < <(printf '%s' "${REMOTE[$space]-}")
    points=()
    for pid in ${PIDS[$space]}; do points+=("/proc/$pid/fd"); done
    timeout --foreground -k 1 20 find "${points[@]}" -maxdepth 1 -type l -lname '/*' \
      ${tests[@]+"${tests[@]}"} -exec stat -L -c 'fd %i %d %h %b %n' -- {} +
    code=$?
    [ "$code" -le 2 ] || return 1
  done
  timeout --foreground -k 1 20 grep -sH ' /' /proc/[0-9]*/maps
  [ "$?" -le 2 ] || return 1
  mapfile -t points </proc/locks
  for line in "${points[@]}"; do
    [[ ! $line =~ \ ([0-9a-f]+:[0-9a-f]+):([0-9]+)\ [0-9]+\ [0-9EOF]+$ ]] ||
      printf 'lock %s %s\n' "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
  done
  {
    for path in /sys/block/loop*/loop/backing_file; do
      IFS= read -r -d '' line <"$path"
      [ -z "$line" ] || printf '%s\0' "${line%$'\n'}"
    done
    while IFS=' ' read -r path _; do printf '%b\0' "$path"; done </proc/swaps
  } | while IFS= read -r -d '' path; do
    near "$path" || continue
    timeout --foreground -k 1 2 stat -c 'file %i' -- "$path"
  done
  printf 'end\n'
}

IN_USE_SAYS='
function use(inode, device) {
  if (inode > 0 && !(inode in seen) && !index(others, " " device " ")) { seen[inode]; print inode }
}
# A process may end before it is asked for more, so a few of each are kept.
$1 == "fd" {
  use($2, $3)
  if ($4 == 0 && $5 > 0 && gone[$2]++ < 4) print $5, $2, $6 > deleted
  next
}
$1 == "lock" || $1 == "file" { use($2, $3); next }
$1 == "end" { print; next }
{
  use($5, $4)
  if (/ \(deleted\)$/ && $6 !~ /^\/(memfd:|dev\/|SYSV|\[|i915|drm)/ && gone[$5]++ < 4) {
    split($1, p, ":"); sub(/maps$/, "map_files/", p[1]); print 1, $5, p[1] p[2] > deleted
  }
}'
list_in_use() {
  : >"$DELETED_LIST"
  print_in_use | awk -v deleted="$DELETED_LIST" -v others="$OTHERS" "$IN_USE_SAYS" >"$IN_USE"
}

# Fails unless all of it is known: what is not on the list would be deleted.
find_files_in_use() {
  local last=''
  find_spaces && ask_spaces && read_tmpfiles && find_homes_of_processes || return 1
  seconds_left
  if [ "$LEFT" -le 5 ]; then
    OUT_OF_TIME=true
    return 1
  fi
  abandoned_after $((LEFT < 45 ? LEFT : 45)) list_in_use || return 1
  last=$(bounded 2 tail -n 1 "$IN_USE")
  [ "$last" = end ]
}

# Sets KEEP to tests that are true of what is held below a directory, for a find in its view; there
# what mounts hide can be seen, and is nobody's to delete.
held_below() { # DIRECTORY
  local pattern top=${1%/} points=()
  for pattern in "${M_POINT[@]}"; do
    glob_escape "$pattern"
    points+=("$REPLY")
  done
  KEEP=(-false)
  for pattern in "${points[@]}" ${HELD[@]+"${HELD[@]}"}; do
    [[ $pattern != "$top"/?* ]] ||
      KEEP+=(-o -path "./${pattern#"$top"/}" -o -path "./${pattern#"$top"/}/*")
  done
}

# ---- what fills it ----------------------------------------------------------------------------

# Runs in the view. A directory's own size tells of a flood of small files without a look at each of
# them: those are counted, and their size is that of the first few hundred.
walk() { # SECONDS FIND_OPTION...
  local seconds=$1 flood floods=() tests=() code flush='\c'
  shift
  set -f
  while IFS= read -r -d '' flood; do
    floods+=("$flood")
    glob_escape "$flood"
    tests+=(-o -path "$REPLY/*" ! -path "$REPLY/*/*")
  done < <(timeout $((seconds / 3)) find -P . "$@" -type d -size +200k -printf '%p\0')
  {
    timeout "$seconds" find -P . "$@" -type f \( -false ${tests[@]+"${tests[@]}"} \) \
      -o -type f -printf '%b 1 %n %i %h\0' -size +2047 -printf "f %b 1 %i %p\0$flush"
    code=$?
    for flood in ${floods[@]+"${floods[@]}"}; do
      count_flood "$flood"
    done
    # A find that is cut off leaves half a record, which must not swallow this one.
    printf '\0end %s\0' "$code"
  } | tr '\n\0' '?\n' | awk "$WEIGH"
}

count_flood() { # DIRECTORY
  local own=(-mindepth 1 -maxdepth 1 -type f) files blocks
  files=$(timeout 10 find -P "$1" "${own[@]}" -printf '\n' | wc -l)
  blocks=$(timeout 5 find -P "$1" "${own[@]}" -printf '%b\n' |
    awk -v files="$files" 'NR > 500 { exit } { n++; s += $1 } END { printf "%.0f", n ? s * files / n : 0 }')
  printf '%s %s 1 0 %s\0' "${blocks:-0}" "$files" "$1"
}

# Adds each file to its directories, and goes down from the top as long as one directory holds at
# least half of what the one above it holds. What it ends at is named and taken off; then again.
WEIGH='
function up(p) { return sub(/\/[^\/]*$/, "", p) && p != "" ? p : "." }
function left(p) { return all[p] - gone[p] }
function below(list, path, n, i, a) {
  n = split(list, a, "\n")
  for (i = 1; i <= n; i++) if (a[i] != "" && index(path "/", a[i] "/") == 1) return 1
  return 0
}
function sum(list, what, n, i, a, s) {
  n = split(list, a, "\n")
  for (i = 1; i <= n; i++) s += what[a[i]]
  return s + 0
}
function largest(p, n, i, a, best) {
  n = split(kids[p], a, "\n")
  for (i = 1; i < n; i++) if (best == "" || left(a[i]) > left(best)) best = a[i]
  return best
}
function deeper(p, kid) {
  if (kid == "" || left(kid) <= 0) return 0
  # What everything is in explains nothing.
  if (p ~ /^\.(\/(var(\/lib)?|usr(\/(lib|share))?|home|opt|srv|mnt))?$/)
    return left(kid) >= own[p] - named[p]
  return left(kid) * 2 >= left(p)
}
function take_off(d, p) {
  named[d] = own[d]
  for (p = d; ; p = up(p)) { if (p != d) gone[p] += left(d); if (p == ".") break }
  gone[d] = all[d]
}
# A system is as large as it is, and seldom what has grown.
function weight(d) {
  return left(d) / (d ~ /^\.(\/(boot|snap|usr(\/(bin|sbin|lib|lib64|share|libexec)(\/[^\/]*-linux-gnu)?)?))?$/ ? 4 : 1)
}
index(ENVIRON["SWAPS"], " " $4 " ") { next }
$1 == "end" { code = $2; next }
$1 == "f" {
  path = $0; sub(/^f [0-9]* 1 [0-9]* /, "", path)
  if ($4 in large) next
  for (i = 5; i > 0 && $2 > size[i]; i--) { size[i + 1] = size[i]; name[i + 1] = name[i] }
  size[i + 1] = $2; name[i + 1] = path; large[$4]; next
}
{
  path = $0
  if (!sub(/^[0-9]+ [0-9]+ [0-9]+ [0-9]+ \./, ".", path)) next
  if ($3 > 1 && $4 in seen) next
  if ($3 > 1) seen[$4]
  own[path] += $1 * 512; files[path] += $2
}
END {
  all["."] = 0
  for (d in own) for (p = d; ; p = up(p)) {
    all[p] += own[d]; number[p] += files[d]
    if (p == ".") break
  }
  for (d in all) if (d != "." && (all[d] * 100 >= all["."] || number[d] * 50 >= number["."])) {
    p = up(d); kids[p] = kids[p] d "\n"
  }
  boot = sum(ENVIRON["BOOTS"], all); boot_files = sum(ENVIRON["BOOTS"], number)
  hidden = sum(ENVIRON["POINTS"], all)
  for (k = 1; k <= 8; k++) {
    for (d = "."; deeper(d, kid = largest(d)); ) d = kid
    if (left(d) <= 0 || k > 1 && left(d) * 40 < all["."]) break
    found[k] = d; weighs[k] = weight(d)
    line[k] = sprintf("%s %.0f %d %s", below(ENVIRON["POINTS"], d) ? "hidden" : "dir", left(d), number[d], d)
    take_off(d)
  }
  for (n = 1; n < k; n++) {
    best = 0
    for (i = 1; i < k; i++) if (i in line && (!best || weighs[i] > weighs[best])) best = i
    print line[best]; delete line[best]
  }
  for (i = 1; i <= 5 && size[i]; i++) printf "file %.0f - %s\n", size[i] * 512, name[i]
  printf "sum %.0f %d %.0f\n", boot, boot_files, hidden
  print "end", code
}'

on_mount() { # LIST_OF_PATHS; sets REPLY to those on the file system, as the view has them
  local path list='' top=${SSM_MountPoint%/}
  for path in "$@"; do
    [[ $path = "$SSM_MountPoint" || $path != "$top"/* ]] || list+=.${path#"$top"}$'\n'
  done
  REPLY=$list
}

# Names the directories and the files that hold most: what a person asks first.
find_culprits() {
  local kind bytes files path seconds options=(-xdev) swaps=' ' boots=() points boot_files=0 ended=no
  # In the view of a pool there is nothing but its subvolumes. Snapshots would count twice.
  [ "$TYPE" != btrfs ] || options=(-name .snapshots -prune -o)
  while IFS=' ' read -r path _; do
    printf -v path '%b' "$path"
    near "$path" || continue
    swaps+="$(bounded 2 stat -c %i -- "$path") "
  done </proc/swaps
  for path in ${BOOT[@]+"${BOOT[@]}"}; do ! on_target "$path" || boots+=("$path"); done
  on_mount ${boots[@]+"${boots[@]}"}
  boots=("$REPLY")
  on_mount "${M_POINT[@]}"
  points=$REPLY
  seconds_left
  [ "$LEFT" -lt $((WALK_SECONDS + 10)) ] && seconds=$((LEFT * 2 / 3)) || seconds=$WALK_SECONDS
  [ "$seconds" -gt 0 ] || seconds=1
  while IFS=' ' read -r kind bytes files path; do
    [ "$kind" = sum ] || path=${SSM_MountPoint%/}${path#.}
    case $kind in
      dir) DIRS+=("$bytes $files - ${path:-/}") ;;
      hidden) DIRS+=("$bytes $files hidden-by-a-mount ${path:-/}") ;;
      file) TOP+=("$bytes $path") ;;
      sum) BOOT_BYTES=$bytes boot_files=$files HIDDEN_BYTES=$path ;;
      end) [ "${bytes:-124}" -gt 2 ] || ended=yes ;;
    esac
  done < <(in_view $((seconds + 15)) "$SSM_MountPoint" nice -n 10 env "SWAPS=$swaps" \
    "BOOTS=${boots[0]}" "POINTS=$points" "WEIGH=$WEIGH" bash -c \
    "$(declare -f walk count_flood glob_escape); walk \"\$@\"" - "$seconds" "${options[@]}")
  [ "$ended" = yes ] || COMPLETE=false
  name_units
  reckon_reboot "$boot_files"
}

# The unit that has most files open below each directory; or a running service that is called like a
# part of its path; or at least the user who owns it.
name_units() {
  local i index pid path list='' tests=(-false) services
  for i in ${DIRS[@]+"${!DIRS[@]}"}; do
    path=${DIRS[$i]#* * * }
    list+=$path$'\n'
    glob_escape "${path%/}"
    tests+=(-o -lname "$REPLY/*")
  done
  while IFS=' ' read -r _ index pid; do
    i=$((index - 1))
    case ${DIRS[$i]} in *' - '*) ;; *) continue ;; esac
    unit_of "$pid"
    [ "$REPLY" = other ] || DIRS[i]=${DIRS[$i]/ - / $REPLY }
  done < <(bounded 8 find /proc/[0-9]*/fd -maxdepth 1 -type l \( "${tests[@]}" \) \
    -printf '%p %l\0' | tr '\n\0' '?\n' | LIST=$list awk '
      BEGIN { n = split(ENVIRON["LIST"], d, "\n") }
      { split($1, p, "/"); path = substr($0, length($1) + 2)
        for (i = 1; i < n; i++) if (index(path, d[i] "/") == 1) count[i " " p[3]]++ }
      END { for (k in count) print count[k], k }' | sort -rn)
  services=$(bounded 5 systemctl list-units --type=service --state=running --no-legend --plain \
    --no-pager)
  for i in ${DIRS[@]+"${!DIRS[@]}"}; do
    case ${DIRS[$i]} in *' - '*) ;; *) continue ;; esac
    path=${DIRS[$i]#* * * }
    unit_called_like "$path" "$services"
    if [ -z "$REPLY" ] && near "$path"; then
      REPLY=$(bounded 2 stat -c %U -- "$path")
      case $REPLY in root | UNKNOWN | *[!a-zA-Z0-9._-]*) REPLY='' ;; ?*) REPLY=user:$REPLY ;; esac
    fi
    [ -z "$REPLY" ] || DIRS[i]=${DIRS[$i]/ - / $REPLY }
  done
}

unit_called_like() { # PATH LIST; sets REPLY
  local path=$1 part unit
  while [ -n "$path" ]; do
    part=${path##*/} path=${path%/*}
    case $part in
      ??? | ???* ) ;;
      *) continue ;;
    esac
    case $part in var | lib | log | logs | opt | srv | home | usr | tmp | data | cache | local | app) continue ;; esac
    while IFS=' ' read -r unit _; do
      case $unit in "$part"*) [[ ! $unit =~ $UNIT_NAME ]] || { REPLY=$unit; return; } ;; esac
    done < <(printf '%s\n' "$2")
  done
  REPLY=''
}

# Space that only comes back when a process closes a file which is deleted already.
find_deleted_open() {
  local blocks inode device link path
  local -A seen=()
  DELETED=() DELETED_BYTES=0
  while IFS=' ' read -r _ inode link; do
    # It may have been closed or emptied since.
    IFS=' ' read -r blocks device < <(bounded 1 stat -L -c '%b %d' -- "$link")
    [[ -z ${seen[$inode]-} && ${blocks:-x} =~ ^[1-9][0-9]{0,14}$ ]] || continue
    seen[$inode]=1
    path=$(bounded 1 readlink -- "$link")
    path=${path% (deleted)}
    if [ "$device" != "$NUMBER" ]; then
      # Files of an overlay or a subvolume have other numbers than its mount.
      case $TYPE in btrfs | overlay) ;; *) continue ;; esac
      near "$path" || continue
    fi
    DELETED_BYTES=$((DELETED_BYTES + blocks * 512))
    [ "${#DELETED[@]}" -lt 3 ] || continue
    link=${link#/proc/}
    unit_of "${link%%/*}"
    DELETED+=("$((blocks * 512)) $REPLY $path")
  done < <(bounded 3 sort -rn -- "$DELETED_LIST" | head -n 300)
}

# What would be in use after a reboot: without deleted files and what is emptied at boot. Said only if
# all of it is known.
reckon_reboot() { # FILES_EMPTIED
  local inodes=0
  [ "$COMPLETE" = true ] && [ "$IN_USE_KNOWN" = true ] && measure || return 0
  REBOOT_PERCENT=$((((USED_BYTES - DELETED_BYTES - BOOT_BYTES) / 1024 * 100 + SIZE / 1024 - 1) / (SIZE / 1024)))
  [ "$INODES" -eq 0 ] || inodes=$((((USED_INODES - $1) * 100 + INODES - 1) / INODES))
  [ "$REBOOT_PERCENT" -ge "$inodes" ] || REBOOT_PERCENT=$inodes
  [ "$TYPE" != tmpfs ] || REBOOT_PERCENT=0
  [ "$REBOOT_PERCENT" -ge 0 ] || REBOOT_PERCENT=0
}
