"""The geometries of an optimisation that CRYSTAL writes point by point: files ``opta001``, ``optc001``, ...

``opta`` files come from optimisations of the atoms alone, ``optc`` files from those with the cell; the number is that
of the point, with as many digits as the largest number of points has (``opta01`` with 60, ``optc0001`` with 1600).
Their layout is that of fort.34, with energy, its change and the number of SCF cycles in the first line. Run scripts
collect them in a folder ``X.optstory``, or rename them (``X-optc001.gui``). Rejected steps write no file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.fort34 import Fort34, read_fort34

_NAME = re.compile(r'(?:^|.*[^A-Za-z])opt([ac]?)(\d{1,5})(?:\.gui)?$')
_LARGEST = 1 << 26


@dataclass(frozen=True, slots=True)
class OptStep:
    """One file.

    :param n: number of the point.
    :param kind: 'a' atoms, 'c' cell (and atoms), '' where the name does not tell.
    """

    n: int
    kind: str
    path: Path
    content: Fort34

    @property
    def geometry(self) -> Geometry:
        """The geometry of the point."""
        return self.content.geometry

    @property
    def energy_hartree(self) -> float | None:
        """The energy in the first line, None where there is none."""
        return self.content.energy_hartree


@dataclass(slots=True)
class OptSteps:
    """The files of a folder, by kind and number.

    :param unreadable: what could not be read, and why; the last file of a killed run is often not whole.
    """

    steps: list[OptStep] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether there are files, and all could be read."""
        return bool(self.steps) and not self.unreadable


def step_number(name: str) -> tuple[str, int] | None:
    """Return kind and number that the name of a file tells: ``optc012`` is ('c', 12); None for other files."""
    found = _NAME.match(name)
    return (found[1], int(found[2])) if found else None


def read_opt_steps(folder: Path) -> OptSteps:
    """Read all files of a folder (a run's, or its ``.optstory``) that are named like points of an optimisation.

    Of two files of one kind and number the first by name is taken. Nothing is raised for files that cannot be read.
    """
    result = OptSteps()
    found: dict[tuple[str, int], Path] = {}
    for path in sorted(folder.iterdir() if folder.is_dir() else []):
        key = step_number(path.name)
        if key is not None and path.is_file():
            found.setdefault(key, path)
    for (kind, n), path in sorted(found.items()):
        try:
            if path.stat().st_size > _LARGEST:
                raise ValueError(f'{path.stat().st_size} bytes are too many for a geometry')
            content = read_fort34(path.read_text(encoding='utf-8', errors='replace'))
        except (OSError, ValueError) as error:
            result.unreadable[path.name] = str(error)
            continue
        result.steps.append(OptStep(n, kind, path, content))
    return result
