# shellcheck shell=bash
# grow, the looking half: on which disk a file system lies, through which layers, and whether it can be
# extended where it lies. Nothing here changes anything.

MOUNT='' TYPE='' SOURCE='' NUMBER='' OPTIONS=''        # the file system
NODE='' DISK='' NAME='' PARTITION=null MBR=false        # what it lies on, from the top down
LVM=false VG='' LV='' PV=''                             # a logical volume between, if there is one
SIZE=0 USED=0 PERCENT=0 DISK_BYTES=0 FS_BYTES=0 UNUSED=0
SHAPE=unknown WHY='it was not looked at'
SLACK=16777216 # Tables, headers and what alignment and whole extents leave.

details() { # full|short
  local mount=${MOUNT:-$SSM_MountPoint} type device disk
  json_string "$mount" 200
  mount=$REPLY
  json_string "$TYPE" 20
  type=$REPLY
  json_string "$DISK" 40
  device=$REPLY
  json_string "$NAME" 40
  disk=$REPLY
  REPLY=''
  fields mount "$mount" file_system "$type" device "$device" disk "$disk" \
    partition "$PARTITION" mbr "$MBR" lvm "$LVM" shape "\"$SHAPE\"" size_bytes "$SIZE" \
    used_bytes "$USED" disk_bytes "$DISK_BYTES" unused_bytes "$UNUSED"
}

check_parameters() {
  parameter Deadline 60 '^([2-9][0-9]|[12][0-9][0-9]|300)$' \
    'Seconds after which the script ends by itself.'
  parameter MountPoint / '^(auto|/[A-Za-z0-9._/-]{0,199})$' \
    'Where the full file system is mounted; auto for the fullest of the local ones.'
  parameter Disk '' '^[A-Za-z0-9]{0,64}$' \
    'The disk that was found before; on any other one nothing is extended.'
  case $SSM_MountPoint/ in
    */../* | */./*) finish error 2 'parameter MountPoint is not acceptable' bad-parameter ;;
  esac
  [ "$SSM_MountPoint" = / ] || SSM_MountPoint=${SSM_MountPoint%/}
}

# What stands in the way is a finding and no failure: whoever asked decides.
stop() { # SHAPE WHY
  SHAPE=$1 WHY=$2
  return 1
}

# The same percentages as df: the root's reserve counts as neither used nor available.
measure() {
  local numbers total free available block
  numbers=$(bounded 10 stat -f -c '%b %f %a %S' -- "$MOUNT")
  [[ $numbers =~ ^([0-9]{1,18}\ ){3}[0-9]{1,9}$ ]] || return 1
  IFS=' ' read -r total free available block < <(printf '%s\n' "$numbers")
  USED=$(((total - free) * block)) SIZE=$(((total - free + available) * block))
  [ "$SIZE" -gt 0 ] || return 1
  PERCENT=$(((USED / 1024 * 100 + SIZE / 1024 - 1) / (SIZE / 1024)))
  [ "$TYPE" != btrfs ] || FS_BYTES=$((total * block))
}

# ---- the file system --------------------------------------------------------------------------

# A mount hides the earlier ones on the same point, so the last one counts.
read_mounts() { # POINT|auto; sets MOUNT, NUMBER, TYPE, SOURCE, OPTIONS
  local wanted=$1 lines=() line head tail point type most=-1
  mapfile -t lines </proc/self/mountinfo
  for line in ${lines[@]+"${lines[@]}"}; do
    head=${line%% - *} tail=${line##* - }
    type=${tail%% *} tail=${tail#* }
    set -f
    # shellcheck disable=SC2086
    set -- $head
    set +f
    printf -v point '%b' "$5" # blanks and backslashes are written in octal
    if [ "$wanted" = auto ]; then
      case $type,$6, in *,ro,*) continue ;; ext[234],* | xfs,* | btrfs,*) ;; *) continue ;; esac
      MOUNT=$point TYPE=$type
      measure && [ "$PERCENT" -gt "$most" ] || continue
      most=$PERCENT SSM_MountPoint=$point
    elif [ "$point" = "$wanted" ]; then
      MOUNT=$point NUMBER=$3 OPTIONS=",$6," TYPE=$type SOURCE=${tail%% *}
    fi
  done
  if [ "$wanted" = auto ]; then
    MOUNT='' TYPE=''
    [ "$most" -ge 0 ] && read_mounts "$SSM_MountPoint"
    return
  fi
  [ -n "$MOUNT" ]
}

look_at_file_system() {
  read_mounts "$SSM_MountPoint" || stop no-disk "nothing is mounted at $SSM_MountPoint" || return
  measure || stop unknown "$MOUNT does not answer" || return
  case $OPTIONS in *,ro,*) stop read-only "$MOUNT is mounted read-only" || return ;; esac
  case $TYPE in
    ext[34] | xfs | btrfs) ;;
    zfs | f2fs | jfs | reiserfs | ext2 | ntfs* | vfat | exfat)
      stop other-file-system "$TYPE is not extended" || return ;;
    *) stop no-disk "$MOUNT is $TYPE, which lies on no disk of its own" || return ;;
  esac
  # btrfs has a number of its own, which is no device's.
  if [ "$TYPE" = btrfs ]; then
    NUMBER=$(bounded 10 stat -L -c '0x%t 0x%T' -- "$SOURCE")
    [[ $NUMBER =~ ^(0x[0-9a-f]+)\ (0x[0-9a-f]+)$ ]] &&
      NUMBER=$((BASH_REMATCH[1])):$((BASH_REMATCH[2])) || NUMBER=''
    [ "$NUMBER" != 0:0 ] || NUMBER=''
  fi
  NODE=$(bounded 10 readlink -f -- "/sys/dev/block/$NUMBER")
  [ -n "$NUMBER" ] && [ -d "$NODE" ] || stop unknown "the device of $MOUNT is not known"
}

# ---- what lies below --------------------------------------------------------------------------

# Sets NODE to the disk or the partition, whatever lies between, and stops at what is not extended.
go_down() {
  local uuid='' below=()
  look_at_btrfs || return
  if [ -d "$NODE/md" ]; then stop raid "${NODE##*/} is a RAID" || return; fi
  if [ -e "$NODE/dm/uuid" ]; then
    IFS= read -r uuid <"$NODE/dm/uuid"
    case $uuid in
      LVM-*) look_at_lvm || return ;;
      CRYPT-*) stop luks "${NODE##*/} is encrypted" || return ;;
      *) stop unknown "${NODE##*/} is a mapping of a kind that is not known" || return ;;
    esac
    below=("$NODE"/slaves/*)
    [ "${#below[@]}" -eq 1 ] || stop several-pvs "$VG lies on ${#below[@]} devices" || return
    NODE=$(bounded 10 readlink -f -- "${below[0]}")
    if [ -d "$NODE/md" ]; then stop raid "$VG lies on the RAID ${NODE##*/}" || return; fi
    if [ -d "$NODE/dm" ]; then
      IFS= read -r uuid <"$NODE/dm/uuid"
      case $uuid in CRYPT-*) stop luks "$VG lies on an encrypted device" || return ;; esac
      stop unknown "$VG lies on another mapping" || return
    fi
    PV=/dev/${NODE##*/}
  fi
  [ -n "$NODE" ] || stop unknown 'what lies below is not known'
}

