# shellcheck shell=bash
# What somebody must know before this host is restarted or replaced. Reads only, in every mode.
# A question without an answer stays `null`, so that the reader can take doubt for a no.

PERSONS=null PACKAGES=null FSTAB=null FSTAB_UNFIT='' JOBS=null FAILED_COUNT=null BOOT_ID=''
READ_ONLY_ROOT=false TMP_ON_TMPFS=false VOLATILE_JOURNAL=true
REBOOT_REQUIRED=false HYBRID=false INSTANCE_STORE=false
FAILED_UNITS=() TMP_LOGS=() CREDENTIALS=()

SESSIONS_MAX=20 # Beyond that every login counts, asked or not.

# In one go: the kernel walks its list anew for each line that is read alone, and a mount that ends
# meanwhile makes it miss another.
M_POINT=() M_DEVICE=() M_ROOT=() M_TYPE=() M_OPTIONS=()
read_mounts() {
  local lines=() line fields name
  mapfile -t lines </proc/self/mountinfo
  for line in ${lines[@]+"${lines[@]}"}; do
    set -f
    # shellcheck disable=SC2206
    fields=(${line%% - *})
    set +f
    printf -v name '%b' "${fields[4]}" # blanks and backslashes are written in octal
    M_POINT+=("$name") M_DEVICE+=("${fields[2]}")
    printf -v name '%b' "${fields[3]}"
    line=${line#* - }
    M_ROOT+=("$name") M_TYPE+=("${line%% *}") M_OPTIONS+=(",${fields[5]},${line##* },")
  done
}

# A mount hides the earlier ones on the same point, so the last of the longest counts.
mount_of() { # PATH; sets REPLY to the index of the mount that it lies on, or fails
  local i best=-1
  REPLY=''
  for i in ${M_POINT[@]+"${!M_POINT[@]}"}; do
    [[ $1/ != "${M_POINT[$i]%/}/"* || ${#M_POINT[$i]} -lt $best ]] ||
      REPLY=$i best=${#M_POINT[$i]}
  done
  [ -n "$REPLY" ]
}

# Whether a path can be looked at: what lies on a file system of another machine, or of a program, may
# hang for ever.
is_local() { # PATH
  mount_of "$1" || return 1
  case ${M_TYPE[$REPLY]} in
    ext[234] | xfs | btrfs | zfs | f2fs | overlay | tmpfs | devtmpfs | squashfs | vfat) ;;
    *) return 1 ;;
  esac
}

look_at_mounts() {
  if mount_of /; then
    case ${M_OPTIONS[$REPLY]} in *,ro,*) READ_ONLY_ROOT=true ;; esac
  fi
  if mount_of /tmp && [ "${M_TYPE[$REPLY]}" = tmpfs ]; then TMP_ON_TMPFS=true; fi
  [ ! -d /var/log/journal ] || VOLATILE_JOURNAL=false
  local link
  for link in /dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_*; do
    [ ! -e "$link" ] || INSTANCE_STORE=true
  done
}

# Persons: logins that have not ended, and Session Manager sessions, which no login record shows.
count_persons() {
  local ids id asked=0 shown
  if ids=$(bounded 3 loginctl list-sessions --no-legend --no-pager); then
    PERSONS=0
    while read -r id _; do
      [[ $id =~ ^[A-Za-z0-9]+$ ]] || continue
      asked=$((asked + 1)) shown=''
      [ "$asked" -gt "$SESSIONS_MAX" ] ||
        shown=$(bounded 2 loginctl show-session "$id" -p Class -p State)
      case $shown in
        *State=closing*) ;;
        *Class=user* | '') PERSONS=$((PERSONS + 1)) ;;
      esac
    done < <(printf '%s\n' "$ids")
  elif ids=$(bounded 3 who); then
    PERSONS=0
    while read -r id _; do
      [ -z "$id" ] || PERSONS=$((PERSONS + 1))
    done < <(printf '%s\n' "$ids")
  fi
}

# What the names of processes tell, in one walk: sessions of Session Manager, and package managers.
look_at_processes() {
  local directory pid sessions=0 seen=0
  PACKAGES=false
  for directory in /proc/[0-9]*; do
    seen=$((seen + 1))
    if [ $((seen % 500)) -eq 0 ]; then
      seconds_left
      if [ "$LEFT" -le 0 ]; then
        PERSONS=null PACKAGES=null # Who was not looked at may be one.
        return
      fi
    fi
    pid=${directory#/proc/}
    comm_of "$pid"
    # The kernel cuts names at 15 bytes.
    case $REPLY in
      ssm-session-wor) ! owned_by_root "$pid" || sessions=$((sessions + 1)) ;;
      dpkg | apt-get | apt | aptitude | rpm | dnf | yum | zypper)
        ! owned_by_root "$pid" || PACKAGES=true ;;
    esac
  done
  [ "$PERSONS" = null ] || PERSONS=$((PERSONS + sessions))
}

