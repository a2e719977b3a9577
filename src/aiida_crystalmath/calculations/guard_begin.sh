# aiida-crystalmath: nothing runs twice in this directory. Whoever makes .crystalmath/run, has it; mkdir has one winner,
# also over NFS. Another job waits for its end and ends likewise. A run that ended without saying so (killed) gives no
# sign of life any more; its files stay as it left them, and what goes on from them does so in a directory of its own.
crystalmath_run=$PWD/.crystalmath/run
crystalmath_job=${SLURM_JOB_ID:-${PBS_JOBID:-${LSB_JOBID:-${JOB_ID:-$$@$(uname -n)}}}}

crystalmath_pulse() {
    trap 'kill "$nap" 2>/dev/null; exit 0' TERM
    n=0
    while kill -0 "$$" 2>/dev/null && [ ! -e "$crystalmath_run/code" ]; do
        n=$((n + 1))
        echo "$n" >|"$crystalmath_run/pulse"
        sleep "${CRYSTALMATH_GUARD_PULSE:-20}" &
        nap=$!
        wait "$nap"
    done
}

# Wait for the end of the run that has this directory; prints its exit code, or 1 if it gives no sign of life.
crystalmath_wait() {
    silent=0
    last=
    while [ ! -s "$crystalmath_run/code" ] && [ "$silent" -lt "${CRYSTALMATH_GUARD_SILENCE:-120}" ]; do
        sleep 1
        silent=$((silent + 1))
        pulse=$(cat "$crystalmath_run/pulse" 2>/dev/null || true)
        if [ "$pulse" != "$last" ]; then
            last=$pulse
            silent=0
        fi
    done
    code=$(cat "$crystalmath_run/code" 2>/dev/null || true)
    echo "${code:-1}"
}

mkdir -p .crystalmath || exit 1
if mkdir "$crystalmath_run" 2>/dev/null; then
    echo "$crystalmath_job" >"$crystalmath_run/job"
    crystalmath_pulse </dev/null >/dev/null 2>&1 &
    crystalmath_pulse_pid=$!
elif [ -d "$crystalmath_run" ]; then
    crystalmath_first=$(cat "$crystalmath_run/job" 2>/dev/null || echo unknown)
    echo "crystalmath: job $crystalmath_job runs nothing: job $crystalmath_first has this directory" >&2
    # The same number: started anew by its scheduler, then nothing lives any more and little patience is enough; or two
    # jobs within one allocation (core.direct, HyperQueue).
    [ "$crystalmath_first" != "$crystalmath_job" ] ||
        CRYSTALMATH_GUARD_SILENCE=$((3 * ${CRYSTALMATH_GUARD_PULSE:-20}))
    exit "$(crystalmath_wait)"
else
    mkdir "$crystalmath_run"
    exit 1
fi
