#!/usr/bin/env bash
# The services of production on one machine: PostgreSQL, RabbitMQ, a SLURM cluster of one node, and SSH to it.
#
# Usage: bash setup_scripts/stack.sh up|down|restart [SERVICE...]    start, stop: all or the services named
#        bash setup_scripts/stack.sh status                          what runs; exit status 3 if something does not
#        bash setup_scripts/stack.sh reset                           stop, and remove data, keys and the job user
# SERVICE: postgres rabbitmq munge mariadb slurmdbd slurmctld slurmd sshd
#
# As root on Debian it installs what is missing with apt, gives each service its own user, and runs jobs as a user
# made for that. As anyone else everything runs as that user, and the programs must be there already.
# Everything listens on 127.0.0.1 and keeps its files below one folder; systemd is not needed. Settings:
#   CRYSTALMATH_STACK       the folder (/var/lib/crystalmath/stack as root, else ~/.local/state/crystalmath/stack)
#   CRYSTALMATH_STACK_PORT  the first of nine ports (24100, or what the folder was made with)
# How to enter the services is written to stack.env in that folder, which only its owner can read.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
for part in settings lib packages env postgres rabbitmq munge mariadb slurm slurmdbd slurmctld slurmd sshd; do
  . "$ROOT/setup_scripts/stack/$part.sh"
done

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

# Start the services named, in order; those that run are left alone.
up() {
  local service
  may_be_stack || die "$BASE is there already and is not a stack: set CRYSTALMATH_STACK to a folder that is new or empty"
  install_missing "$@"
  prepare_base
  for service in "$@"; do
    "${service}_configure"
    if [ -z "$("${service}_find")" ]; then
      refuse_taken_port "$service"
      "${service}_start" || give_up "$service" 'does not start'
    fi
    wait_for "${service}_ready" || give_up "$service" 'does not answer'
    "${service}_after"
  done
  write_env
}

# give_up SERVICE WHY: show the end of its logs, which whoever calls us may remove.
give_up() {
  local word
  for word in $(service_log "$1"); do [ ! -f "$word" ] || tail -n 5 "$word" >&2; done
  die "$1 $2; its log: $(service_log "$1")"
}

# Stop the services named, last first.
down() {
  local services=("$@") index
  for ((index = ${#services[@]} - 1; index >= 0; index--)); do "${services[index]}_stop"; done
  say_running_jobs
}

# One line a service.
status() {
  local service pids missing=0
  for service in "$@"; do
    pids="$("${service}_find" | tr '\n' ' ')"
    [ -n "$pids" ] || missing=3
    printf '%-4s  %-9s  %s\n' "$([ -n "$pids" ] && echo up || echo DOWN)" "$service" \
      "$([ -n "$pids" ] && echo "pid ${pids% }, $(service_port "$service")")"
  done
  return "$missing"
}

# Remove everything that `up` made.
reset() {
  may_be_stack ||
    die "$BASE was not made by this script: remove it yourself, or set CRYSTALMATH_STACK to another folder"
  end_jobs
  down "${SERVICES[@]}"
  remove_job_user
  rm -rf --one-file-system "$BASE" # not the lock: who waits for it and who comes later must find the same file
  echo "removed $BASE"
}

main() {
  local verb="${1:-}" services=() service
  [ $# -eq 0 ] || shift
  for service in "$@"; do
    [[ " ${SERVICES[*]} " == *" $service "* ]] || die "no service '$service'; known are: ${SERVICES[*]}"
  done
  for service in "${SERVICES[@]}"; do  # in this order, however they were named: some need those before them
    [[ $# -gt 0 && " $* " != *" $service "* ]] || services+=("$service")
  done
  case "$verb" in
    up)
      up "${services[@]}"
      status "${services[@]}"
      [ $# -gt 0 ] || echo "how to enter: $BASE/stack.env"
      ;;
    down) down "${services[@]}" ;;
    restart)
      down "${services[@]}"
      up "${services[@]}"
      ;;
    status) status "${services[@]}" ;;
    reset)
      [ $# -eq 0 ] || die 'reset takes no services: it removes everything'
      reset
      ;;
    -h | --help | help) usage ;;
    *) usage >&2; exit 2 ;;
  esac
}

case "${1:-}" in up | down | restart | reset) one_at_a_time "$@" ;; esac
main "$@"
