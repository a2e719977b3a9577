"""The basis set as printed, and the effective core potentials.

``LOCAL ATOMIC FUNCTIONS BASIS SET`` has one row per atom; below the first atom of each species stand its shells (the
numbers of their orbitals and their type) and, below them, exponents and three columns of coefficients (S, P, D/F/G).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import cast, get_args

from aiida_crystalmath.crystal.basis_models import ShellType
from aiida_crystalmath.crystal.outputs.models import PrintedAtomBasis, PrintedBasis, PrintedPotential, PrintedShell
from aiida_crystalmath.crystal.outputs.models.deferred import Later
from aiida_crystalmath.crystal.outputs.numbers import numbers
from aiida_crystalmath.crystal.outputs.printed_basis import is_normalised
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section
from aiida_crystalmath.crystal.outputs.sections.geometry import GeometrySection

_POTENTIAL = re.compile(r' ATOMIC NUMBER\s*(\d+), NUCLEAR CHARGE\s*([\d.]+),\s*(\S.*?)\s*PSEUDOPOTENTIAL')
_GROUP = re.compile(r'\s*(W0|P\d)\s+TMS(.*)')
_HEADER = re.compile(r' \*+\s*$|\s+ATOM\s+X\(AU\)')
_ATOM = re.compile(r'\s*(\d+) ([A-Z][A-Z0-9]*)\s+-?\d')
_SHELL = re.compile(r'\s*(?:(\d+)\s*-)?\s*(\d+)\s+([A-Z]{1,2})\s*$')
_LIMIT = 200
_TERM_INDENT = 8
"""Blanks before the terms that continue a group of a potential."""
_INDENT = 38
"""Blanks before exponents and coefficients; numbers and types of shells stand further to the left."""
_ROW = re.compile(rf'\s{{{_INDENT}}}.|{_SHELL.pattern}|{_ATOM.pattern}')
_TYPES = get_args(ShellType)


class BasisSection(Section):
    """Keeps the rows of the first table; they are converted when the basis is looked at.

    A restart prints a second one, of the basis in its wave function, with other coefficients.
    """

    def __init__(self, context: Context, geometry: GeometrySection) -> None:
        """Start without basis.

        :param geometry: tells conventional atomic numbers of the atoms.
        """
        super().__init__(context)
        self.geometry = geometry
        self.rows: list[str] = []
        self.ended = False
        self.potentials: list[tuple[PrintedPotential, list[str]]] = []

    def anchors(self) -> Mapping[str, Handler]:
        """Titles."""
        return {' LOCAL ATOMIC FUNCTIONS BASIS SET': self.read_title, ' ATOMIC NUMBER': self.read_potential}

    def read_potential(self, line: str) -> None:
        """Start an effective core potential."""
        found = _POTENTIAL.match(line)
        if found is not None and len(self.potentials) < _LIMIT:
            potential = PrintedPotential(int(found[1]), float(found[2]), ' '.join(found[3].split()))
            self.potentials.append((potential, []))
            self.context.capture(self._term)

    def _term(self, line: str) -> bool:
        """Keep a row of its terms; a blank line ends them."""
        rows = self.potentials[-1][1]
        if _GROUP.match(line) or (rows and line[:_TERM_INDENT].isspace() and len(line) > _TERM_INDENT):
            rows.append(line)
            return True
        if not line or line.isspace():
            rows.append('')
            return False
        return not rows and 'EXPONENT' in line

    def read_title(self, line: str) -> None:
        """Start a table."""
        if not self.rows:
            self.context.capture_rows(self.rows, _ROW.match, self._end)

    def _end(self, line: str) -> bool:
        """Pass over the header; the table ends at a line of another form."""
        if not self.rows and _HEADER.match(line):
            return True
        self.ended = bool(self.rows)
        return False

    def finish(self) -> None:
        """Keep what the basis is made of, for who asks for it."""
        if not self.rows and not self.potentials:
            return
        block = self.geometry.initial
        conventional = block.numbers if block is not None else []
        if not conventional and self.output.wave_function is not None:
            conventional = self.output.wave_function.numbers
        n_atoms = self.output.n_atoms if self.ended else None
        self.output.basis = Later(_basis, self.rows, self.potentials, list(conventional), n_atoms)


def _basis(
    rows: list[str],
    printed: list[tuple[PrintedPotential, list[str]]],
    conventional: list[int],
    expected: int | None,
) -> PrintedBasis | None:
    """Convert table and potentials.

    :param expected: number of atoms; None where the table was not read to its end.
    """
    potentials = _potentials(printed)
    if not rows:
        return PrintedBasis(potentials=potentials) if potentials else None
    species, n_atoms, is_good = _convert(rows, conventional)
    return PrintedBasis(species, potentials, is_normalised(species), complete=is_good and n_atoms == expected)


def _potentials(printed: list[tuple[PrintedPotential, list[str]]]) -> dict[int, PrintedPotential]:
    """Return the potentials by true atomic number, as far as they are certain.

    Of two potentials of one element (238 and 338) the output does not say which is whose.
    """
    result: dict[int, PrintedPotential] = {}
    doubtful: set[int] = set()
    for potential, rows in printed:
        whole = replace(potential, terms=_terms(rows))
        known = result.setdefault(potential.number, whole)
        if known.charge != whole.charge:
            doubtful.add(potential.number)
        elif known.terms != whole.terms:
            result[potential.number] = replace(known, terms=())
    return {number: potential for number, potential in result.items() if number not in doubtful}


def _terms(rows: list[str]) -> tuple[tuple[str, tuple[tuple[float, float, int], ...]], ...]:
    """Convert the rows of one potential: triples, several on a line; nothing unless all of them can be read."""
    groups: dict[str, list[tuple[float, float, int]]] = {}
    group: list[tuple[float, float, int]] = []
    if not rows or rows[-1]:
        return ()
    for row in rows[:-1]:
        if found := _GROUP.match(row):
            group = groups.setdefault(found[1], [])
        values = numbers(found[2] if found else row)
        if not values or len(values) % 3 or '*' in row or any(value != int(value) for value in values[2::3]):
            return ()
        group += [(e, c, int(n)) for e, c, n in zip(values[::3], values[1::3], values[2::3], strict=True)]
    return tuple((name, tuple(rows)) for name, rows in groups.items())


def _convert(rows: list[str], conventional: list[int]) -> tuple[list[PrintedAtomBasis], int, bool]:
    """Convert the rows of the table.

    :param conventional: conventional numbers of the atoms, empty if not known.
    :returns: the species, the number of atoms, and whether every row made sense.
    """
    bare: list[PrintedAtomBasis] = []
    species: list[PrintedAtomBasis] = []
    n_atoms, is_good = 0, True
    for row in rows:
        if row[:_INDENT].isspace():
            is_good = _add_primitive(bare, row) and is_good
        elif found := _SHELL.match(row):
            if found[3] not in _TYPES or not bare:
                return species, n_atoms, False
            atom = bare[-1]
            if not atom.shells:
                species.append(atom)
            first = int(found[1] or found[2])
            atom.shells.append(PrintedShell(cast(ShellType, found[3]), first, int(found[2])))
        elif found := _ATOM.match(row):
            number = int(found[1])
            is_good = is_good and number == n_atoms + 1
            n_atoms = number
            known = conventional[number - 1] if 0 < number <= len(conventional) else None
            bare.append(PrintedAtomBasis(number, found[2], known, [number]))
        else:
            is_good = False
    is_good = is_good and all(shell.exponents for atom in species for shell in atom.shells)
    return species, n_atoms, _share(bare, species) and is_good


def _add_primitive(atoms: list[PrintedAtomBasis], row: str) -> bool:
    """Add exponent and coefficients to the last shell; say whether the row could be read."""
    words = row.split()
    try:
        values = [float(word) for word in words] if len(words) == 4 else numbers(row)
    except ValueError:
        return False
    if not atoms or not atoms[-1].shells or len(values) != 4 or '*' in row:
        return False
    shell = atoms[-1].shells[-1]
    shell.exponents.append(values[0])
    shell.coefficients.append((values[1], values[2], values[3]))
    return True


def _share(atoms: list[PrintedAtomBasis], species: list[PrintedAtomBasis]) -> bool:
    """Give atoms printed without shells to the species before them with the same number (or label)."""
    owners: dict[object, PrintedAtomBasis] = {}
    for atom in atoms:
        # Properties calls all atoms XX, which says nothing of their species.
        label = atom.label if atom.label != 'XX' else None
        key = label if atom.conventional_number is None else atom.conventional_number
        if atom.shells:
            owners[key] = atom
        elif key is not None and key in owners:
            owners[key].atoms.append(atom.atom)
        else:
            return False
    return bool(species)
