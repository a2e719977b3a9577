# The configuration that slurmctld, slurmd and every SLURM command share: a cluster of one node with two partitions,
# `main`, and `tight` with little time and memory. Sourced by stack.sh.

export SLURM_CONF="$BASE/slurm/slurm.conf"
NODE_CPUS=8 # more than there are: jobs of tests mostly wait

# The daemons listen where the name of this machine leads, whatever address they are given: on Debian 127.0.1.1.
SLURM_ADDR="$(getent ahostsv4 "$(uname -n)" | awk 'NR == 1 {print $1}' || true)"

slurm_configure() {
  local memory_mb per_cpu_mb
  [[ "$SLURM_ADDR" == 127.* ]] ||
    die "SLURM would listen at the address of this machine's name (${SLURM_ADDR:-it has none}), not on loopback only:" \
      "put '127.0.1.1 $(uname -n)' into /etc/hosts, before other lines with that name"
  mkdir -p "$BASE/slurm"
  chmod 755 "$BASE/slurm"
  own_dir "$SLURM_USER" 700 "$BASE/slurm/state"
  own_dir "$SLURM_USER" 755 "$BASE/slurm/run"
  own_dir "$SLURM_USER" 755 "$BASE/slurm/log"
  own_dir root 755 "$BASE/slurm/spool"
  memory_mb=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) * 9 / 10240))
  # Not given, each job would ask for the memory of the whole node, and one at a time would run.
  per_cpu_mb=$((memory_mb / NODE_CPUS < 1000 ? memory_mb / NODE_CPUS : 1000))
  slurm_conf "$memory_mb" "$per_cpu_mb" | write_file "$SLURM_USER" 644 "$SLURM_CONF"
  write_file "$SLURM_USER" 644 "$BASE/slurm/cgroup.conf" <<'EOC'
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
CgroupAutomount=yes
ConstrainRAMSpace=yes
ConstrainSwapSpace=yes
ConstrainCores=no
ConstrainDevices=no
EOC
}

slurm_conf() {
  cat <<EOC
ClusterName=crystalmath$PORT0
SlurmctldHost=localhost($SLURM_ADDR)
SlurmctldPort=$SLURMCTLD_PORT
SlurmdPort=$SLURMD_PORT
SlurmUser=$SLURM_USER
SlurmdUser=$([ "$AS_ROOT" = yes ] && echo root || echo "$ME")
AuthType=auth/munge
AuthInfo=socket=$BASE/munge/sock
StateSaveLocation=$BASE/slurm/state
SlurmdSpoolDir=$BASE/slurm/spool
SlurmctldPidFile=$BASE/slurm/run/slurmctld.pid
SlurmdPidFile=$BASE/slurm/run/slurmd.pid
SlurmctldLogFile=$BASE/slurm/log/slurmctld.log
SlurmdLogFile=$BASE/slurm/log/slurmd.log
# 0.0.0.0 otherwise
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
# sacct and slurmctld look for munge at its usual place, whatever AuthInfo says; this they read
AccountingStoragePass=$BASE/munge/sock
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=$SLURM_ADDR
AccountingStoragePort=$SLURMDBD_PORT
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
$(slurm_memory_limits)
ProctrackType=proctrack/linuxproc
MpiDefault=none
ReturnToService=2
KillWait=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=$2
SlurmdParameters=config_overrides
NodeName=localhost NodeAddr=$SLURM_ADDR CPUs=$NODE_CPUS RealMemory=$1 State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE DefaultTime=60 State=UP
PartitionName=tight Nodes=localhost MaxTime=1 DefaultTime=1 DefMemPerNode=$TIGHT_MEMORY_MB MaxMemPerNode=$TIGHT_MEMORY_MB State=UP
EOC
}

# The kernel holds a job to its memory where control groups (version 1) may be made, and it ends as OUT_OF_MEMORY.
# Elsewhere SLURM looks once a second, and the job ends as FAILED with a line about its memory.
slurm_memory_limits() {
  local probe=/sys/fs/cgroup/memory/crystalmath-stack-probe
  if [ "$AS_ROOT" = yes ] && [ -d /sys/fs/cgroup/memory ] && mkdir -p "$probe" 2> /dev/null; then
    rmdir "$probe"
    echo 'TaskPlugin=task/cgroup'
  else
    printf 'TaskPlugin=task/none\nJobAcctGatherParams=OverMemoryKill\n'
  fi
}

# Jobs are not stopped with the services: SLURM finds them again when it is back.
say_running_jobs() {
  local number
  number="$(stepd_find | wc -l)"
  [ "$number" = 0 ] || [ -n "$(slurmd_find)" ] ||
    echo "$number jobs go on; \"up\" takes them up again, \"reset\" ends them"
}

# The guardians of running jobs; as root they know their configuration from the environment of slurmd.
stepd_find() { find_process slurmstepd "$SLURM_CONF"; }

end_jobs() {
  [ -z "$(slurmctld_find)" ] || timeout 30 scancel --user="$JOB_USER" > /dev/null 2>&1 || true
  stop_process stepd_find KILL
}

# remove_job_cgroups UID: jobs whose guardian was killed leave control groups behind, and those outlive the stack. A job
# of the same number in another stack could not set a higher limit on them, and SLURM would take the node out of service
# for it. Groups that hold a process cannot be removed.
remove_job_cgroups() {
  find "/sys/fs/cgroup/memory/slurm_localhost/uid_$1" -depth -type d -exec rmdir {} ';' > /dev/null 2>&1 || true
}
