# sshd, the way into the cluster: one user, one key, nothing but commands and SFTP. Sourced by stack.sh.

sshd_find() { find_process sshd "$BASE/sshd/sshd_config"; }

sshd_configure() {
  ensure_job_user
  own_dir root 755 "$BASE/sshd"
  own_dir root 700 "$BASE/client"
  [ -s "$BASE/sshd/host_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C "$SSH_ALIAS" -f "$BASE/sshd/host_ed25519"
  [ -s "$BASE/client/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C "$SSH_ALIAS" -f "$BASE/client/id_ed25519"
  write_file root 644 "$BASE/sshd/authorized_keys" < "$BASE/client/id_ed25519.pub"
  # StrictModes: a folder above that others may write to (/tmp) makes sshd refuse the keys otherwise.
  write_file root 600 "$BASE/sshd/sshd_config" <<EOC
Port $SSH_PORT
ListenAddress 127.0.0.1
HostKey $BASE/sshd/host_ed25519
PidFile $BASE/sshd/pid
AuthorizedKeysFile $BASE/sshd/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
UsePAM no
StrictModes no
AllowUsers $JOB_USER
AllowTcpForwarding no
AllowAgentForwarding no
X11Forwarding no
MaxStartups 50:30:200
MaxSessions 100
Subsystem sftp internal-sftp
SetEnv SLURM_CONF=$SLURM_CONF
EOC
  write_file root 600 "$BASE/client/known_hosts" <<< "[127.0.0.1]:$SSH_PORT $(cut -d' ' -f1,2 "$BASE/sshd/host_ed25519.pub")"
  write_file root 600 "$BASE/client/config" <<EOC
Host $SSH_ALIAS
  HostName 127.0.0.1
  Port $SSH_PORT
  User $JOB_USER
  IdentityFile $BASE/client/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile $BASE/client/known_hosts
  StrictHostKeyChecking yes
EOC
}

# The user as whom jobs run, who owns home and scratch and nothing else; without root, oneself.
ensure_job_user() {
  if [ "$AS_ROOT" = yes ]; then
    id "$JOB_USER" > /dev/null 2>&1 || useradd --no-create-home --home-dir "$BASE/home" --shell /bin/bash "$JOB_USER"
    [ "$(getent passwd "$JOB_USER" | cut -d: -f6)" = "$BASE/home" ] || usermod --home "$BASE/home" "$JOB_USER"
    usermod --password '*' "$JOB_USER" # no password fits; with useradd's "!" sshd calls the account locked
    own_dir "$JOB_USER" 700 "$BASE/home"
  fi
  own_dir "$JOB_USER" 700 "$BASE/scratch"
}

# Only a user whose home is in this stack was made by it.
remove_job_user() {
  local uid
  [ "$AS_ROOT" = yes ] && [ "$(getent passwd "$JOB_USER" | cut -d: -f6)" = "$BASE/home" ] || return 0
  uid="$(id -u "$JOB_USER")"
  pkill -KILL -u "$JOB_USER" || true
  wait_for userdel "$JOB_USER" || die "the user $JOB_USER cannot be removed"
  remove_job_cgroups "$uid"
}

sshd_start() {
  [ "$AS_ROOT" = no ] || mkdir -p -m 755 /run/sshd
  "$(command -v sshd)" -f "$BASE/sshd/sshd_config" -E "$BASE/sshd/log" < /dev/null > /dev/null 2>&1
}

sshd_ready() { timeout 20 ssh -F "$BASE/client/config" -o BatchMode=yes "$SSH_ALIAS" true; }
sshd_after() { :; }

# Its sessions live on without it; a machine that cannot be reached has none.
sshd_stop() {
  local sessions
  sessions="$(sshd_find | xargs -r -I{} pgrep -P {} || true)"
  stop_process sshd_find TERM
  [ -z "$sessions" ] || kill $sessions 2> /dev/null || true
}
