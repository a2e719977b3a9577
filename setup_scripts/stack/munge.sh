# munge, by which the parts of SLURM know each other and the users. Sourced by stack.sh.

munge_find() { find_process munged "--key-file=$BASE/munge/munge.key"; }

munge_configure() {
  own_dir "$MUNGE_USER" 755 "$BASE/munge" # the socket is for all; key, seed and log are not
  [ -s "$BASE/munge/munge.key" ] || head -c 1024 /dev/urandom | write_file "$MUNGE_USER" 400 "$BASE/munge/munge.key"
}

# --force: a folder above that others may write to (/tmp) is an error otherwise.
munge_start() {
  as "$MUNGE_USER" munged --force --socket="$BASE/munge/sock" --key-file="$BASE/munge/munge.key" \
    --pid-file="$BASE/munge/munged.pid" --log-file="$BASE/munge/munged.log" --seed-file="$BASE/munge/munged.seed" \
    < /dev/null > /dev/null 2>&1
}

munge_ready() { munge -n -S "$BASE/munge/sock" | unmunge -S "$BASE/munge/sock"; }
munge_after() { :; }
munge_stop() { stop_process munge_find TERM; }
