# Shared by the setup scripts: find a Python, make the virtual environment, install the package with its extras.
# Sourced, never run. Sets ROOT (the checkout) and offers say, die, ensure_python, ensure_venv,
# ensure_programs, ensure_codes.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '\n== %s\n' "$*"; }

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Print the first Python >= 3.11 that can make virtual environments; on Debian as root, install one if there is none.
ensure_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
      python3 python3-venv python3-pip ca-certificates git graphviz; } >&2
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' && { command -v python3; return; }
  fi
  die 'no Python >= 3.11 with the venv module; install python3 and python3-venv, or set PYTHON=/path/to/python'
}

# ensure_venv DIR EXTRAS: make DIR if needed and install this checkout into it; again only when pyproject.toml changed.
ensure_venv() {
  local venv="$1" extras="$2" python stamp
  stamp="$(cksum < "$ROOT/pyproject.toml") $extras $ROOT"
  if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.installed" 2>/dev/null)" = "$stamp" ]; then
    echo "using $venv"
    return
  fi
  python="$(ensure_python)"
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=24'
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$ROOT[$extras]"
  printf '%s\n' "$stamp" > "$venv/.installed"
}

# Install Debian packages where that can be done: as root, with apt; others may be installing too. install_package NAME...
install_package() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
  { apt-get -o DPkg::Lock::Timeout=500 update -q && DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=500 install -qy --no-install-recommends "$@"; } >/dev/null 2>&1
}

# The programs that AiiDA calls: `ps`, by which it sees whether a job on this machine still runs, and Graphviz, with which
# `verdi node graph generate` draws.
ensure_programs() {
  command -v ps >/dev/null 2>&1 || install_package procps || die 'AiiDA needs the program ps: install procps'
  command -v dot >/dev/null 2>&1 || install_package graphviz ||
    echo 'note: Graphviz (dot) is not installed; only "verdi node graph generate" needs it'
}

# The free codes that chains over several codes run for real in the tests: pw.x, pw2wannier90.x and pw2bgw.x of Quantum
# ESPRESSO, wannier90.x, and pseudopotentials that may be had without a network of their own.
ensure_codes() {
  local packages=() program
  for program in pw.x pw2wannier90.x pw2bgw.x; do
    command -v "$program" >/dev/null 2>&1 || { packages+=(quantum-espresso); break; }
  done
  command -v wannier90.x >/dev/null 2>&1 || packages+=(wannier90)
  [ -f /usr/share/espresso/pseudo/Si.pz-vbc.UPF ] || packages+=(quantum-espresso-data)
  [ -d /usr/share/wannier90/pseudo ] || packages+=(wannier90-data)
  [ "${#packages[@]}" -gt 0 ] || return 0
  say "Installing ${packages[*]}"
  install_package "${packages[@]}" ||
    echo "note: could not install ${packages[*]}; tests that run Quantum ESPRESSO and Wannier90 for real need them"
}
