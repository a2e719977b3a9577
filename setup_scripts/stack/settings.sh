# Where the stack lives, its ports and its users. Sourced by stack.sh.

SERVICES=(postgres rabbitmq munge mariadb slurmdbd slurmctld slurmd sshd)
MARK=.crystalmath-stack # a file that says that a folder is ours
TIMEOUT_S="${CRYSTALMATH_STACK_TIMEOUT:-180}"
umask 022 # the services have users of their own; what only one may read is made so by name
ME="$(id -un)"
AS_ROOT="$([ "$(id -u)" = 0 ] && echo yes || echo no)"
PATH="$PATH:/usr/sbin:/sbin" # Debian keeps daemons out of the PATH of people

if [ "$AS_ROOT" = yes ]; then
  # Below /root the services' own users could not reach their files.
  BASE="${CRYSTALMATH_STACK:-/var/lib/crystalmath/stack}"
else
  BASE="${CRYSTALMATH_STACK:-${XDG_STATE_HOME:-$HOME/.local/state}/crystalmath/stack}"
fi
BASE="$(realpath -m -- "$BASE")"
[[ "$BASE" =~ ^/[A-Za-z0-9._/-]+$ ]] || die "CRYSTALMATH_STACK: $BASE has characters that configuration files do not take"
[ "${#BASE}" -le 80 ] || die "CRYSTALMATH_STACK: the path is ${#BASE} characters long; sockets need 80 at most"

# A stack keeps the ports that it was made with: they are in the configuration of its services.
_made_with="$(sed -n 's/^CRYSTALMATH_STACK_PORT=//p' "$BASE/stack.env" 2>/dev/null || true)"
PORT0="${CRYSTALMATH_STACK_PORT:-${_made_with:-24100}}"
[[ "$PORT0" =~ ^[0-9]+$ ]] && [ "$PORT0" -ge 1024 ] && [ "$PORT0" -le 65000 ] ||
  die "CRYSTALMATH_STACK_PORT: $PORT0 is not a number from 1024 to 65000"
[ -z "$_made_with" ] || [ "$_made_with" = "$PORT0" ] ||
  die "$BASE was made with port $_made_with, not $PORT0: unset CRYSTALMATH_STACK_PORT, or take another folder"

PG_PORT=$((PORT0))
RMQ_PORT=$((PORT0 + 1))
RMQ_DIST_PORT=$((PORT0 + 2))
EPMD_PORT=$((PORT0 + 3))
MARIA_PORT=$((PORT0 + 4))
SLURMCTLD_PORT=$((PORT0 + 5))
SLURMD_PORT=$((PORT0 + 6))
SLURMDBD_PORT=$((PORT0 + 7))
SSH_PORT=$((PORT0 + 8))
SSH_ALIAS="crystalmath-stack-$PORT0"
TIGHT_MEMORY_MB=100 # what a job of the partition `tight` gets: enough for a shell script, not for a calculation

if [ "$AS_ROOT" = yes ]; then
  PG_USER=postgres RMQ_USER=rabbitmq MARIA_USER=mysql MUNGE_USER=munge SLURM_USER=slurm JOB_USER="hpc$PORT0"
else
  PG_USER=$ME RMQ_USER=$ME MARIA_USER=$ME MUNGE_USER=$ME SLURM_USER=$ME JOB_USER=$ME
fi

# The port of a service, for people; munge has a socket only.
service_port() {
  case "$1" in
    postgres) echo "port $PG_PORT" ;; rabbitmq) echo "port $RMQ_PORT" ;; mariadb) echo "port $MARIA_PORT" ;;
    slurmctld) echo "port $SLURMCTLD_PORT" ;; slurmd) echo "port $SLURMD_PORT" ;; slurmdbd) echo "port $SLURMDBD_PORT" ;;
    sshd) echo "port $SSH_PORT" ;; munge) echo "socket $BASE/munge/sock" ;;
  esac
}

# Where a service tells what ails it.
service_log() {
  case "$1" in
    postgres) echo "$BASE/pg/log" ;; rabbitmq) echo "$BASE/rmq/log and $BASE/rmq/output" ;;
    munge) echo "$BASE/munge/munged.log" ;; mariadb) echo "$BASE/maria/log.err" ;; sshd) echo "$BASE/sshd/log" ;;
    *) echo "$BASE/slurm/log/$1.log and $1.out" ;;
  esac
}
