# shellcheck shell=bash
# Evidence: what a person will ask about after the host was cleaned, restarted or replaced. It goes
# to a file that only root can read and, on request, off the host: to a pre-signed URL or, cut short,
# into the command's output behind the result. Every probe has its own limit of time and size.

# What is sent has exactly this size: the URL's signature covers Content-Length, which is how a
# pre-signed PUT is kept from filling a bucket.
EVIDENCE_BYTES_MAX=1048576
EVIDENCE_FILES_MAX=5
# Systems Manager keeps 24,000 characters of a command's output, and the result line needs 2,000.
EXTRACT_BYTES_MAX=20000
EXTRACT_LINES_MAX=16
EXTRACT_COLUMNS_MAX=160

probe() { # TITLE SECONDS COMMAND...
  local seconds=$2
  printf '\n== %s\n' "$1"
  shift 2
  bounded "$seconds" nice -n 19 sh -c 'exec "$@" 2>&1' - "$@" | head -c 65536
}

# Processes that wait for a disk or a lock, and where in the kernel they wait.
probe_waiting() {
  local directory line state shown=0
  printf '\n== processes in uninterruptible sleep\n'
  for directory in /proc/[0-9]*; do
    IFS= read -r line 2>/dev/null <"$directory/stat" || continue
    state=${line##*) }
    [ "${state%% *}" = D ] && [ "$shown" -lt 20 ] || continue
    shown=$((shown + 1))
    printf '%s\n' "${line%%) *})"
    bounded 1 head -c 2000 -- "$directory/wchan" "$directory/stack"
  done | head -c 65536
}

# Logs below /tmp are lost at a reboot. Their directories belong to anybody: find visits them without
# following a link, and dd opens the last piece of each without following one either. Reading must
# not make an old file look used, hence noatime.
probe_tmp_logs() { # DIRECTORY
  printf '\n== ends of logs below %s\n' "$1"
  # The inner shell expands what stands in single quotes.
  in_view 4 "$1" find -P . -xdev -type f -name '*.log' -mtime -14 -printf "\n-- $1/%P %s\n" \
    -execdir bash -c '
      size=$(stat -c %s -- "$1") && [[ $size =~ ^[0-9]{1,18}$ ]] || exit 0
      skip=0
      [ "$size" -le 16384 ] || skip=$((size - 16384))
      exec dd if="$1" iflag=nofollow,noatime,nonblock,skip_bytes skip="$skip" bs=16384 count=1 \
        status=none
    ' - {} \; | head -c 131072
}

# What the script itself has found so far, as in its result.
probe_own() {
  REPLY=''
  details full
  printf '\n== found by the script\n{%s"preflight":%s}\n' "$REPLY" "$PREFLIGHT"
}

gather() { # TIME
  local agent=/var/log/amazon/ssm/errors.log
  printf '%s of %s at %s\n' "$ACTION" "${HOSTNAME:-?}" "$1"
  printf 'boot_id %s\n' "$BOOT_ID"
  probe_own
  probe 'load and pressure' 2 head -n 4 /proc/loadavg /proc/pressure/cpu /proc/pressure/memory \
    /proc/pressure/io
  probe 'memory' 2 head -n 60 /proc/meminfo
  probe 'processes by processor time' 3 \
    ps -eo pid,ppid,user:20,stat,ni,pcpu,rss,comm --sort=-pcpu
  probe 'processes by memory' 3 ps -eo pid,ppid,user:20,stat,ni,pcpu,rss,comm --sort=-rss
  probe_waiting
  # Early, so that no long table can crowd out what a reboot erases.
  probe_tmp_logs /tmp
  probe_tmp_logs /var/tmp
  probe 'file systems' 2 df -kPT
  probe 'inodes' 2 df -iP
  probe 'mounts' 2 head -c 32768 /proc/self/mountinfo
  probe 'failed units' 3 systemctl list-units --state=failed --no-pager --plain
  probe 'sockets' 3 ss -s
  probe 'boots' 3 journalctl --list-boots --no-pager
  probe 'kernel messages' 3 dmesg --ctime --level=emerg,alert,crit,err,warn
  probe 'journal, warnings of two hours' 5 journalctl --no-pager -p warning --since=-2h -n 500
  [ ! -f "$agent" ] || probe 'agent errors' 2 tail -n 50 -- "$agent"
}

room_for_evidence() { # DIRECTORY; twice the largest file must fit
  local free size
  IFS=' ' read -r free size < <(bounded 2 stat -f -c '%a %S' -- "$1")
  [[ ${free:-x} =~ ^[0-9]{1,15}$ && ${size:-x} =~ ^[0-9]{1,9}$ ]] || return 1
  [ $((free * size)) -ge $((2 * EVIDENCE_BYTES_MAX)) ]
}

# Only names that this script gives, in a directory that only root can change.
drop_old_evidence() { # DIRECTORY
  local name kept=0
  while IFS= read -r name; do
    [[ $name =~ ^[0-9]{8}T[0-9]{6}Z-[a-z-]+-[0-9]+\.txt$ ]] || continue
    kept=$((kept + 1))
    [ "$kept" -le "$EVIDENCE_FILES_MAX" ] || bounded 2 rm -f -- "$1/$name"
  done < <(bounded 2 find -P "$1" -maxdepth 1 -type f -printf '%f\n' | sort -r)
}

# Blank lines fill the copy up to the one size that the URL's signature allows.
pad_evidence() { # FILE BYTES COPY
  {
    bounded 5 cat -- "$1"
    bounded 5 head -c "$((EVIDENCE_BYTES_MAX - $2))" /dev/zero | tr '\0' '\n'
  } >"$3"
}

upload_evidence() { # FILE BYTES; sets REPLY to true or false
  local copy=${1%/*}/upload
  REPLY=false
  if ! command -v curl >/dev/null; then
    warn evidence_upload:no_curl
    return
  fi
  # The URL is a key to the bucket: it goes in by standard input, since anybody may list arguments.
  if pad_evidence "$1" "$2" "$copy" && printf 'url = "%s"\n' "$SSM_EvidenceUrl" |
    bounded 20 curl --disable --silent --fail --proto '=https' --max-time 18 \
      --output /dev/null --upload-file "$copy" --config -; then
    REPLY=true
  else
    warn evidence_upload:failed
  fi
  rm -f -- "$copy"
}

# ---- the extract ------------------------------------------------------------------------------

PART=() PART_ENDS=false EXTRACT_LEFT=$EXTRACT_BYTES_MAX

# Of a table the first lines are printed, of a log the last. Many logs leave half of the room to the
# tables behind them.
print_part() {
  local line skip=0
  case ${PART[0]-} in
    '-- /'*) [ "$EXTRACT_LEFT" -ge $((EXTRACT_BYTES_MAX / 2)) ] || return ;;
  esac
  [ "$PART_ENDS" = false ] || [ "${#PART[@]}" -le "$EXTRACT_LINES_MAX" ] ||
    skip=$((${#PART[@]} - EXTRACT_LINES_MAX))
  for line in "${PART[@]:0:1}" "${PART[@]:$((skip + 1)):$EXTRACT_LINES_MAX}"; do
    EXTRACT_LEFT=$((EXTRACT_LEFT - ${#line} - 1))
    [ "$EXTRACT_LEFT" -ge 0 ] || return
    printf '%s\n' "$line"
  done
}

# Builtins only, since it also runs when nothing can be forked any more.
print_extract() { # FILE
  local line
  while IFS= read -r line; do
    line=${line:0:$EXTRACT_COLUMNS_MAX}
    line=${line//[^ -~]/?}
    case $line in
      '== '* | '-- /'*)
        print_part
        PART=() PART_ENDS=false
        case $line in '-- /'* | *messages* | *journal* | *errors*) PART_ENDS=true ;; esac
        ;;
    esac
    PART+=("$line")
  done <"$1"
  print_part
}

collect_evidence() { # sets EVIDENCE
  local where=disk directory=/var/lib/remedy/evidence file bytes sum uploaded=null printed=false
  local at
  if ! { bounded 3 mkdir -p "$directory" && room_for_evidence "$directory"; }; then
    # Memory, then: a reboot loses it, and the result says so.
    where=run directory=$RUN_DIR/evidence
    { bounded 3 mkdir -p "$directory" && room_for_evidence "$directory"; } || return
  fi
  TZ=UTC printf -v at '%(%Y%m%dT%H%M%SZ)T' -1
  file=$directory/$at-$ACTION-$$.txt
  gather "$at" 2>/dev/null | head -c "$EVIDENCE_BYTES_MAX" >"$file"
  bounded 10 sync -- "$file"
  bytes=$(bounded 2 stat -c %s -- "$file") && [[ $bytes =~ ^[0-9]+$ ]] || return
  sum=$(bounded 5 sha256sum <"$file") || return
  drop_old_evidence "$directory"
  if [ -n "$SSM_EvidenceUrl" ]; then
    upload_evidence "$file" "$bytes"
    uploaded=$REPLY
  fi
  if [ "$SSM_EvidenceOutput" = yes ] && [ "$uploaded" != true ]; then
    EXTRACT_OF=$file printed=true
  fi
  json_string "$file" 120
  EVIDENCE="{\"file\":$REPLY,\"bytes\":$bytes,\"sha256\":\"${sum%% *}\",\"where\":\"$where\""
  EVIDENCE+=",\"uploaded\":$uploaded,\"printed\":$printed}"
}
