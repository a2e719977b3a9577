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

# beside COMMAND...: run a command beside what follows; `join` waits for it, shows what it said, and returns its status.
beside() {
  log="$(mktemp)"
  "$@" > "$log" 2>&1 &
  other=$!
  trap 'kill "$other" 2>/dev/null || true; rm -f "$log"' EXIT
}
join() {
  local status=0
  wait "$other" || status=$?
  cat "$log"
  rm -f "$log"
  trap - EXIT
  return "$status"
}

say 'Tests, those without AiiDA beside the others'
without_aiida=(tests/benchmarks tests/crystal tests/docs tests/plotting tests/standin)
failed=0
beside python -m pytest "${without_aiida[@]}"
python -m pytest "${without_aiida[@]/#/--ignore=}" || failed=1
join || failed=1
[ "$failed" = 0 ] || exit 1

# PostgreSQL, RabbitMQ and SLURM over SSH for real; then the chains without RabbitMQ, and without PostgreSQL too. Most of
# that is waiting for services and polls: the long proofs, which compute, go on beside it.
say 'Long proofs, and production beside them'
beside bash setup_scripts/test_stack.sh
python -m pytest -m 'slow and not stack' || failed=1
join || failed=1
exit "$failed"
