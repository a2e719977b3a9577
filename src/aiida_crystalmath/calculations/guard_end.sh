# aiida-crystalmath: tell a job that waits in this directory how the run ended, and end as it did.
crystalmath_code=$?
echo "$crystalmath_code" >"$crystalmath_run/code"
kill "$crystalmath_pulse_pid" 2>/dev/null || true
(exit "$crystalmath_code")
