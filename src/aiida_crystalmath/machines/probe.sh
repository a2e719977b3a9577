# What a machine has, told in lines `crystalmath NAME VALUE`: whatever else its login scripts print is left aside.
# Read by machines/probe.py; run in a login shell, which is where jobs are submitted from.
tell() { printf 'crystalmath %s %s\n' "$1" "$2"; }

tell user "$(id -un)"
tell home "$HOME"
for name in SCRATCH WORK HOME; do
  folder="${!name:-}"
  if [ -n "$folder" ] && [ -d "$folder" ] && [ -w "$folder" ]; then tell folder "$folder"; fi
done
for program in sbatch qsub bsub mpirun srun ps; do
  if path="$(command -v "$program")"; then tell program "$program $path"; fi
done
if [ -n "${SGE_ROOT:-}" ]; then tell sge "$SGE_ROOT"; fi
if command -v qstat > /dev/null; then tell qstat "$(timeout 20 qstat --version 2>&1 | tr '\n' ' ')"; fi
tell cores "$(getconf _NPROCESSORS_ONLN)"
if command -v sinfo > /dev/null; then
  timeout 20 sinfo --noheader --format '%P|%a|%l|%c|%m|%D' | while read -r line; do tell partition "$line"; done
  if timeout 20 sacct --noheader --allocations --starttime now > /dev/null 2>&1; then tell accounts yes; fi
fi
