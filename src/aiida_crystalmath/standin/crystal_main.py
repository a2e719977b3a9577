"""The executable ``crystalmath-crystal``: a d12 on standard input (or in the file INPUT), CRYSTAL's files around it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

USAGE = """usage: crystalmath-crystal < deck.d12 > crystal.out

Stand-in for CRYSTAL: reads a d12 on standard input, or from the file INPUT when there is none, runs it with PySCF and
writes CRYSTAL's files (fort.9, fort.34, fort.87, OPTINFO.DAT, optcNNN, SCFOUT.LOG, PPAN.DAT) to the current folder.
It is NOT CRYSTAL; what it does not cover ends with ERROR **** STANDIN **** <keyword> NOT SUPPORTED."""


def main() -> None:
    """Run the program and leave with its status: 0 at a normal end, 1 after an error, as CRYSTAL does."""
    if any(argument in ('-h', '--help') for argument in sys.argv[1:]):
        print(USAGE)
        sys.exit(0)
    settle_threads()
    from .crystal_run import run

    sys.exit(run(read_deck(), Path.cwd(), sys.stdout))


def read_deck() -> str:
    """Return standard input; the file INPUT if standard input is a terminal or empty; nothing if there is neither."""
    text = '' if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    deck = Path('INPUT')
    if not text.strip() and deck.is_file():
        return deck.read_text(errors='replace')
    return text


def settle_threads() -> None:
    """Set one thread, which is fastest for small cells and many jobs; must run before NumPy is imported."""
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    os.environ.setdefault('OPENBLAS_NUM_THREADS', os.environ['OMP_NUM_THREADS'])
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')


if __name__ == '__main__':
    main()
