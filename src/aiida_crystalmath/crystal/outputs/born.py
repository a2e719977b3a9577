"""BORN.DAT: atomic Born charge tensors, written by FREQCALC.

Format (real file of CRYSTAL 14, checked against the tensors of its output): three lines of three numbers for each atom
of the primitive cell, in e, rows as in the output. BORN_*.DAT and X.born are copies of it.
"""

from __future__ import annotations

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Array
from aiida_crystalmath.crystal.outputs.number_table import read_numbers

_FILE = 'BORN.DAT'


def read_born(text: str, n_atoms: int | None = None) -> Array:
    """Return the tensors (e), shape (n_atoms, 3, 3).

    :param n_atoms: atoms expected; without it any whole number of tensors will do.
    :raises OutputFileError: the file is cut, or has another number of atoms.
    """
    return read_atomic_rows(text, 3, _FILE, n_atoms)


def read_atomic_rows(text: str, n_columns: int, where: str, n_atoms: int | None = None) -> Array:
    """Return a table with three rows an atom, shape (n_atoms, 3, n_columns).

    :param where: kind of file, for the error.
    :raises OutputFileError: a row has not ``n_columns`` numbers, or the number of rows is not as expected.
    """
    lines = text.splitlines()
    rows = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, line in rows:
        if len(line.split()) != n_columns:
            raise OutputFileError(f'{n_columns} numbers expected, {len(line.split())} found', where, number)
    n_rows = 3 * n_atoms if n_atoms else len(rows)
    if not rows or len(rows) % 3 or len(rows) != n_rows:
        expected = f'{n_rows} rows expected' if n_atoms else 'three rows an atom expected'
        raise OutputFileError(f'{expected}, {len(rows)} found', where, len(lines))
    values = read_numbers([line for _, line in rows], n_columns * len(rows), where, rows[0][0])
    return values.reshape(-1, 3, n_columns)
