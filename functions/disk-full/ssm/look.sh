# shellcheck shell=bash
# disk-full, the looking half: how full the file system of the alarm is, what fills it, and which
# files nobody may touch because somebody uses them. Nothing here changes anything.

OPEN_FILES_MAX=20000 # More would not fit on find's command line; then nothing is deleted.

DEVICE='' FREE_BYTES=0 USED_PERCENT=null INODE_PERCENT=null
FREE_BEFORE='' USED_BEFORE=null INODES_BEFORE=null READ_ONLY=false
FILES_REMOVED=0 RECLAIMABLE=0 STEPS='' TOP=() DELETED=() DELETED_BYTES=0
KEEP=()

details() { # full|short
  local mount top='' holders='' entry bytes=100
  [ "$1" = full ] || bytes=30
  json_string "$SSM_MountPoint" 100
  mount=$REPLY
  for entry in ${TOP[@]+"${TOP[@]}"}; do
    json_string "${entry#* }" "$bytes"
    top+=${top:+,}[${entry%% *},$REPLY]
  done
  for entry in ${DELETED[@]+"${DELETED[@]}"}; do
    json_string "${entry#* }" "$bytes"
    holders+=${holders:+,}[${entry%% *},$REPLY]
  done
  REPLY="\"mount\":$mount,\"read_only\":$READ_ONLY,\"target_percent\":${TARGET:-null}"
  REPLY+=",\"used_percent_before\":$USED_BEFORE,\"used_percent_after\":$USED_PERCENT"
  REPLY+=",\"inode_percent_before\":$INODES_BEFORE,\"inode_percent_after\":$INODE_PERCENT"
  REPLY+=",\"bytes_freed\":$((FREE_BYTES - ${FREE_BEFORE:-$FREE_BYTES}))"
  REPLY+=",\"reclaimable_bytes\":$RECLAIMABLE,\"files_removed\":$FILES_REMOVED,\"steps\":{$STEPS}"
  REPLY+=",\"deleted_open_bytes\":$DELETED_BYTES,\"deleted_open\":[$holders],\"top\":[$top],"
}

check_parameters() {
  parameter Deadline 120 '^([2-9][0-9]|[12][0-9][0-9]|300)$' \
    'Seconds after which the script ends by itself.'
  parameter MountPoint / '^/[A-Za-z0-9._/-]{0,199}$' \
    'Where the file system of the alarm is mounted.'
  parameter TargetPercent 80 '^[1-9][0-9]?$' \
    'Cleaning stops when no more of the bytes and of the inodes is in use.'
  parameter MinAgeDays 10 '^([1-9]|[1-9][0-9]|[12][0-9][0-9])$' \
    'Rotated logs and files in /tmp must be older; files in /var/tmp three times.'
  parameter TruncateLogs no '^(no|yes)$' \
    'Whether active logs may be emptied. Their lines are lost.'
  parameter Docker no '^(no|yes)$' \
    'Whether dangling images and the build cache of docker may be pruned.'
  parameter OldKernels no '^(no|yes)$' \
    'Whether apt may remove old kernels; needs a Deadline of 180 or more.'
  case $SSM_MountPoint/ in
    */../* | */./*) finish error 2 'parameter MountPoint is not acceptable' ;;
  esac
  [ "$SSM_MountPoint" = / ] || SSM_MountPoint=${SSM_MountPoint%/}
  TARGET=$SSM_TargetPercent
}

# The same percentages as df: the root's reserve counts as neither used nor available. Rounded up,
# because 80.1 % is not 80 %.
measure() {
  local total free available size inodes inodes_free numbers used
  numbers=$(look_bounded stat -f -c '%b %f %a %S %c %d' -- "$SSM_MountPoint" 2>/dev/null)
  [[ $numbers =~ ^([0-9]{1,18}\ ){3}[0-9]{1,9}\ [0-9]{1,18}\ [0-9]{1,18}$ ]] || return 1
  IFS=' ' read -r total free available size inodes inodes_free < <(printf '%s\n' "$numbers")
  used=$((total - free))
  [ $((used + available)) -gt 0 ] || return 1
  USED_PERCENT=$(((used * 100 + used + available - 1) / (used + available)))
  # Some file systems make inodes as they need them and then count none.
  INODE_PERCENT=0
  [ "$inodes" -eq 0 ] || INODE_PERCENT=$((((inodes - inodes_free) * 100 + inodes - 1) / inodes))
  FREE_BYTES=$((free * size))
}

first_look() {
  if ! mount_index "$SSM_MountPoint"; then
    finish error 2 'parameter MountPoint is no mount point of this host'
  fi
  case ${MOUNT_OPTIONS[$REPLY]} in *,ro,*) READ_ONLY=true ;; esac
  DEVICE=$(bounded 3 stat -c %d -- "$SSM_MountPoint" 2>/dev/null)
  if [[ ! $DEVICE =~ ^[0-9]+$ ]] || ! measure; then
    finish failed 3 'the file system does not answer'
  fi
  USED_BEFORE=$USED_PERCENT INODES_BEFORE=$INODE_PERCENT FREE_BEFORE=$FREE_BYTES
}

target_reached() {
  [ "$USED_PERCENT" -le "$SSM_TargetPercent" ] && [ "$INODE_PERCENT" -le "$SSM_TargetPercent" ]
}

on_target() { # DIRECTORY: is it a real directory on the file system of the alarm?
  [ ! -L "$1" ] && [ -d "$1" ] &&
    [ "$(bounded 2 stat -c %d -- "$1" 2>/dev/null)" = "$DEVICE" ]
}

glob_escape() { # PATH; sets REPLY to a pattern for find that matches only this path
  local character
  REPLY=${1//\\/"\\\\"}
  for character in '*' '?' '['; do REPLY=${REPLY//"$character"/"\\$character"}; done
}

# Files in use are spared by inode number: open ones on this device, mapped ones and backing files
# of swap and loop devices on any (device numbers in maps are not to be trusted on btrfs).
find_files_in_use() {
  local device inode path
  local -A seen=()
  while IFS=' ' read -r device inode; do
    case $device in
      # Other codes are processes that ended meanwhile; these two mean an incomplete list.
      end) case $inode in 124 | 137) return 1 ;; esac ;;
      any | "$DEVICE") [[ ! $inode =~ ^[1-9][0-9]*$ ]] || seen[$inode]=1 ;;
    esac
  done < <(
    bounded 10 find -L /proc/[0-9]*/fd -maxdepth 1 -type f -printf '%D %i\n' 2>/dev/null
    printf 'end %s\n' "$?"
    set -o pipefail
    bounded 10 sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([1-9][0-9]*\) .*/any \1/p' \
      /proc/[0-9]*/maps 2>/dev/null | sort -u
    printf 'end %s\n' "$?"
    {
      cat /sys/block/loop*/loop/backing_file
      while IFS=' ' read -r path _; do printf '%b\n' "$path"; done </proc/swaps
    } 2>/dev/null | while IFS= read -r path; do
      bounded 2 stat -c 'any %i' -- "$path" 2>/dev/null
    done
  )
  [ "${#seen[@]}" -le "$OPEN_FILES_MAX" ] || return 1
  for inode in "${!seen[@]}"; do KEEP+=(! -inum "$inode"); done
}