look_at_btrfs() {
  local devices
  [ "$TYPE" = btrfs ] || return 0
  for devices in /sys/fs/btrfs/*/devices; do
    [ -e "$devices/${NODE##*/}" ] || continue
    set -- "$devices"/*
    [ "$#" -eq 1 ] || stop raid "its btrfs lies on $# devices" || return
  done
}

look_at_lvm() {
  local told path layout pvs lvs free type
  LVM=true
  IFS= read -r path <"$NODE/dm/name"
  command -v lvs >/dev/null || stop tool-missing 'there is no lvs' || return
  told=$(bounded 10 lvs --noheadings --nosuffix --units b --separator , \
    -o vg_name,lv_name,lv_layout,segtype,pv_count,lv_count,vg_free "/dev/mapper/$path" 2>/dev/null)
  told=${told//[[:blank:]]/}
  IFS=, read -r VG LV layout type pvs lvs free < <(printf '%s\n' "$told")
  [[ $VG,$LV =~ ^[A-Za-z0-9+_.-]+,[A-Za-z0-9+_.-]+$ && $pvs,$lvs,$free =~ ^[0-9]+,[0-9]+,[0-9]+$ ]] ||
    stop unknown 'lvs gave no answer' || return
  [ "$pvs" -eq 1 ] || stop several-pvs "the volume group $VG has $pvs physical volumes" || return
  [ "$lvs" -eq 1 ] || stop several-lvs "the volume group $VG has $lvs logical volumes" || return
  [ "$layout,$type" = linear,linear ] || stop unknown "$VG/$LV is $layout" || return
  # What somebody left there was left on purpose, or costs nothing.
  [ "$free" -lt 1073741824 ] ||
    stop group-has-room "the volume group $VG has $((free >> 30)) GiB free"
}

look_at_disk() {
  local start=0 size=0 other begins model='' table
  DISK=${NODE##*/}
  if [ -e "$NODE/partition" ]; then
    IFS= read -r PARTITION <"$NODE/partition"
    IFS= read -r start <"$NODE/start"
    IFS= read -r size <"$NODE/size"
    DISK=${NODE%/*}
    DISK=${DISK##*/}
  fi
  [ -e "/sys/block/$DISK/size" ] || stop unknown "there is no disk $DISK" || return
  if [ -d "/sys/block/$DISK/md" ]; then stop raid "$DISK is a RAID" || return; fi
  name_disk || return
  IFS= read -r DISK_BYTES <"/sys/block/$DISK/size"
  [ "$PARTITION" != null ] || size=$DISK_BYTES
  UNUSED=$(((DISK_BYTES - start - size) * 512)) DISK_BYTES=$((DISK_BYTES * 512))
  if [ "$PARTITION" != null ]; then
    for other in "/sys/block/$DISK"/*/start; do
      IFS= read -r begins 2>/dev/null <"$other" || continue
      [ "$begins" -le "$start" ] ||
        stop partition-behind "another partition lies behind partition $PARTITION of $DISK" || return
    done
    table=$(bounded 5 blkid -p -s PTTYPE -o value "/dev/$DISK" 2>/dev/null)
    case $table in
      gpt) ;;
      dos) MBR=true ;;
      *) stop unknown "the partition table of $DISK is ${table:-not known}" || return ;;
    esac
    [ "$MBR" = false ] || [ "$PARTITION" -le 4 ] ||
      stop unknown "partition $PARTITION lies in an extended one of an MBR" || return
  fi
  HOLDER_BYTES=$((size * 512))
}

# The serial of an NVMe disk names its volume; a Xen disk is known by its name.
name_disk() {
  local model=''
  case $DISK in
    nvme*)
      IFS= read -r model 2>/dev/null <"/sys/block/$DISK/device/model"
      case $model in *'Instance Storage'*) stop instance-store "$DISK is an instance store" || return ;; esac
      IFS= read -r NAME 2>/dev/null <"/sys/block/$DISK/device/serial"
      NAME=${NAME//[!A-Za-z0-9]/}
      ;;
    xvd*) NAME=$DISK ;;
    *) stop no-disk "$DISK is no disk of EBS" || return ;;
  esac
  [ -n "$NAME" ] || stop unknown "$DISK has no serial"
}

# ---- the tools, and what is not used ----------------------------------------------------------

look_at_tools() {
  local tool wanted=()
  case $TYPE in
    ext[34]) wanted=(resize2fs dumpe2fs) ;;
    xfs) wanted=(xfs_growfs xfs_info) ;;
    btrfs) wanted=(btrfs) ;;
  esac
  [ "$LVM" = false ] || wanted+=(pvresize lvextend)
  for tool in "${wanted[@]}"; do
    command -v "$tool" >/dev/null || stop tool-missing "there is no $tool" || return
  done
  [ "$PARTITION" = null ] || command -v growpart >/dev/null || command -v sfdisk >/dev/null ||
    stop tool-missing 'there is neither growpart nor sfdisk'
}

HOLDER_BYTES=0 # the partition or the disk that the file system, or its volume group, lies on

# What the file system could have: behind its partition, and between each layer and the next.
look_at_unused() {
  local told number line block='' blocks=''
  case $TYPE in
    ext[34])
      told=$(bounded 10 dumpe2fs -h "$(device)" 2>/dev/null)
      while IFS= read -r line; do
        number=${line##* }
        case $line in
          'Block count:'*) blocks=$number ;;
          'Block size:'*) block=$number ;;
        esac
      done < <(printf '%s\n' "$told")
      ;;
    xfs)
      told=$(bounded 10 xfs_info "$MOUNT" 2>/dev/null)
      [[ $told =~ data\ +=\ +bsize=([0-9]+)\ +blocks=([0-9]+) ]] &&
        block=${BASH_REMATCH[1]} blocks=${BASH_REMATCH[2]}
      ;;
    btrfs) block=1 blocks=$FS_BYTES ;;
  esac
  [[ $block,$blocks =~ ^[0-9]+,[0-9]+$ ]] || stop unknown "the size of the $TYPE is not known" || return
  FS_BYTES=$((block * blocks))
  UNUSED=$((UNUSED + HOLDER_BYTES - FS_BYTES - SLACK))
  [ "$UNUSED" -ge 0 ] || UNUSED=0
}

device() { # prints the device that the file system lies on
  if [ "$LVM" = true ]; then
    printf '/dev/%s/%s' "$VG" "$LV"
  elif [ "$PARTITION" = null ]; then
    printf '/dev/%s' "$DISK"
  else
    printf '/dev/%s' "${NODE##*/}"
  fi
}

look() {
  look_at_file_system && go_down && look_at_disk && look_at_tools && look_at_unused &&
    SHAPE=fit WHY="$MOUNT lies on $DISK: $PERCENT % of $((SIZE >> 20)) MiB are in use"
}
