# shellcheck shell=bash
# grow, the extending half: partition, physical volume, logical volume and file system, each to what
# lies below it. Each step may be made twice. Nothing is written to the file system that is full: what
# the tools need goes to /run.

# The disk tells its new size by itself; a controller that missed it is asked again.
look_again_at_disk() {
  local ask=/sys/block/$DISK/device/rescan_controller
  if [ -w "$ask" ]; then printf '1\n' >"$ask"; fi 2>/dev/null
}

failed() { # WHAT
  finish failed 0 "$1 failed: ${TOLD:-it said nothing}" failed
}

TOLD='' # the last line of what a tool said that failed
run_tool() { # SECONDS COMMAND...
  local said code
  said=$(bounded "$@" 2>&1)
  code=$?
  TOLD=${said##*$'\n'}
  return "$code"
}

extend_partition() {
  [ "$PARTITION" != null ] || return 0
  if command -v growpart >/dev/null; then
    TMPDIR=$RUN_DIR run_tool 60 growpart "/dev/$DISK" "$PARTITION"
    case $? in
      0) return ;;
      1) case $TOLD in NOCHANGE*) return ;; esac ;; # it takes all there is
    esac
    command -v sfdisk >/dev/null || failed growpart
  fi
  rewrite_partition
}

# The table as it is, but for the size of the partition and the end of the disk as it was: sfdisk
# gives it all that is left then. The table before stays in /run until the next boot.
rewrite_partition() {
  local part=/dev/$DISK$PARTITION table=$RUN_DIR/table-of-$DISK
  case $DISK in *[0-9]) part=/dev/${DISK}p$PARTITION ;; esac
  bounded 10 sfdisk --dump "/dev/$DISK" >"$table" 2>/dev/null || failed 'sfdisk --dump'
  bounded 10 sed -E -e '/^last-lba:/d' -e "s#^($part : start= *[0-9]+,) size= *[0-9]+,#\\1#" \
    "$table" >"$table.new" || failed sed
  run_tool 60 sh -c 'exec sfdisk --no-reread --force "$1" <"$2"' - "/dev/$DISK" "$table.new" ||
    failed sfdisk
  run_tool 20 partx --update --nr "$PARTITION" "/dev/$DISK" || failed partx
}

# Without the copies of its metadata that LVM keeps below /etc, where there may be no room.
NO_COPIES='backup { backup = 0 archive = 0 }'

# Where the group has nothing to give, lvextend fails and says nothing.
extend_volume_group() {
  local free
  [ "$LVM" = true ] || return 0
  run_tool 60 pvresize --config "$NO_COPIES" "$PV" || failed pvresize
  free=$(bounded 10 vgs --noheadings -o vg_free_count "$VG" 2>/dev/null)
  [ "${free//[[:blank:]]/}" != 0 ] || return 0
  run_tool 60 lvextend --config "$NO_COPIES" -l +100%FREE "$VG/$LV" || failed lvextend
}

extend_file_system() {
  local told id=1
  case $TYPE in
    ext[34]) run_tool 150 resize2fs "$(device)" || failed resize2fs ;;
    xfs) run_tool 60 xfs_growfs -d "$MOUNT" || failed xfs_growfs ;;
    btrfs)
      told=$(bounded 10 btrfs filesystem show "$MOUNT" 2>/dev/null)
      [[ ! $told =~ devid\ +([0-9]+) ]] || id=${BASH_REMATCH[1]}
      run_tool 60 btrfs filesystem resize "$id:max" "$MOUNT" || failed btrfs
      ;;
  esac
}

main() {
  local before
  begin disk-grow
  look
  [ "$SSM_Mode" = apply ] || finish report 0 "$WHY" looked
  [ "$SHAPE" = fit ] || finish refused 0 "$WHY" nothing-to-do
  [ "$NAME" = "$SSM_Disk" ] ||
    finish refused 0 "$MOUNT lies on $NAME, and not on ${SSM_Disk:-a disk that was named}" incomplete
  before=$SIZE
  look_again_at_disk
  extend_partition
  extend_volume_group
  extend_file_system
  PARTITION=null LVM=false
  look
  [ "$SIZE" -gt "$before" ] ||
    finish insufficient 0 "there is nothing that $MOUNT could take" insufficient
  finish ok 0 "$MOUNT takes $((SIZE >> 20)) MiB now, $PERCENT % are in use" relieved
}

main
