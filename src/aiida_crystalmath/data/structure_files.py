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


def read_structure(text: str, kind: str, name: str = 'structure') -> Geometry:
    """Read the text of a structure file.

    :param text: content of the file.
    :param kind: as :func:`file_format` returns.
    :param name: file name for messages.
    :raises StructureFileError: if the file cannot be read, is disordered, or ASE is missing.
    """
    if not text.strip():
        raise StructureFileError(f'{name}: the file is empty')
    if kind in ('gui', 'd12'):
        from aiida_crystalmath.crystal import structure_files

        try:
            return structure_files.read_gui(text) if kind == 'gui' else structure_files.read_d12_geometry(text)
        except ValueError as exception:
            raise StructureFileError(f'{name}: {exception}') from exception
    return _from_ase(_read_with_ase(text, kind, name), name)


def _read_with_ase(text: str, kind: str, name: str) -> Any:
    """Read one structure with ASE."""
    try:
        from ase.io import read
        from ase.io.cif import parse_cif
    except ImportError as exception:
        raise StructureFileError(
            f'{name}: reading {kind} files needs ASE: pip install "aiida-crystalmath[structure]" (or [standin])'
        ) from exception
    try:
        if kind == 'cif':
            _refuse_disorder(list(parse_cif(io.StringIO(text))), name)
        return read(io.StringIO(text), format=ASE_FORMATS[kind], index=0)
    except StructureFileError:
        raise
    except Exception as exception:  # ASE raises whatever its parsers stumble upon
        raise StructureFileError(
            f'{name}: not a readable {kind} file ({type(exception).__name__}: {exception})'
        ) from exception


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
    """Turn ASE atoms into a geometry; periodic vectors first."""
    if len(atoms) == 0:
        raise StructureFileError(f'{name}: there are no atoms in the file')
    pbc = [bool(flag) for flag in atoms.pbc]
    dimensionality = sum(pbc)
    if pbc != [True] * dimensionality + [False] * (3 - dimensionality):
        raise StructureFileError(
            f'{name}: periodic directions {pbc}; the periodic vectors must come first (slab: a and b, polymer: a)'
        )
    sites = tuple(
        Site(number=int(number), position=(float(x), float(y), float(z)))
        for number, (x, y, z) in zip(atoms.numbers, atoms.positions, strict=True)
    )
    return Geometry(np.asarray(atoms.cell[:], dtype=float), dimensionality, sites)
