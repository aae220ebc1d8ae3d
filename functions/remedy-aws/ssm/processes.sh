# shellcheck shell=bash
# Which unit a process belongs to. Reads only, and forks nothing.

UNIT_NAME='^[A-Za-z0-9][A-Za-z0-9:_.@\-]{0,118}\.(service|scope)$'

# The first service or scope on the path is the one systemd manages. A later one may have been named
# by a user: `user@1000.service/app.slice/nginx.service` is not nginx.service.
unit_of() { # PID; sets REPLY to a unit name, or to `other`
  local line path='' part
  REPLY=other
  while IFS= read -r line; do
    case $line in
      *:name=systemd:/*)
        path=${line#*:name=systemd:/}
        break
        ;;
      0::/*) path=${line#0::/} ;;
    esac
  done 2>/dev/null <"/proc/$1/cgroup"
  while [ -n "$path" ]; do
    part=${path%%/*}
    path=${path#"$part"}
    path=${path#/}
    if [[ $part =~ $UNIT_NAME ]]; then
      REPLY=$part
      return
    fi
  done
}

comm_of() { # PID; sets REPLY. The bare name and never the arguments: those may hold secrets.
  local comm='?'
  IFS= read -r comm 2>/dev/null <"/proc/$1/comm"
  REPLY=$comm
}

owned_by_root() { # PID; a user can give a process any name, but not another owner
  [ -O "/proc/$1" ]
}
