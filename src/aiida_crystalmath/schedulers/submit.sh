# Submit $script in this directory, unless that was done before; prints "Submitted batch job N" either way.
#
# .crystalmath/submit.N is made by the one who submits for the Nth time; mkdir has one winner, also over NFS. What sbatch
# says is written into it before anybody is told, so that it outlives the worker that asked. Who comes second takes the
# job from there, from the queue, or from the accounts. Only if none of them knows one is a job submitted again.
state=.crystalmath
patience=${CRYSTALMATH_SUBMIT_PATIENCE:-30}
user=$(id -un)
here=$(pwd -P)

submit() {
    echo "$$ $(uname -n)" >"$1/by"
    sbatch "$script" >"$1/out" 2>"$1/err"
    code=$?
    cat "$1/out"
    cat "$1/err" >&2
    echo "$code" >"$1/code"
    return "$code"
}

# Whether the one who submits lives still; from another login node nobody can tell.
submits_still() {
    read -r pid host 2>/dev/null <"$1/by" && [ "$host" = "$(uname -n)" ] && kill -0 "$pid" 2>/dev/null
}

# Take a job as the submitted one.
take() {
    echo "crystalmath: job $1 was submitted in this directory before ($2); it is not submitted twice" >&2
    echo "Submitted batch job $1"
}

# Of lines "number directory" print the last number with this directory.
number_here() {
    while read -r number directory; do
        if [ "$directory" = "$here" ] || [ "$directory" = "$PWD" ]; then echo "$number"; fi
    done | tail -n 1
}

# Whether SLURM knows a job, or it has run: a controller that crashes may lose one it has accepted.
is_known() {
    [ -e "$state/run" ] || [ -n "$(squeue --noheader --states=all --jobs="$1" --format=%i 2>/dev/null)" ] ||
        [ -n "$(sacct --noheader --allocations --jobs="$1" --format=JobID 2>/dev/null)" ]
}

# Find the job of a submission that others began; 0 if there is one, 1 if there is none, 2 if nobody can tell.
find_job() {
    waited=0
    while [ ! -e "$1/code" ] && { [ "$waited" -lt "$patience" ] || submits_still "$1"; } && [ "$waited" -lt 600 ]; do
        sleep 1
        waited=$((waited + 1))
    done
    queue=$(squeue --noheader --states=all --user="$user" --format='%i %Z') || return 2
    job=$(sed -n 's/^Submitted batch job \([0-9][0-9]*\).*/\1/p' "$1/out" 2>/dev/null | tail -n 1)
    if [ -n "$job" ] && is_known "$job"; then take "$job" 'says sbatch'; return 0; fi
    job=$(echo "$queue" | number_here)
    if [ -n "$job" ]; then take "$job" 'says the queue'; return 0; fi
    job=$(sed -n '/^[0-9][0-9]*$/p' "$state/run/job" 2>/dev/null) # of a script run by hand it is no number
    if [ -n "$job" ]; then take "$job" 'it has run'; return 0; fi
    since=$(date -r "$1" +%Y-%m-%dT%H:%M:%S)
    job=$(sacct --noheader --allocations --parsable2 --user="$user" --starttime="$since" --format=JobID,WorkDir \
        2>/dev/null | sed 's/|/ /' | number_here)
    if [ -n "$job" ]; then take "$job" 'say the accounts'; return 0; fi
    return 1
}

submit_once() {
    mkdir -p "$state" || return
    last=0
    while true; do
        while [ -e "$state/submit.$((last + 1))" ]; do last=$((last + 1)); done
        if [ "$last" -gt 0 ]; then
            find_job "$state/submit.$last"
            found=$?
            if [ "$found" -eq 2 ]; then
                echo 'crystalmath: squeue does not answer: nobody knows whether this was submitted already' >&2
            fi
            [ "$found" -eq 1 ] || return "$found"
        fi
        if mkdir "$state/submit.$((last + 1))" 2>/dev/null; then
            submit "$state/submit.$((last + 1))"
            return
        fi
        # Another one was faster, unless nothing can be written here: then mkdir says why.
        [ -e "$state/submit.$((last + 1))" ] || mkdir "$state/submit.$((last + 1))" || return
    done
}

submit_once
