# shellcheck shell=bash
# What somebody must know before this host is restarted or replaced. Reads only, in every mode.
# A question without an answer stays `null`, so that the reader can take doubt for a no.

PERSONS=null PACKAGES=false FSTAB=null JOBS=null FAILED_COUNT=null BOOT_ID=''
READ_ONLY_ROOT=false TMP_ON_TMPFS=false VOLATILE_JOURNAL=true
REBOOT_REQUIRED=false HYBRID=false INSTANCE_STORE=false
FAILED_UNITS=() TMP_LOGS=() CREDENTIALS=()

MOUNT_POINTS=() MOUNT_TYPES=() MOUNT_OPTIONS=()
read_mounts() {
  local point options rest
  while IFS=' ' read -r _ _ _ _ point options rest; do
    rest=${rest#*- }
    printf -v point '%b' "$point" # blanks and backslashes are written in octal
    MOUNT_POINTS+=("$point")
    MOUNT_TYPES+=("${rest%% *}")
    MOUNT_OPTIONS+=(",$options,${rest##* },")
  done </proc/self/mountinfo
}

# A mount hides the earlier ones on the same point, so the last one counts.
mount_index() { # POINT; sets REPLY to an index, or fails
  local i
  REPLY=''
  for i in "${!MOUNT_POINTS[@]}"; do
    [ "${MOUNT_POINTS[$i]}" != "$1" ] || REPLY=$i
  done
  [ -n "$REPLY" ]
}

look_at_mounts() {
  if mount_index /; then
    case ${MOUNT_OPTIONS[$REPLY]} in *,ro,*) READ_ONLY_ROOT=true ;; esac
  fi
  if mount_index /tmp && [ "${MOUNT_TYPES[$REPLY]}" = tmpfs ]; then TMP_ON_TMPFS=true; fi
  [ ! -d /var/log/journal ] || VOLATILE_JOURNAL=false
  local link
  for link in /dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_*; do
    [ ! -e "$link" ] || INSTANCE_STORE=true
  done
}

# Persons: logins that have not ended, and Session Manager sessions, which no login record shows.
count_persons() {
  local ids id count=0 shown directory pid
  if ids=$(bounded 3 loginctl list-sessions --no-legend --no-pager 2>/dev/null); then
    while read -r id _; do
      [[ $id =~ ^[A-Za-z0-9]+$ ]] || continue
      shown=$(bounded 2 loginctl show-session "$id" -p Class -p State 2>/dev/null)
      case $shown in
        *State=closing*) ;;
        *Class=user* | '') count=$((count + 1)) ;;
      esac
    done < <(printf '%s\n' "$ids")
  elif ids=$(bounded 3 who 2>/dev/null); then
    while read -r id _; do [ -z "$id" ] || count=$((count + 1)); done < <(printf '%s\n' "$ids")
  else
    return # null: nobody can say
  fi
  for directory in /proc/[0-9]*; do
    pid=${directory#/proc/}
    comm_of "$pid"
    # The kernel cuts names at 15 bytes.
    [ "$REPLY" = ssm-session-wor ] && owned_by_root "$pid" && count=$((count + 1))
  done
  PERSONS=$count
}

# Packages are being installed when somebody holds the package manager's lock. The name of a process
# proves nothing: unattended-upgrades leaves a waiting helper behind on every Ubuntu host.
look_at_packages() {
  local held=' ' inode file comm directory
  while IFS=' ' read -r _ _ _ _ _ inode _; do
    held+="${inode##*:} "
  done </proc/locks
  for file in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/cache/apt/archives/lock \
    /var/lib/rpm/.rpm.lock /var/lib/zypp/zypp.lock; do
    [ -e "$file" ] || continue
    inode=$(bounded 2 stat -c %i -- "$file" 2>/dev/null) || continue
    case $held in *" $inode "*) PACKAGES=true ;; esac
  done
  for directory in /proc/[0-9]*; do
    comm_of "${directory#/proc/}"
    comm=$REPLY
    case $comm in
      dpkg | apt-get | apt | aptitude | rpm | dnf | yum | zypper)
        ! owned_by_root "${directory#/proc/}" || PACKAGES=true ;;
    esac
  done
}

# A line that cannot be mounted stops the next boot in emergency mode. findmnt only warns of a device
# that is missing by its path, so that is looked at here.
look_at_fstab() {
  local source options
  if [ ! -e /etc/fstab ]; then
    FSTAB=true
    return
  fi
  bounded 5 findmnt --verify --tab-file /etc/fstab >/dev/null 2>&1
  case $? in
    0) FSTAB=true ;;
    1 | 32) FSTAB=false ;;
    *) return ;;
  esac
  while read -r source _ _ options _; do
    case ,$options, in *,nofail,* | *,noauto,*) continue ;; esac
    case $source in /dev/*) [ -e "$source" ] || FSTAB=false ;; esac
  done </etc/fstab
}

look_at_units() {
  local list unit
  if list=$(bounded 5 systemctl list-units --state=failed --no-legend --plain --no-pager 2>/dev/null)
  then
    FAILED_COUNT=0
    while read -r unit _; do
      [ -n "$unit" ] || continue
      FAILED_COUNT=$((FAILED_COUNT + 1))
      FAILED_UNITS+=("$unit")
    done < <(printf '%s\n' "$list")
  fi
  if list=$(bounded 5 systemctl list-jobs --no-legend --plain --no-pager 2>/dev/null); then
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
    \( -lname '/tmp/*log*' -o -lname '/var/tmp/*log*' \) ! -lname '* (deleted)' -print0 \
    2>/dev/null)
}

# A credentials file makes the agent, or what runs as root, speak as somebody else. Names are told;
# contents are never read beyond the question whether the word is there, and nothing is deleted.
look_at_credentials() {
  local path
  [ ! -e /var/lib/amazon/ssm/registration ] || HYBRID=true
  while IFS= read -r -d '' path; do CREDENTIALS+=("$path"); done < <(
    bounded 3 find -P /root /home -xdev -maxdepth 3 -type f -path '*/.aws/credentials' \
      -print0 2>/dev/null
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
  look_at_packages
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
  PREFLIGHT="{\"boot_id\":\"$BOOT_ID\",\"persons\":$PERSONS,\"packages_busy\":$PACKAGES"
  PREFLIGHT+=",\"fstab_ok\":$FSTAB,\"jobs_pending\":$JOBS"
  PREFLIGHT+=",\"failed_count\":$FAILED_COUNT,\"failed_units\":$failed,\"tmp_logs\":$tmp_logs"
  PREFLIGHT+=",\"credentials\":$credentials,\"hybrid\":$HYBRID,\"read_only_root\":$READ_ONLY_ROOT"
  PREFLIGHT+=",\"tmp_on_tmpfs\":$TMP_ON_TMPFS,\"volatile_journal\":$VOLATILE_JOURNAL"
  PREFLIGHT+=",\"reboot_required\":$REBOOT_REQUIRED,\"instance_store\":$INSTANCE_STORE}"
}
