"""The executable ``crystalmath-properties``: a d3 on standard input (or in the file INPUT) and fort.9 in the folder."""

from __future__ import annotations

import sys
from pathlib import Path

from .crystal_main import read_deck, settle_threads

USAGE = """usage: crystalmath-properties < deck.d3 > properties.out

Stand-in for CRYSTAL's properties: reads a d3 on standard input, or from the file INPUT when there is none, and the
wavefunction that crystalmath-crystal left in fort.9; does NEWK, BAND, DOSS, COOP, COHP, ECHG, ECH3, PATO, POTC and
PPAN and writes fort.25, BAND.DAT, DOSS.DAT, DENS_CUBE.DAT, SPIN_CUBE.DAT, POTC.DAT and PPAN.DAT to the current folder.
It is NOT CRYSTAL and cannot read CRYSTAL's own fort.9."""


def main() -> None:
    """Run the program and leave with its status: 0 at a normal end, 1 after an error, as CRYSTAL does."""
    if any(argument in ('-h', '--help') for argument in sys.argv[1:]):
        print(USAGE)
        sys.exit(0)
    settle_threads()
    from .properties_run import run

    sys.exit(run(read_deck(), Path.cwd(), sys.stdout))


if __name__ == '__main__':
    main()
