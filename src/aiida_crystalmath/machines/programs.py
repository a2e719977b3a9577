"""The programs of CRYSTAL: their names, finding them on this machine, and the stand-in where there are none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SERIAL, PARALLEL, OPENMP = 'crystal', 'Pcrystal', 'crystalOMP'
PROGRAMS = (SERIAL, PARALLEL, OPENMP)
PROBE_DECK = 'H ATOM\nMOLECULE\n1\n1\n1 0. 0. 0.\nTESTGEOM\nEND\n'
"""A geometry dry run: CRYSTAL prints its banner and stops before any integral."""


@dataclass(frozen=True)
class Engine:
    """A pair of programs.

    :param crystal: path of the wavefunction program; ``properties`` that of the properties program, if found.
    :param is_standin: PySCF behind CRYSTAL's files.
    :param with_mpi: the program is started by ``mpirun`` and reads a file ``INPUT``.
    :param origin: where it was found, in words.
    """

    crystal: Path
    properties: Path | None
    is_standin: bool
    with_mpi: bool
    origin: str

    @property
    def label(self) -> str:
        """Return the label of the AiiDA code for ``crystal``."""
        return 'crystal-standin' if self.is_standin else self.crystal.name

    @property
    def properties_label(self) -> str:
        """Return the label of the AiiDA code for ``properties``."""
        return 'properties-standin' if self.is_standin or self.properties is None else self.properties.name


def candidates() -> list[tuple[Path, str]]:
    """List files that bear the name of a CRYSTAL program, with where they were found.

    Looked through: ``PATH``, then ``CRY23_EXEDIR`` and ``CRY23_ROOT`` (and folders below them, as CRYSTAL installs
    its executables in ``bin/<architecture>/<version>``).
    """
    found: list[tuple[Path, str]] = []
    for name in PROGRAMS:
        path = shutil.which(name)
        if path:
            found.append((Path(path), 'PATH'))
    for variable in ('CRY23_EXEDIR', 'CRY23_ROOT'):
        root = os.environ.get(variable)
        if not root or not Path(root).is_dir():
            continue
        for name in PROGRAMS:
            for below in sorted(Path(root).rglob(name)):
                if below.is_file() and os.access(below, os.X_OK):
                    found.append((below, variable))
                    break
    return found


def is_crystal(program: Path, timeout_s: float = 20.0) -> bool:
    """Run a geometry dry run with ``program`` and tell whether it answers with CRYSTAL's banner.

    A program named ``crystal`` may be something else (the compiler of the Crystal language bears that name).
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'INPUT').write_text(PROBE_DECK)
        try:
            answer = subprocess.run(
                [str(program)],
                input=PROBE_DECK,
                capture_output=True,
                text=True,
                errors='replace',
                cwd=folder,
                timeout=timeout_s,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return banner_of(answer.stdout + answer.stderr) == 'CRYSTAL'


def banner_of(text: str) -> str | None:
    """Tell from what a program printed whose banner it is: ``'CRYSTAL'``, ``'STAND-IN'``, or nobody's."""
    if 'CRYSTAL' not in text or 'STARTING' not in text:
        return None
    return 'STAND-IN' if 'STAND-IN' in text else 'CRYSTAL'


def properties_beside(crystal: Path) -> Path | None:
    """Return the properties program that belongs to a ``crystal`` program: beside it, or on ``PATH``."""
    for name in ('properties', 'Pproperties'):
        beside = crystal.parent / name
        if beside.is_file() and os.access(beside, os.X_OK):
            return beside
    path = shutil.which('properties')
    return Path(path) if path else None


def find_real() -> tuple[Engine | None, list[str]]:
    """Find a real CRYSTAL; also return a line for each candidate that was refused, and why."""
    refused = []
    for path, origin in candidates():
        if is_crystal(path):
            with_mpi = path.name == PARALLEL
            if with_mpi and not shutil.which('mpirun'):
                refused.append(f'{path} ({origin}): needs mpirun, which is not on PATH')
                continue
            return Engine(path, properties_beside(path), False, with_mpi, origin), refused
        refused.append(f'{path} ({origin}): did not answer a test input with the banner of CRYSTAL')
    return None, refused


def find_standin() -> Engine | None:
    """Find the stand-in's programs, installed beside this Python; ``None`` where PySCF is missing."""
    from importlib.util import find_spec

    folder = Path(sys.executable).parent
    crystal, properties = folder / 'crystalmath-crystal', folder / 'crystalmath-properties'
    if find_spec('pyscf') is None or not crystal.is_file():
        return None
    return Engine(crystal, properties, True, False, 'the Python environment')
