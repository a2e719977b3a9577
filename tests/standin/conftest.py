"""Runs of the stand-in's executables, made once for all the tests that look at their files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MGO = """MgO
CRYSTAL
0 0 0
225
4.21
2
12 0.0 0.0 0.0
8 0.5 0.5 0.5
{geometry}END
12 3
1 0 3 2.0 0.0
1 1 3 8.0 0.0
1 1 3 2.0 0.0
8 2
1 0 3 2.0 0.0
1 1 3 6.0 0.0
99 0
END
DFT
PBEXC
END
SHRINK
2 2
{scf}END
"""

H2 = """hydrogen
MOLECULE
1
2
1 0.0 0.0 0.0
1 0.0 0.0 0.80
{geometry}END
1 1
1 0 3 1.0 0.0
99 0
END
{hamiltonian}TOLDEE
8
{scf}END
"""

CO = """carbon monoxide
MOLECULE
1
2
6 0.0 0.0 0.0
8 0.0 0.0 1.13
{geometry}END
6 2
1 0 3 2.0 0.0
1 1 3 4.0 0.0
8 2
1 0 3 2.0 0.0
1 1 3 6.0 0.0
99 0
END
{hamiltonian}{scf}END
"""

BANDS_AND_DOSS = """NEWK
8 8
1 0
BAND
MgO bands
3 4 40 1 14 1 0
0 0 0 2 0 2
2 0 2 2 1 3
2 2 2 0 0 0
DOSS
2 200 -1 -1 1 14 0
-1.0 0.8
-1 1
-1 2
END
"""


def program(name: str) -> Path:
    return Path(sys.executable).parent / name


Runner = Callable[..., 'subprocess.CompletedProcess[str]']


@pytest.fixture(scope='session')
def crystal() -> Runner:
    """Run ``crystalmath-crystal`` with a deck on standard input; the output is also left in crystal.out."""

    def run(deck: str, folder: Path, name: str = 'crystal') -> subprocess.CompletedProcess[str]:
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            [program(f'crystalmath-{name}')],
            input=deck,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        (folder / f'{name}.out').write_text(done.stdout)
        return done

    return run


@pytest.fixture(scope='session')
def deck() -> Callable[..., str]:
    """Return the text of a small deck: ``deck('MGO', 'H2' or 'CO', geometry=..., scf=..., hamiltonian=...)``."""

    def make(system: str, *, geometry: str = '', scf: str = '', hamiltonian: str = '') -> str:
        return {'MGO': MGO, 'H2': H2, 'CO': CO}[system].format(geometry=geometry, scf=scf, hamiltonian=hamiltonian)

    return make


@pytest.fixture(scope='session')
def mgo_run(crystal: Runner, deck: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an SCF of MgO (PBE, STO-3G, 2x2x2) with its bands and densities of states."""
    folder = tmp_path_factory.mktemp('mgo')
    done = crystal(deck('MGO', scf='PPAN\n'), folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    done = crystal(BANDS_AND_DOSS, folder, 'properties')
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return folder


@pytest.fixture(scope='session')
def mgo_opt(crystal: Runner, deck: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an optimisation of the cell of MgO (PBE, STO-3G, 2x2x2)."""
    folder = tmp_path_factory.mktemp('mgo_opt')
    # from close to the minimum: the points are few, and each is several self-consistent fields
    text = deck('MGO', geometry='OPTGEOM\nFULLOPTG\nENDOPT\n').replace('4.21', '4.03')
    done = crystal(text, folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return folder


@pytest.fixture(scope='session')
def h2_opt(crystal: Runner, deck: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an optimisation of the hydrogen molecule (PBE, STO-3G)."""
    folder = tmp_path_factory.mktemp('h2_opt')
    done = crystal(deck('H2', geometry='OPTGEOM\nMAXCYCLE\n60\nENDOPT\n', hamiltonian='DFT\nPBEXC\nEND\n'), folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return folder
