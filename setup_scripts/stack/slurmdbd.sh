# slurmdbd, between SLURM and the database of its accounting. Sourced by stack.sh.

slurmdbd_find() { find_process slurmdbd "SLURM_CONF=$SLURM_CONF"; }

slurmdbd_configure() {
  local password
  slurm_configure
  password="$(secret mariadb)"
  # StorageHost: for "localhost" the client would take the usual socket of another MariaDB.
  write_file "$SLURM_USER" 600 "$BASE/slurm/slurmdbd.conf" <<EOC
AuthType=auth/munge
AuthInfo=socket=$BASE/munge/sock
DbdHost=localhost
DbdAddr=$SLURM_ADDR
DbdPort=$SLURMDBD_PORT
SlurmUser=$SLURM_USER
PidFile=$BASE/slurm/run/slurmdbd.pid
LogFile=$BASE/slurm/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$MARIA_PORT
StorageUser=slurm
StoragePass=$password
StorageLoc=slurm_acct_db
CommunicationParameters=NoInAddrAny
EOC
}

slurmdbd_start() { slurmdbd < /dev/null > "$BASE/slurm/log/slurmdbd.out" 2>&1; }
slurmdbd_ready() { port_open "$SLURMDBD_PORT" "$SLURM_ADDR" && timeout 10 sacctmgr -n -P show cluster format=cluster; }

# slurmctld does not start the first time without its cluster in the accounts.
slurmdbd_after() {
  timeout 20 sacctmgr -n -P show cluster format=cluster | grep -qx "crystalmath$PORT0" ||
    timeout 60 sacctmgr -i -Q add cluster "crystalmath$PORT0" > /dev/null
}

slurmdbd_stop() { stop_process slurmdbd_find TERM; }
