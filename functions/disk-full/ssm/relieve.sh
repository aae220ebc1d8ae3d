# shellcheck shell=bash
# disk-full, the changing half: frees space in the order of the harm it could do, and stops as soon
# as the target is reached. In mode report it walks the same way and only counts.
#
# Every deletion is `find -P -xdev ... -delete`: find holds the directory open while it deletes, so
# a user who swaps a directory for a link meanwhile cannot send it elsewhere. A list of names handed
# to rm, or a check before an rm, loses that race.

STEP_SECONDS=20
SEARCH_SECONDS=6 # Kept for naming the largest files after the last step.
OUT_OF_TIME=false IN_USE_KNOWN=true

# Systemd's own files, sockets and locks that live in /tmp and look old.
TMP_KEEP=(
  ! -path '/tmp/systemd-private-*' ! -path '/var/tmp/systemd-private-*'
  ! -path '/tmp/snap-private-tmp*' ! -path '/tmp/snap.*' ! -path '/tmp/.X11-unix*'
  ! -path '/tmp/.ICE-unix*' ! -path '/tmp/.XIM-unix*' ! -path '/tmp/.font-unix*'
  ! -path '/tmp/.Test-unix*' ! -path '/tmp/.X*-lock' ! -path '/tmp/hsperfdata_*'
  ! -path '/tmp/tmux-*' ! -path '/tmp/ssh-*'
)
# Logs that answer "who was it", and files of databases that only look like rotated logs.
LOG_KEEP=(
  ! -path '/var/log/journal/*' ! -path '*/audit/*' ! -name 'audit*' ! -name 'auth.log*'
  ! -name 'secure*' ! -name 'sudo*' ! -name 'wtmp*' ! -name 'btmp*' ! -name 'lastlog*'
  ! -name 'faillog*' ! -name '*-bin.*' ! -name '*relay*'
)
ROTATED=(
  '(' -name '*.gz' -o -name '*.xz' -o -name '*.bz2' -o -name '*.zst' -o -name '*.old'
  -o -name '*.[0-9]' -o -name '*.[0-9][0-9]' -o -name '*-20[0-9][0-9][0-1][0-9][0-3][0-9]' ')'
)

note_step() { # NAME FILES BYTES
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

sweep() { # NAME DIRECTORY... -- FIND_TESTS...
  local name=$1 directory blocks files=0 bytes=0 code=0 directories=() act=()
  shift
  while [ "$1" != -- ]; do
    directories+=("$1")
    shift
  done
  shift
  ! enough || return 0
  [ "$SSM_Mode" = report ] || act=(-delete)
  for directory in "${directories[@]}"; do
    on_target "$directory" || continue
    mounts_below "$directory"
    while IFS= read -r blocks; do
      case $blocks in
        end*) code=${blocks#end} ;;
        *) files=$((files + 1)) bytes=$((bytes + blocks * 512)) ;;
      esac
    done < <(
      # Count only what really went: -printf comes after -delete.
      bounded "$STEP_SECONDS" nice -n 10 find -P "$directory" -xdev -mindepth 1 \
        ${BELOW[@]+"${BELOW[@]}"} ${KEEP[@]+"${KEEP[@]}"} "$@" \
        ${act[@]+"${act[@]}"} -printf '%b\n' 2>/dev/null
      printf 'end%s\n' "$?"
    )
    case $code in 124 | 137) warn "$name:timed_out" ;; esac
  done
  note_step "$name" "$files" "$bytes"
}

blocks_of() { # DIRECTORY FIND_TESTS...; sets FILES and BYTES
  local directory=$1 blocks
  shift
  FILES=0 BYTES=0
  while IFS= read -r blocks; do
    FILES=$((FILES + 1)) BYTES=$((BYTES + blocks * 512))
  done < <(bounded 10 find -P "$directory" -xdev -type f "$@" -printf '%b\n' 2>/dev/null)
}

# For tools that delete by themselves: files as counted before, bytes as the file system says.
tool_step() { # NAME FILES SECONDS COMMAND...
  local name=$1 files=$2 seconds=$3 before code
  shift 3
  measure
  before=$FREE_BYTES
  bounded "$seconds" "$@" >/dev/null 2>&1
  code=$?
  case $code in
    0) ;;
    124 | 137) warn "$name:timed_out" ;;
    *) warn "$name:exit_$code" ;;
  esac
  measure
  note_step "$name" "$files" $((FREE_BYTES - before))
}

