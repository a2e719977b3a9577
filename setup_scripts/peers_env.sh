#!/usr/bin/env bash
# Make the environment of the peers: parsers of CRYSTAL files that we did not write.
#
# tests/standin/test_peers.py reads the stand-in's files with pycrystal and CRYSTALpytools. They need older numerical
# libraries than ours (CRYSTALpytools 2025.5.3 fails on every periodic geometry with scipy 1.17 and pymatgen 2026), so
# they live in a virtual environment of their own. A second run finds it complete and does nothing.
#
# Usage: bash setup_scripts/peers_env.sh [FOLDER]      (default: .venv-peers at the root of the repository)
# Undo:  remove the folder.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${1:-$root/.venv-peers}"
python="${PYTHON:-python3}"
packages=('pycrystal==1.1.0' 'CRYSTALpytools==2025.5.3' 'scipy<1.17' 'pymatgen<2026' 'pandas<3')

ready() {
    "$venv/bin/python" - <<'PY' 2>/dev/null
from importlib.metadata import version
import CRYSTALpytools.crystal_io
import pycrystal
assert version('pycrystal') == '1.1.0' and version('CRYSTALpytools') == '2025.5.3'
assert int(version('scipy').split('.')[1]) < 17 and version('pymatgen') < '2026' and version('pandas') < '3'
PY
}

if [[ -x "$venv/bin/python" ]] && ready; then
    echo "peers: $venv is ready"
    exit 0
fi
echo "peers: making $venv (about 700 MB)"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}"
ready || { echo "peers: $venv was made but its packages cannot be imported" >&2; exit 1; }
echo "peers: $venv is ready"
