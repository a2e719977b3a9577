# slurmctld, which holds the queue. Sourced by stack.sh.

slurmctld_find() { find_process slurmctld "$SLURM_CONF"; }
slurmctld_configure() { slurm_configure; }
slurmctld_start() { slurmctld -f "$SLURM_CONF" < /dev/null > "$BASE/slurm/log/slurmctld.out" 2>&1; }
slurmctld_ready() { timeout 10 scontrol ping | grep -q UP; }
slurmctld_after() { :; }
slurmctld_stop() { stop_process slurmctld_find TERM; }
