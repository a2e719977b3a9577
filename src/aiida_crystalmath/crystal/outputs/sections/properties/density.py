"""ECHG, POTM (planes), ECH3, POT3 (boxes) and PATO: the echo; the values are in fort.25 and the cube files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import AtomicWavefunction, DensityGrid, DensityMap
from aiida_crystalmath.crystal.outputs.numbers import number, numbers
from aiida_crystalmath.crystal.outputs.sections.base import Handler
from aiida_crystalmath.crystal.outputs.sections.properties.base import RESULT_LIMIT, Part, Run

_ORDER = re.compile(r' ELECTRON CHARGE \(AND SPIN\) DENSITY - DERIVATIVES UP TO ORDER\s+(\d+)')
_CORNER = re.compile(r'\s+([ABC])\)(.*)POINT INDICES')
_SIZE = re.compile(r' N\. OF POINTS ALONG THE (A-B|B-C) SEGMENT \(NP[XY]\)\s*(\d+)')
_FIELD = re.compile(r'\s*(\S.*?)\s*- VALMIN\s*(\S+)\s+VALMAX\s*(\S+)')
_WRITTEN = re.compile(r'\s*\d+ DATA WRITTEN ON UNIT 25')
_GRID = re.compile(r' 3D ([A-Z ]+), GRID IS\s*(\d+)\*\s*(\d+)\*\s*(\d+)')
_QUANTITIES = {
    'ALPHA+BETA ELECTRONS DENSITY': 'charge',
    'ALPHA-BETA ELECTRONS DENSITY': 'spin',
    'PARTICLE-NUMBER DENSITY': 'charge',
}
_CHARGE = re.compile(r' NUCLEAR CHARGE\s*(\S+)')
_ELECTRONS = re.compile(r' N\. ELECTRONS\s*(\S+)')


class DensityPart(Part):
    """Reads planes into ``properties.maps``, boxes into ``grids`` and atoms into ``atomic_wavefunctions``."""

    def __init__(self, run: Run) -> None:
        """Start without densities."""
        super().__init__(run)
        self.order = 0
        self.atomic = False
        self.corners: dict[str, tuple[float, float, float]] = {}
        self.sizes: dict[str, int] = {}
        self.pending: list[DensityMap] = []
        self.atoms: list[AtomicWavefunction] | None = None
        self.nucleus: float | None = None
        self.electrons: dict[float, float] = {}

    def anchors(self) -> Mapping[str, Handler]:
        """Titles."""
        return {
            ' ELEC': self.read_plane,
            ' 3D D': self.read_grid,
            ' 3D P': self.read_grid,
            ' 3D E': self.read_grid,
            ' DENS': self.read_density_matrix,
            ' AAAA': self.read_atoms_rule,
            ' NUCL': self.read_nucleus,
            ' N. E': self.read_electrons,
            '  ZNU': self.read_atom,
        }

    def read_plane(self, line: str) -> None:
        """Read a plane up to its time line."""
        found = _ORDER.match(line)
        if found is None:
            return
        # The title is printed once a map: another one is another ECHG, also where no time line ended the first.
        self.run.close()
        if not self.run.begin('ECHG'):
            return
        self.order = int(found[1])
        self.corners, self.sizes, self.pending = {}, {}, []
        self.context.capture(self._plane_line)

    def _plane_line(self, text: str) -> bool:
        """Read one line of a plane."""
        properties = self.run.properties
        if self.run.interrupts(text) or properties is None:
            return False
        if 'VALMIN' in text and (found := _FIELD.match(text)):
            self._add_map(found[1], number(found[2]), number(found[3]))
        elif found := _SIZE.match(text):
            self.sizes[found[1]] = int(found[2])
        elif (found := _CORNER.match(text)) and len(point := numbers(found[2])) == 3:
            self.corners[found[1]] = (point[0], point[1], point[2])
        elif _WRITTEN.match(text) and self.pending:
            # A two-component run prints all fields first, then says as often that it wrote one.
            self.pending.pop(0).complete = True
        return True

    def _add_map(self, words: str, low: float | None, high: float | None) -> None:
        """Keep one field."""
        words = ' '.join(words.split())
        properties = self.run.properties
        if properties is None or len(properties.maps) >= RESULT_LIMIT:
            return
        shape = (self.sizes['A-B'], self.sizes['B-C']) if len(self.sizes) == 2 else None
        corners = (self.corners['A'], self.corners['B'], self.corners['C']) if len(self.corners) == 3 else None
        quantity = _QUANTITIES.get(words) or ('potential' if 'POTENTIAL' in words else words)
        found = DensityMap(quantity, corners, shape, self.order, low, high, atomic=self.atomic)
        properties.maps.append(found)
        self.pending.append(found)

    def read_grid(self, line: str) -> None:
        """Read the size of a box."""
        properties = self.run.properties
        if properties is None or len(properties.grids) >= RESULT_LIMIT or not (found := _GRID.match(line)):
            return
        current = self.run.current
        # POT3 of CRYSTAL23 calls its box DENSITY as well: its START line before tells (a public run of MACE).
        in_potential = current is not None and current.keyword == 'POT3' and not current.complete
        keyword = 'POT3' if in_potential or 'POTENTIAL' in found[1] else 'ECH3'
        self.run.begin(keyword)
        shape = (int(found[2]), int(found[3]), int(found[4]))
        properties.grids.append(DensityGrid(keyword, shape))

    def end(self, keyword: str) -> None:
        """Complete what the time line ends; a grid's values have one of their own (CHARGE)."""
        properties = self.run.properties
        if properties is not None and properties.grids and keyword in ('CHARGE', 'ECH3', 'POT3'):
            properties.grids[-1].complete = True

    def read_density_matrix(self, line: str) -> None:
        """Read which density matrix is used from here on."""
        properties = self.run.properties
        if properties is None:
            return
        if line.startswith(' DENSITY MATRIX AS SUPERPOSITION OF ATOMIC DENSITIES'):
            self.run.begin('PATO')
            self.atomic = True
        elif line.startswith(' DENSITY MATRIX FROM A TWO-COMPONENT SCF'):
            properties.two_component = True
        elif line.startswith(' DENSITY MATRIX AT SCF CYCLE'):
            # NEWK (and PSCF) put the density of the SCF back.
            self.atomic = False

    def read_atoms_rule(self, line: str) -> None:
        """Read a rule of letters A, which opens or closes the list of atoms."""
        properties = self.run.properties
        if properties is None:
            return
        if self.atoms is None:
            self.atoms = []
            self.run.begin('PATO')
        else:
            properties.atomic_wavefunctions, self.atoms = self.atoms, None

    def read_nucleus(self, line: str) -> None:
        """Read the nucleus of an atom."""
        if self.atoms is not None and (found := _CHARGE.match(line)):
            self.nucleus = number(found[1])

    def read_electrons(self, line: str) -> None:
        """Read the electrons of an atom."""
        if self.atoms is None or not (found := _ELECTRONS.match(line)):
            return
        electrons = number(found[1])
        if electrons is not None and self.nucleus is not None:
            self.electrons[self.nucleus] = electrons

    def read_atom(self, line: str) -> None:
        """Read the result of an atom, in the line below."""
        if self.atoms is not None and line.startswith('  ZNUC'):
            self.context.capture(self._atom_row)

    def _atom_row(self, text: str) -> bool:
        """Read charge, cycles, energies and virial."""
        values = numbers(text)
        if self.atoms is not None and len(values) >= 5 and len(self.atoms) < RESULT_LIMIT:
            self.atoms.append(
                AtomicWavefunction(values[0], self.electrons.get(values[0]), values[2], values[3], values[4])
            )
        self.context.captures.clear()
        return True
