#!/usr/bin/env bash
# From a bare machine to the bands and the density of states of MgO, with full provenance.
# Makes .venv and .demo in this checkout and touches nothing else; run it again and nothing is repeated.
# Undo: bash setup_scripts/demo.sh --undo
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

VENV="${CRYSTALMATH_VENV:-$ROOT/.venv}"
DEMO="${CRYSTALMATH_DEMO:-$ROOT/.demo}"
export AIIDA_PATH="$DEMO"
unset PYTHONDONTWRITEBYTECODE
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS=1

if [ "${1:-}" = --undo ]; then
  if [ -x "$VENV/bin/verdi" ] && [ -d "$DEMO/.aiida" ]; then "$VENV/bin/verdi" -p crystalmath daemon stop || true; fi
  rm -rf "$DEMO"
  echo "removed $DEMO; the virtual environment is left in $VENV"
  exit 0
fi
[ $# -eq 0 ] || die "unknown argument $1 (only --undo is known)"

say 'Installing aiida-crystalmath with the stand-in engine (downloads once)'
ensure_venv "$VENV" standin
ensure_programs
mkdir -p "$DEMO"
PATH="$VENV/bin:$PATH"

say 'Setting up AiiDA: profile, daemon, computer, codes, basis sets'
crystalmath quickstart

say 'Running MgO: optimisation, single point, bands and density of states'
crystalmath run "$ROOT/examples/MgO.cif" --protocol fast
pk="$(crystalmath run "$ROOT/examples/MgO.cif" --protocol fast --no-wait --json 2>/dev/null | python -c 'import json, sys; print(json.load(sys.stdin)["pk"])')"

say 'Drawing'
crystalmath plot "$pk" -o "$DEMO"

cat <<EOF

To go on in this shell:
  export AIIDA_PATH='$DEMO'; source '$VENV/bin/activate'
  crystalmath show $pk
  verdi process list -a
  crystalmath run examples/CO.xyz --chain geopt
To take the demo away again: bash setup_scripts/demo.sh --undo
EOF
