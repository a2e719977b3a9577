"""Reading structure files into a :class:`~aiida_crystalmath.crystal.geometry.Geometry`.

CIF, POSCAR and xyz are read by ASE (extra ``structure``); CRYSTAL's own files by :mod:`aiida_crystalmath.crystal`.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry, Site

ASE_FORMATS = {'cif': 'cif', 'poscar': 'vasp', 'xyz': 'extxyz'}
NAMES = {'cif': 'CIF', 'poscar': 'POSCAR', 'xyz': 'xyz'}
CLOSEST_ANGSTROM = 0.3
"""Two atoms nearer than this are a mistake of the file: the shortest bond there is, that of H2, is 0.74 Å."""
TEXT_FRACTION = 0.95
"""A text file may hold a few bytes that are not UTF-8 (names of authors); a binary one holds little else."""


class StructureFileError(ValueError):
    """A structure file that cannot be used; the message says which file, why, and what to do."""


def file_format(name: str) -> str:
    """Return the format that a file's name stands for: ``cif``, ``poscar``, ``xyz``, ``gui`` or ``d12``.

    :raises StructureFileError: if the name is of no known kind.
    """
    path = Path(name)
    stem, suffix = path.name.lower(), path.suffix.lower()
    if suffix in ('.cif', '.xyz', '.gui', '.d12'):
        return suffix[1:]
    if suffix == '.extxyz':
        return 'xyz'
    if stem == 'fort.34':
        return 'gui'
    if stem == 'input':
        return 'd12'
    if stem.startswith(('poscar', 'contcar')) or suffix in ('.vasp', '.poscar'):
        return 'poscar'
    raise StructureFileError(
        f'{path.name}: unknown kind of structure file; use .cif, POSCAR/.vasp, .xyz, .gui/fort.34 or .d12'
    )


def geometry_file_beside(path: Path) -> Path | None:
    """Return the file that a ``.d12`` with EXTERNAL takes its geometry from: of the same name in ``.gui``, or fort.34.

    ``None`` for any other file, and where neither is there.
    """
    if file_format(path.name) != 'd12' or 'EXTERNAL' not in path.read_text(errors='replace').upper().split():
        return None
    return next((beside for beside in (path.with_suffix('.gui'), path.parent / 'fort.34') if beside.is_file()), None)


def read_structure(text: str, kind: str, name: str = 'structure', external: str | None = None) -> Geometry:
    """Read the text of a structure file.

    :param text: content of the file.
    :param kind: as :func:`file_format` returns.
    :param name: file name for messages.
    :param external: text of the fort.34 that belongs to a ``.d12`` with EXTERNAL.
    :raises StructureFileError: if the file cannot be read, is disordered, has atoms on top of each other, or ASE is
        missing.
    """
    _refuse_what_is_no_text(text, name)
    if kind in ('gui', 'd12'):
        from aiida_crystalmath.crystal import structure_files

        try:
            geometry = (
                structure_files.read_gui(text) if kind == 'gui' else structure_files.read_d12_geometry(text, external)
            )
        except ValueError as exception:
            raise StructureFileError(f'{name}: {_one_line(exception)}') from exception
    else:
        geometry = _from_ase(_read_with_ase(text, kind, name), name)
    _refuse_overlaps(geometry, name)
    return geometry


def _refuse_what_is_no_text(text: str, name: str) -> None:
    """Refuse an empty file and a binary one; bytes that are not UTF-8 come as U+FFFD."""
    if not text.strip():
        raise StructureFileError(f'{name}: the file is empty')
    readable = sum(character.isspace() or (character.isprintable() and character != '\ufffd') for character in text)
    if readable < TEXT_FRACTION * len(text):
        raise StructureFileError(f'{name}: this is not a text file (compressed or damaged?)')


def _one_line(exception: Exception, width: int = 160) -> str:
    """Return what an exception says in one line that fits a terminal; empty if it says nothing."""
    text = ' '.join(str(exception).split())
    return text if len(text) <= width else f'{text[:width]}...'


def _refuse_overlaps(geometry: Geometry, name: str) -> None:
    """Refuse two atoms at one place: a site listed twice, or disorder whose occupancies were left out."""
    real = [index for index, site in enumerate(geometry.sites) if not site.ghost]
    fractional = geometry.fractional[real]
    difference = fractional[:, None] - fractional[None]
    periodic = np.array(geometry.pbc)
    difference[..., periodic] -= np.round(difference[..., periodic])
    distance = np.linalg.norm(difference @ geometry.frame, axis=-1) + np.diag(np.full(len(real), np.inf))
    if len(real) > 1 and distance.min() < CLOSEST_ANGSTROM:
        first, second = divmod(int(distance.argmin()), len(real))
        raise StructureFileError(
            f'{name}: atoms {real[first] + 1} ({geometry.sites[real[first]].symbol}) and {real[second] + 1} '
            f'({geometry.sites[real[second]].symbol}) are only {distance.min():.3f} Å apart; remove one of them'
        )


def _read_with_ase(text: str, kind: str, name: str) -> Any:
    """Read one structure with ASE."""
    try:
        from ase.io import read
        from ase.io.cif import parse_cif
    except ImportError as exception:
        raise StructureFileError(
            f'{name}: reading {NAMES[kind]} files needs ASE: pip install "aiida-crystalmath[structure]" (or [standin])'
        ) from exception
    try:
        if kind == 'cif':
            _refuse_disorder(list(parse_cif(io.StringIO(text))), name)
        return read(io.StringIO(text), format=ASE_FORMATS[kind], index=0)
    except StructureFileError:
        raise
    except Exception as exception:  # ASE raises whatever its parsers stumble upon
        reason = _one_line(exception) or 'the beginning is not that of one'
        raise StructureFileError(f'{name}: not a readable {NAMES[kind]} file: {reason}') from exception


def _refuse_disorder(blocks: list[Any], name: str) -> None:
    """Refuse partial occupancies: CRYSTAL computes ordered structures only."""
    for block in blocks:
        occupancies = block.get('_atom_site_occupancy') or []
        values = occupancies if isinstance(occupancies, list) else [occupancies]
        if any(isinstance(value, int | float) and abs(value - 1.0) > 1e-3 for value in values):
            raise StructureFileError(
                f'{name}: sites with partial occupancy; choose an ordered structure (or build a supercell) first'
            )


def _from_ase(atoms: Any, name: str) -> Geometry:
    """Turn ASE atoms into a geometry."""
    if len(atoms) == 0:
        raise StructureFileError(f'{name}: there are no atoms in the file')
    pbc = (bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2]))
    dimensionality = sum(pbc)
    leading = pbc == (dimensionality > 0, dimensionality > 1, dimensionality > 2)
    sites = tuple(
        Site(number=int(number), position=(float(x), float(y), float(z)))
        for number, (x, y, z) in zip(atoms.numbers, atoms.positions, strict=True)
    )
    geometry = Geometry(np.asarray(atoms.cell[:], dtype=float), dimensionality, sites, None if leading else pbc)
    if abs(np.linalg.det(geometry.frame)) < 1e-6:
        raise StructureFileError(f'{name}: the lattice vectors lie in one plane; they must span a cell')
    return geometry
