# PostgreSQL, with the role and the database `aiida`. Sourced by stack.sh.

postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }

postgres_find() { find_process postgres "$BASE/pg/data"; }

postgres_configure() {
  own_dir "$PG_USER" 700 "$BASE/pg"
  if [ ! -f "$BASE/pg/data/PG_VERSION" ]; then
    as "$PG_USER" "$(postgres_bin)/initdb" -D "$BASE/pg/data" -U "$PG_USER" --auth-local=peer \
      --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 > /dev/null
    echo "include = '$BASE/pg/stack.conf'" | as "$PG_USER" tee -a "$BASE/pg/data/postgresql.conf" > /dev/null
  fi
  write_file "$PG_USER" 600 "$BASE/pg/stack.conf" <<EOC
listen_addresses = '127.0.0.1'
port = $PG_PORT
unix_socket_directories = '$BASE/pg'
max_connections = 200
EOC
}

postgres_start() {
  postgres_forget_the_dead || return 1
  as "$PG_USER" "$(postgres_bin)/pg_ctl" -D "$BASE/pg/data" -l "$BASE/pg/log" -w -t "$TIMEOUT_S" start < /dev/null > /dev/null
}

# After a kill -9 the children of the server need a moment to end. The pid files it left stop a new one as long as its
# number is to be seen (not waited for yet, or another PostgreSQL's by now): once nobody works in the data folder, they
# can go.
postgres_forget_the_dead() {
  wait_for postgres_is_idle || return 1
  rm -f "$BASE/pg/data/postmaster.pid" "$BASE/pg/.s.PGSQL.$PG_PORT" "$BASE/pg/.s.PGSQL.$PG_PORT.lock"
}

postgres_is_idle() {
  local pid
  for pid in $(grep -lsx postgres /proc/[0-9]*/comm | tr -cd '0-9\n'); do
    [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" != "$BASE/pg/data" ] || return 1
  done
}

postgres_sql() { as "$PG_USER" psql -h "$BASE/pg" -p "$PG_PORT" -U "$PG_USER" -d postgres -X -Atq -v ON_ERROR_STOP=1; }

postgres_ready() { as "$PG_USER" "$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$PG_PORT"; }

# The role may make databases: each further profile needs one of its own.
postgres_after() {
  local password
  password="$(secret postgres)"
  postgres_sql > /dev/null <<EOC
select 'create role aiida login createdb' where not exists (select from pg_roles where rolname = 'aiida') \gexec
alter role aiida password '$password';
select 'create database aiida owner aiida' where not exists (select from pg_database where datname = 'aiida') \gexec
EOC
}

# INT: open sessions are cut, nothing that was committed is lost.
postgres_stop() { stop_process postgres_find INT; }