# Packages are being installed, too, when somebody holds the package manager's lock. The name of a
# process proves nothing: unattended-upgrades leaves a waiting helper behind on every Ubuntu host.
look_at_package_locks() {
  local lines=() line held=' ' inode file
  mapfile -t lines </proc/locks
  for line in ${lines[@]+"${lines[@]}"}; do
    line=${line##*:} # of `MAJOR:MINOR:INODE START END` the inode is what follows
    held+="${line%% *} "
  done
  for file in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/cache/apt/archives/lock \
    /var/lib/rpm/.rpm.lock /var/lib/zypp/zypp.lock; do
    if ! is_local "$file" || [ ! -e "$file" ]; then continue; fi
    inode=$(bounded 2 stat -c %i -- "$file") || continue
    case $held in *" $inode "*) PACKAGES=true ;; esac
  done
}

# ---- fstab ------------------------------------------------------------------------------------

# Whether the next boot would end in emergency mode over a line of fstab. That is not a checker's
# question: systemd's own generator is asked which mounts local-fs.target would require. So it knows
# `nofail`, `noauto`, automounts, swap and network file systems as this host's systemd does
# (systemd-fstab-generator(8), systemd.mount(5)). A mount that is only wanted fails alone.
look_at_fstab() {
  local generator directory=$RUN_DIR/fstab unit
  for generator in /usr/lib/systemd/system-generators /lib/systemd/system-generators; do
    [ ! -x "$generator/systemd-fstab-generator" ] || break
  done
  if ! mkdir -p "$directory" 2>/dev/null || ! empty_fstab_units; then return; fi
  bounded 5 "$generator/systemd-fstab-generator" "$directory" "$directory" "$directory"
  case $? in
    0 | 1) ;; # 1 is a line that it ignores, at boot as well
    *) return ;;
  esac
  FSTAB=true
  for unit in "$directory"/local-fs.target.requires/*.mount; do
    [ ! -e "$unit" ] || judge_mount "$unit"
  done
  empty_fstab_units
}

empty_fstab_units() {
  bounded 5 find -P "$RUN_DIR/fstab" -mindepth 1 -delete
}

# Sets FSTAB to false and FSTAB_UNFIT to the line if this mount will fail, to null if nobody can say.
# That something is mounted there now proves nothing: the line may be younger.
judge_mount() { # UNIT_FILE
  local lines=() line what='' where='' type='' options='' why=''
  mapfile -t lines <"$1"
  for line in ${lines[@]+"${lines[@]}"}; do
    line=${line//%%/%}
    case $line in
      What=*) what=${line#*=} ;;
      Where=*) where=${line#*=} ;;
      Type=*) type=${line#*=} ;;
      Options=*) options=${line#*=} ;;
    esac
  done
  # The root is mounted before systemd starts, and bind mounts get their source made for them.
  case $where,$options, in /,* | *,bind,* | *,rbind,*) return ;; esac
  case $what in
    /dev/*) judge_device "$what" "$type" || why=$REPLY ;;
    /*)
      if ! is_local "$what"; then
        [ "$FSTAB" = false ] || FSTAB=null
      elif [ ! -e "$what" ]; then
        why='is not there'
      fi
      ;;
  esac
  [ -n "$why" ] && [ "$FSTAB" != false ] || return 0
  FSTAB=false
  fstab_line "$where"
  FSTAB_UNFIT="${REPLY:+line $REPLY: }$what for $where $why"
}

# Says in REPLY why this device cannot be mounted, or succeeds.
judge_device() { # DEVICE TYPE
  local found
  REPLY='is not there'
  [ -e "$1" ] || return 1
  found=$(bounded 2 lsblk -ndo FSTYPE -- "$1")
  # Drivers read each other's: ext4 mounts ext2, msdos is vfat.
  case $2,$found in *, | ,* | auto,* | ext[234],ext[234] | msdos,vfat) return 0 ;; esac
  REPLY="holds ${found:0:20}, not ${2:0:20}"
  [ "$2" = "$found" ]
}

fstab_line() { # MOUNT_POINT; sets REPLY to the number of its line, or to nothing
  local lines=() i source point
  REPLY=''
  mapfile -t lines <"${SYSTEMD_FSTAB:-/etc/fstab}" # as systemd's generator reads it
  for i in "${!lines[@]}"; do
    IFS=$' \t' read -r source point _ < <(printf '%s\n' "${lines[$i]}")
    printf -v point '%b' "$point"
    case $source in '#'*) continue ;; esac
    if [ "${point%/}" = "$1" ]; then
      REPLY=$((i + 1))
      return
    fi
  done
}

look_at_units() {
  local list unit
  if list=$(bounded 5 systemctl list-units --state=failed --no-legend --plain --no-pager)
  then
    FAILED_COUNT=0
    while read -r unit _; do
      [ -n "$unit" ] || continue
      FAILED_COUNT=$((FAILED_COUNT + 1))
      FAILED_UNITS+=("$unit")
    done < <(printf '%s\n' "$list")
  fi
  if list=$(bounded 5 systemctl list-jobs --no-legend --plain --no-pager); then
    JOBS=0
    while read -r unit _; do
      [[ ! $unit =~ ^[0-9]+$ ]] || JOBS=$((JOBS + 1))
    done < <(printf '%s\n' "$list")
  fi
}

# Services whose open logs lie where a reboot may delete them.
look_at_tmp_logs() {
  local path pid seen=' '
  while IFS= read -r -d '' path; do
    pid=${path#/proc/}
    pid=${pid%%/*}
    unit_of "$pid"
    case $REPLY in user@* | session-* | other) continue ;; esac
    case $seen in *" $REPLY "*) continue ;; esac
    seen+="$REPLY "
    TMP_LOGS+=("$REPLY")
  done < <(bounded 5 find /proc/[0-9]*/fd -maxdepth 1 -type l \
    \( -lname '/tmp/*log*' -o -lname '/var/tmp/*log*' \) ! -lname '* (deleted)' -print0)
}

