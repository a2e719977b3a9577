# MariaDB, for SLURM's accounting only: without it `sacct` knows nothing, and the verdicts of SLURM on a job are lost.
# Sourced by stack.sh.

mariadb_find() { find_process mariadbd "--defaults-file=$BASE/maria/my.cnf"; }

mariadb_configure() {
  own_dir "$MARIA_USER" 700 "$BASE/maria"
  if [ ! -d "$BASE/maria/data/mysql" ]; then
    rm -rf "$BASE/maria/data"
    as "$MARIA_USER" mariadb-install-db --no-defaults --datadir="$BASE/maria/data" --skip-test-db \
      --auth-root-authentication-method=socket --auth-root-socket-user="$ME" > /dev/null
  fi
  write_file "$MARIA_USER" 600 "$BASE/maria/my.cnf" <<EOC
[mysqld]
datadir=$BASE/maria/data
socket=$BASE/maria/sock
pid-file=$BASE/maria/pid
log-error=$BASE/maria/log.err
bind-address=127.0.0.1
port=$MARIA_PORT
innodb_buffer_pool_size=128M
innodb_lock_wait_timeout=900
EOC
}

mariadb_start() { detach "$MARIA_USER" /dev/null mariadbd --defaults-file="$BASE/maria/my.cnf"; }

# The administrator's account bears the name of whom it lets in by the socket.
mariadb_sql() { mariadb --no-defaults -S "$BASE/maria/sock" -u "$ME"; }

mariadb_ready() { timeout 10 mariadb-admin --no-defaults -S "$BASE/maria/sock" -u "$ME" ping; }

mariadb_after() {
  local password
  password="$(secret mariadb)"
  mariadb_sql <<EOC
create database if not exists slurm_acct_db;
create user if not exists slurm@127.0.0.1;
create user if not exists slurm@localhost;
alter user slurm@127.0.0.1 identified by '$password', slurm@localhost identified by '$password';
grant all on slurm_acct_db.* to slurm@127.0.0.1;
grant all on slurm_acct_db.* to slurm@localhost;
EOC
}

mariadb_stop() { stop_process mariadb_find TERM; }
