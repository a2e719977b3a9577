# slurmd, the one node of the cluster. Sourced by stack.sh.

slurmd_find() { find_process slurmd "$SLURM_CONF"; }

slurmd_configure() {
  slurm_configure
  ensure_job_user
}

slurmd_start() {
  [ "$AS_ROOT" = no ] || remove_job_cgroups "$(id -u "$JOB_USER")"
  slurmd -f "$SLURM_CONF" < /dev/null > "$BASE/slurm/log/slurmd.out" 2>&1
}

# A node that was drained or found dead in an earlier life takes jobs again.
slurmd_ready() {
  local state
  state="$(timeout 10 sinfo -h -p main -o %T)"
  case "$state" in
    idle | mixed | allocated | completing) return 0 ;;
    *drain* | down) timeout 10 scontrol update nodename=localhost state=resume ;;
  esac
  return 1
}

slurmd_after() { :; }

# One that cannot reach slurmctld ignores TERM.
slurmd_stop() {
  if [ -n "$(slurmctld_find)" ]; then stop_process slurmd_find TERM; else stop_process slurmd_find KILL; fi
}
