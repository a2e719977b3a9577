#!/usr/bin/env bash
# Sets up what the tests need and runs everything that must pass: style, types, layers, documentation, tests.
# Usage: bash setup_scripts/test.sh [pytest arguments]   (with arguments, only pytest is run)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

VENV="${CRYSTALMATH_VENV:-$ROOT/.venv-test}"
export CRYSTALMATH_CORPUS="${CRYSTALMATH_CORPUS:-$ROOT/../shared/corpus}"
export CRYSTALMATH_PEERS_PYTHON="${CRYSTALMATH_PEERS_PYTHON:-$ROOT/.venv-peers/bin/python}"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
export AIIDA_WARN_v3=1
unset PYTHONDONTWRITEBYTECODE

say 'Installing'
ensure_venv "$VENV" dev,docs,yambo
ensure_programs
ensure_codes
command -v rsync >/dev/null 2>&1 || install_package rsync || die 'verdi storage backup needs rsync: install it'
bash setup_scripts/peers_env.sh
PATH="$VENV/bin:$PATH"

if [ $# -gt 0 ]; then exec python -m pytest "$@"; fi

say 'Style, types and layers'
ruff check .
ruff format --check .
mypy
lint-imports

say 'Documentation'
python -m sphinx -W --keep-going -q -b html docs docs/_build/html

# Two cores: one run of pytest for the default tests with AiiDA, one for the long proofs, and beside them production,
# which mostly waits (PostgreSQL, RabbitMQ and SLURM over SSH for real, then the chains without RabbitMQ, then also
# without PostgreSQL), followed by the tests without AiiDA.
without_aiida=(tests/benchmarks tests/crystal tests/docs tests/plotting tests/standin)
production() {
  local status=0
  bash setup_scripts/test_stack.sh || status=1
  python -m pytest "${without_aiida[@]}" || status=1
  return "$status"
}

say 'Tests: the default ones, and beside them production and the long proofs'
logs="$(mktemp -d)"
set -m # each a process group of its own, which ends as a whole
production > "$logs/production" 2>&1 < /dev/null &
production=$!
python -m pytest -m 'slow and not stack' > "$logs/long_proofs" 2>&1 < /dev/null &
long_proofs=$!
set +m
trap 'kill -- "-$production" "-$long_proofs" 2>/dev/null || true; rm -rf "$logs"' EXIT

failed=0
python -m pytest "${without_aiida[@]/#/--ignore=}" || failed=1
say 'Production, and the tests without AiiDA'
wait "$production" || failed=1
cat "$logs/production"
say 'The long proofs'
wait "$long_proofs" || failed=1
cat "$logs/long_proofs"
exit "$failed"
