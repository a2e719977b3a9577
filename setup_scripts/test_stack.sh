#!/usr/bin/env bash
# The tests that need PostgreSQL, RabbitMQ, SLURM and SSH, on a stack of their own that is removed afterwards.
# Usage: bash setup_scripts/test_stack.sh     (part of test.sh; the Python of the tests must come first in PATH)
# With CRYSTALMATH_STACK the stack in that folder is taken, and left as it is.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

if [ -z "${CRYSTALMATH_STACK:-}" ]; then
  if [ "$(id -u)" = 0 ]; then state=/var/lib; else state="${XDG_STATE_HOME:-$HOME/.local/state}"; fi
  export CRYSTALMATH_STACK="$state/crystalmath/test-stack" CRYSTALMATH_STACK_PORT="${CRYSTALMATH_STACK_PORT:-24200}"
  trap 'bash setup_scripts/stack.sh reset' EXIT
fi
bash setup_scripts/stack.sh up

stage() { python -m pytest -m stack --computer slurm "$@"; }
stage --db-backend psql --broker-backend rabbitmq
stage --db-backend psql --broker-backend zeromq tests/stack/test_chains.py
stage --db-backend sqlite --broker-backend zeromq tests/stack/test_chains.py
