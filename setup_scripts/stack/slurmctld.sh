# slurmctld, which holds the queue. Sourced by stack.sh.

slurmctld_find() { find_process slurmctld "$SLURM_CONF"; }
slurmctld_configure() { slurm_configure; }
slurmctld_start() { detach root "$BASE/slurm/log/slurmctld.log" slurmctld -D -f "$SLURM_CONF"; }
slurmctld_ready() { timeout 10 scontrol ping | grep -q UP; }
slurmctld_after() { :; }
slurmctld_stop() { stop_process slurmctld_find TERM; }