# Whoever holds a lock on a directory asks cleaners to leave the tree below it alone.
find_locked_trees() {
  local kind inode path tests=()
  while IFS=' ' read -r _ kind _ _ _ inode _; do
    inode=${inode##*:}
    [ "$kind" != FLOCK ] || [[ ! $inode =~ ^[1-9][0-9]*$ ]] || tests+=(-o -inum "$inode")
  done </proc/locks
  [ "${#tests[@]}" -gt 0 ] || return 0
  while IFS= read -r -d '' path; do
    glob_escape "$path"
    KEEP+=(! -path "$REPLY" ! -path "$REPLY/*")
  done < <(bounded 5 find -P /tmp /var/tmp -xdev -type d \( -false "${tests[@]}" \) -print0 \
    2>/dev/null)
}

# `-xdev` does not see a bind mount of the same file system, so mounts are excluded by path.
mounts_below() { # DIRECTORY; sets BELOW to find tests
  local point
  BELOW=()
  for point in "${MOUNT_POINTS[@]}"; do
    case $point in
      "$1"/*)
        glob_escape "$point"
        BELOW+=(! -path "$REPLY" ! -path "$REPLY/*")
        ;;
    esac
  done
}

# What a person needs when cleaning is not enough: the largest files, and space that only comes back
# when a process closes a file which is already deleted.
find_largest() {
  local blocks inode path
  local -A seen=()
  TOP=()
  while IFS=' ' read -r -d '' blocks inode path; do
    [[ $blocks =~ ^[0-9]{1,15}$ ]] || continue
    # A second link or a bind mount shows the same file again.
    if [ -n "${seen[$inode]-}" ] || [ "${#TOP[@]}" -ge 5 ]; then continue; fi
    seen[$inode]=1
    TOP+=("$((blocks * 512)) $path")
  done < <(bounded 10 find -P "$SSM_MountPoint" -xdev -type f -size +1023k -printf '%b %i %p\0' \
    2>/dev/null | sort -z -rn | head -z -n 50)
}

find_deleted_open() {
  local device inode blocks link path
  local -A seen=()
  DELETED=() DELETED_BYTES=0
  while IFS=' ' read -r device blocks inode link; do
    if [ "$device" != "$DEVICE" ] || [[ ! $blocks =~ ^[1-9][0-9]{0,14}$ ]]; then continue; fi
    [ -z "${seen[$inode]-}" ] || continue
    seen[$inode]=1
    DELETED_BYTES=$((DELETED_BYTES + blocks * 512))
    [ "${#DELETED[@]}" -lt 3 ] || continue
    path=$(bounded 1 readlink -- "$link" 2>/dev/null)
    link=${link#/proc/}
    unit_of "${link%%/*}"
    DELETED+=("$((blocks * 512)) $REPLY ${path% (deleted)}")
  done < <(bounded 5 find -L /proc/[0-9]*/fd -maxdepth 1 -type f -links 0 \
    -printf '%D %b %i %p\n' 2>/dev/null | sort -k 2,2 -rn)
}