clean_packages() {
  local archives=/var/cache/apt/archives
  ! enough && on_target "$archives" && command -v apt-get >/dev/null || return 0
  if [ "$PACKAGES" = true ]; then
    warn packages:busy # somebody is installing just these files
    return
  fi
  blocks_of "$archives" -name '*.deb'
  if [ "$SSM_Mode" = report ]; then
    note_step packages "$FILES" "$BYTES"
  else
    tool_step packages "$FILES" "$STEP_SECONDS" apt-get clean
  fi
}

# Archived journals only; a hundredth of the file system, 16 to 200 MiB, is kept to read.
clean_journal() {
  local journal=/var/log/journal keep total
  ! enough && on_target "$journal" && command -v journalctl >/dev/null || return 0
  total=$(bounded 3 stat -f -c '%b %S' -- "$SSM_MountPoint") || return 0
  keep=$((${total% *} * ${total#* } / 100))
  [ "$keep" -ge 16777216 ] || keep=16777216
  [ "$keep" -le 209715200 ] || keep=209715200
  blocks_of "$journal" -name '*@*.journal*'
  if [ "$SSM_Mode" = report ]; then
    [ "$BYTES" -gt "$keep" ] || FILES=0 BYTES=$keep
    note_step journal "$FILES" $((BYTES - keep))
  else
    tool_step journal 0 "$STEP_SECONDS" journalctl --rotate --vacuum-size="$keep"
  fi
}

clean_files() {
  local age=$((SSM_MinAgeDays * 1440)) old_folder
  sweep rotated_logs /var/log -- -type f -links 1 -mmin "+$age" "${ROTATED[@]}" "${LOG_KEEP[@]}"
  sweep crash_dumps /var/crash /var/lib/systemd/coredump /var/lib/apport/coredump -- \
    -type f -links 1 -mmin +2880 ! -name 'kdump*' ! -name kexec_cmd
  # A cached snap that is installed has a second link and stays.
  sweep snap_cache /var/lib/snapd/cache -- -type f -links 1 -mmin +1440
  # The agent keeps a folder for each command it ever ran. A command may run for two days.
  old_folder=(-path '/var/lib/amazon/ssm/*/orchestration/*' -mmin +20160)
  sweep agent_folders /var/lib/amazon/ssm -- "${old_folder[@]}" \
    '(' -type f -links 1 -o -type d -empty ')'
  # Both times must be old: read or written lately means in use. Three times the age for /var/tmp,
  # which outlives a reboot on purpose; 10 and 30 days are systemd's own defaults. An emptied
  # directory still shows find the age it had before its files went.
  # What was unpacked, copied or moved here keeps its old times but for the last.
  sweep tmp /tmp -- "${TMP_KEEP[@]}" -mmin "+$age" \
    '(' -type f -links 1 -amin "+$age" -cmin "+$age" -o -type d -empty ')'
  age=$((3 * age))
  sweep var_tmp /var/tmp -- "${TMP_KEEP[@]}" -mmin "+$age" \
    '(' -type f -links 1 -amin "+$age" -cmin "+$age" -o -type d -empty ')'
}

# ---- opt-ins: each loses something that somebody may want --------------------------------------

# dd opens the file in the directory find holds and refuses a link; `truncate` would follow it.
truncate_logs() {
  local blocks files=0 bytes=0
  [ "$SSM_TruncateLogs" = yes ] && ! enough && on_target /var/log || return 0
  mounts_below /var/log
  local act=(-execdir dd if=/dev/null of='{}' oflag=nofollow conv=nocreat status=none ';')
  [ "$SSM_Mode" = apply ] || act=()
  while IFS= read -r blocks; do
    files=$((files + 1)) bytes=$((bytes + blocks * 512))
  done < <(bounded "$STEP_SECONDS" find -P /var/log -xdev -type f -links 1 -size +1023k \
    ${BELOW[@]+"${BELOW[@]}"} "${LOG_KEEP[@]}" \
    '(' -name '*.log' -o -name syslog -o -name messages -o -name '*.err' -o -name '*.out' ')' \
    ${act[@]+"${act[@]}"} -printf '%b\n' 2>/dev/null)
  note_step truncated_logs "$files" "$bytes"
}

# A log that was deleted while its writer kept it open. The file is opened first and checked through
# our own descriptor, because the writer's may be another file a moment later.
truncate_deleted_logs() {
  local device link blocks path files=0 bytes=0
  [ "$SSM_TruncateLogs" = yes ] && ! enough || return 0
  while IFS=' ' read -r device blocks link; do
    if [ "$device" != "$DEVICE" ] || [[ ! $blocks =~ ^[1-9][0-9]{0,14}$ ]]; then continue; fi
    if [ "$SSM_Mode" = apply ]; then
      { exec 7<>"$link"; } 2>/dev/null || continue
      path=$(readlink "/proc/$$/fd/7")
      if [[ $path == /var/log/*' (deleted)' && $path != */audit/* ]] &&
        [ "$(stat -L -c '%h %F' "/proc/$$/fd/7")" = '0 regular file' ] &&
        : >"/proc/$$/fd/7"; then
        files=$((files + 1)) bytes=$((bytes + blocks * 512))
      fi
      exec 7>&-
    else
      files=$((files + 1)) bytes=$((bytes + blocks * 512))
    fi
  done < <(bounded 5 find /proc/[0-9]*/fd -maxdepth 1 -lname '/var/log/* (deleted)' \
    -exec find -L '{}' -maxdepth 0 -type f -links 0 -size +1023k -printf '%D %b %p\n' ';' \
    2>/dev/null)
  note_step deleted_logs "$files" "$bytes"
}

# Dangling images and build cache, which docker can make again; never containers, volumes or tags.
prune_docker() {
  [ "$SSM_Docker" = yes ] && [ "$SSM_Mode" = apply ] && ! enough || return 0
  if ! command -v docker >/dev/null; then
    warn docker:absent
    return
  fi
  tool_step docker_images 0 "$STEP_SECONDS" docker image prune --force
  ! enough || return 0
  tool_step docker_build_cache 0 "$STEP_SECONDS" docker builder prune --force
}

# By the package manager, which keeps the running kernel and the newest; never by hand in /boot. It
# must not be cut off half-way, so it only begins with two minutes in hand; and only when kernels
# are all it would remove.
remove_old_kernels() {
  local line kernels=0
  [ "$SSM_OldKernels" = yes ] && [ "$SSM_Mode" = apply ] && ! enough || return 0
  seconds_left
  if [ "$LEFT" -lt 120 ]; then
    warn old_kernels:needs_longer_deadline
  elif [ "$PACKAGES" = true ]; then
    warn old_kernels:packages_busy
  elif command -v apt-get >/dev/null; then
    while IFS=' ' read -r line; do
      case $line in
        'Remv linux-image-'* | 'Remv linux-modules-'* | 'Remv linux-headers-'* | \
          'Remv linux-tools-'*) kernels=$((kernels + 1)) ;;
        'Remv '*)
          warn old_kernels:other_packages_too
          return
          ;;
      esac
    done < <(bounded 20 apt-get --simulate --quiet autoremove 2>/dev/null)
    [ "$kernels" -eq 0 ] ||
      tool_step old_kernels "$kernels" 110 apt-get --yes --quiet autoremove
  fi
}

conclude() {
  local left
  measure || finish failed 0 'the file system stopped answering'
  left="$USED_PERCENT % of bytes and $INODE_PERCENT % of inodes are in use"
  if [ "$SSM_Mode" = apply ] && target_reached; then
    finish ok 0 "$left"
  elif [ "$IN_USE_KNOWN" = false ]; then
    finish failed 0 "which files are in use is not known, so none may go: $left"
  elif [ "$SSM_Mode" = report ]; then
    finish report 0 "$left; $RECLAIMABLE bytes could go"
  elif [ "$OUT_OF_TIME" = true ]; then
    finish failed 0 "deadline of $SSM_Deadline s reached: $left, target $SSM_TargetPercent %"
  fi
  finish insufficient 0 "$left, target $SSM_TargetPercent %"
}

main() {
  begin disk-clean
  preflight
  first_look
  collect_evidence
  if [ "$SSM_Mode" = apply ] && [ "$READ_ONLY" = true ]; then
    finish error 3 'the file system is read-only'
  fi
  if find_files_in_use; then
    find_locked_trees
    clean_packages
    clean_journal
    clean_files
    truncate_logs
    truncate_deleted_logs
    prune_docker
    remove_old_kernels
  else
    IN_USE_KNOWN=false
  fi
  find_deleted_open
  find_largest
  conclude
}

main
