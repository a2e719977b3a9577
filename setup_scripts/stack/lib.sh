# What the services share: users, files, processes, waiting. Sourced by stack.sh.

# as USER COMMAND...: run as the user of a service; without root, as oneself.
as() {
  local user="$1"
  shift
  if [ "$AS_ROOT" = yes ] && [ "$user" != root ]; then
    setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- env --chdir=/ "$@"
  else
    "$@"
  fi
}

# own_dir USER MODE DIR
own_dir() {
  mkdir -p "$3"
  chmod "$2" "$3"
  [ "$AS_ROOT" = no ] || chown "$1:" "$3"
}

# write_file USER MODE PATH < TEXT: no byte is written where nothing changed, and none is readable before its time.
write_file() {
  local new
  new="$(umask 077 && mktemp "$3.XXXXXX")"
  cat > "$new"
  chmod "$2" "$new"
  [ "$AS_ROOT" = no ] || chown "$1:" "$new"
  if cmp -s "$new" "$3"; then rm "$new"; else mv "$new" "$3"; fi
  chmod "$2" "$3"
}

# secret NAME: the password of a service, made at first use.
secret() {
  local file="$BASE/secrets/$1"
  if [ ! -s "$file" ]; then
    (umask 077 && od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$file.new" && mv "$file.new" "$file")
  fi
  cat "$file"
}

# one_at_a_time VERB...: start anew under a lock, as two at a time would start everything twice. `--close`: a service that
# inherited the lock would hold it as long as it lives.
one_at_a_time() {
  local status=0
  [ "${CRYSTALMATH_STACK_LOCKED:-}" != "$BASE" ] || return 0
  mkdir -p "$(dirname "$BASE")"
  CRYSTALMATH_STACK_LOCKED="$BASE" flock --close --timeout "$((2 * TIMEOUT_S))" --conflict-exit-code 75 "$BASE.lock" \
    bash "$ROOT/setup_scripts/stack.sh" "$@" || status=$?
  [ "$status" != 75 ] || die "another stack.sh is at work on $BASE (it holds $BASE.lock)"
  exit "$status"
}

# Whether a folder may become a stack, or is one: what is in it goes with `reset`.
may_be_stack() { [ ! -e "$BASE" ] || [ -e "$BASE/$MARK" ] || [ -z "$(ls -A "$BASE")" ]; }

prepare_base() {
  stop_ghosts
  mkdir -p "$BASE"
  chmod 755 "$BASE"
  : > "$BASE/$MARK"
  (umask 077 && mkdir -p "$BASE/secrets" && chmod 700 "$BASE/secrets")
  [ "$AS_ROOT" = no ] || as nobody test -x "$BASE" ||
    die "the services' users cannot enter $BASE: each folder above it needs the permission x for all"
}

# Services whose folder was removed under them cannot be used, and hold the ports.
stop_ghosts() {
  local service
  [ ! -e "$BASE/$MARK" ] || return 0
  for service in "${SERVICES[@]}"; do
    [ -z "$("${service}_find")" ] || { echo "$service: its folder is gone, stopping it"; "${service}_stop"; }
  done
}

# find_process NAME MARKER: pids of the programs of that name that have our file on their command line or in their
# environment. Not from pid files: those outlive their process, their number may be another's, or the folder is gone.
find_process() {
  local pid name text
  for pid in /proc/[0-9]*; do
    { read -r name < "$pid/comm"; } 2>/dev/null && [ "$name" = "$1" ] || continue
    text=" $({ tr '\0' ' ' < "$pid/cmdline"; tr '\0' ' ' < "$pid/environ"; } 2>/dev/null || true) "
    [[ "$text" != *[\ =\"]"$2"[\ \"/]* ]] || echo "${pid#/proc/}"
  done
}

# stop_process FIND SIGNAL: ask the processes that the function FIND names to end; after half of TIMEOUT_S, make them.
stop_process() {
  local pids end=$((SECONDS + TIMEOUT_S / 2))
  pids="$("$1")"
  [ -n "$pids" ] || return 0
  kill "-$2" $pids 2>/dev/null || true
  while [ -n "$("$1")" ]; do
    [ "$SECONDS" -lt "$end" ] || { kill -KILL $("$1") 2>/dev/null || true; }
    sleep 0.1
  done
}

# wait_for COMMAND...: until it succeeds or TIMEOUT_S are over.
wait_for() {
  local end=$((SECONDS + TIMEOUT_S))
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

# detach USER OUTPUT COMMAND...: start a program that has nothing of this terminal and of our pipes.
detach() {
  local user="$1" output="$2"
  shift 2
  as "$user" setsid --fork "$@" < /dev/null >> "$output" 2>&1
}

# port_open PORT [ADDRESS]
port_open() { (exec 3<> "/dev/tcp/${2:-127.0.0.1}/$1") 2>/dev/null; }

# A service of ours is not running; if its port answers, someone else has it.
refuse_taken_port() {
  local port address=127.0.0.1
  port="$(service_port "$1")"
  [[ "$1" != slurm* ]] || address="$SLURM_ADDR"
  [[ "$port" != port* ]] || ! port_open "${port#port }" "$address" ||
    die "$1: $port of $address is taken by another program; set CRYSTALMATH_STACK_PORT to the first of nine free ports"
}