# A credentials file makes the agent, or what runs as root, speak as somebody else. Names are told;
# contents are never read beyond the question whether the word is there, and nothing is deleted.
look_at_credentials() {
  local home path
  [ ! -e /var/lib/amazon/ssm/registration ] || HYBRID=true
  while IFS= read -r -d '' home; do
    path=$home/.aws/credentials
    if ! is_local "$path"; then
      warn "not_looked_at:$home"
    elif [ -f "$path" ] && [ ! -L "$path" ]; then
      CREDENTIALS+=("$path")
    fi
  done < <(
    printf '/root\0'
    ! is_local /home || bounded 3 find -P /home -mindepth 1 -maxdepth 1 -print0
  )
  while IFS= read -r -d '' path; do CREDENTIALS+=("$path"); done < <(
    bounded 3 grep -slZ AWS_ACCESS_KEY_ID /etc/environment \
      /etc/systemd/system/amazon-ssm-agent.service.d/*.conf \
      /etc/systemd/system/snap.amazon-ssm-agent.amazon-ssm-agent.service.d/*.conf
  )
  for path in ${CREDENTIALS[@]+"${CREDENTIALS[@]}"}; do warn "credentials_conflict:$path"; done
}

preflight() { # sets PREFLIGHT
  local failed tmp_logs credentials
  IFS= read -r BOOT_ID </proc/sys/kernel/random/boot_id
  [ ! -e /run/reboot-required ] || REBOOT_REQUIRED=true
  read_mounts
  look_at_mounts
  count_persons
  look_at_processes
  look_at_package_locks
  look_at_fstab
  look_at_units
  look_at_tmp_logs
  look_at_credentials
  json_strings 3 60 ${FAILED_UNITS[@]+"${FAILED_UNITS[@]}"}
  failed=$REPLY
  json_strings 3 60 ${TMP_LOGS[@]+"${TMP_LOGS[@]}"}
  tmp_logs=$REPLY
  json_strings 3 60 ${CREDENTIALS[@]+"${CREDENTIALS[@]}"}
  credentials=$REPLY
  json_string "$FSTAB_UNFIT" 100
  PREFLIGHT="{\"boot_id\":\"$BOOT_ID\",\"persons\":$PERSONS,\"packages_busy\":$PACKAGES"
  PREFLIGHT+=",\"fstab_ok\":$FSTAB,\"fstab_unfit\":$REPLY,\"jobs_pending\":$JOBS"
  PREFLIGHT+=",\"failed_count\":$FAILED_COUNT,\"failed_units\":$failed,\"tmp_logs\":$tmp_logs"
  PREFLIGHT+=",\"credentials\":$credentials,\"hybrid\":$HYBRID,\"read_only_root\":$READ_ONLY_ROOT"
  PREFLIGHT+=",\"tmp_on_tmpfs\":$TMP_ON_TMPFS,\"volatile_journal\":$VOLATILE_JOURNAL"
  PREFLIGHT+=",\"reboot_required\":$REBOOT_REQUIRED,\"instance_store\":$INSTANCE_STORE}"
}
