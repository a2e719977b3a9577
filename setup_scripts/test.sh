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

# Two cores, two lanes of about the same length, each run of pytest in its own order. In the second one production:
# PostgreSQL, RabbitMQ and SLURM over SSH for real, then the chains without RabbitMQ, and without PostgreSQL too. That is
# mostly waiting, so that the tests without AiiDA, which need no daemon, go on beside it.
without_aiida=(tests/benchmarks tests/crystal tests/docs tests/plotting tests/standin)
logs="$(mktemp -d)"
production_and_long_proofs() {
  local status=0 beside
  python -m pytest "${without_aiida[@]}" > "$logs/without_aiida" 2>&1 &
  beside=$!
  bash setup_scripts/test_stack.sh || status=1
  wait "$beside" || status=1
  cat "$logs/without_aiida"
  python -m pytest -m 'slow and not stack' || status=1
  return "$status"
}

say 'Tests: the default ones, and beside them production and the long proofs'
set -m # a process group of its own, which ends as a whole
production_and_long_proofs > "$logs/second_lane" 2>&1 < /dev/null &
second_lane=$!
set +m
trap 'kill -- "-$second_lane" 2>/dev/null || true; rm -rf "$logs"' EXIT

failed=0
python -m pytest "${without_aiida[@]/#/--ignore=}" || failed=1
say 'Production and the long proofs'
wait "$second_lane" || failed=1
cat "$logs/second_lane"
exit "$failed"
