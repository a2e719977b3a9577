"""What the calculation is: hamiltonian, numbers of electrons, orbitals and k-points."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.sections.base import Handler, Section

_TYPE = re.compile(r'TYPE OF CALCULATION :\s*(\S.*?)\s*$')
_COUNT = re.compile(r' (?:N\. OF|CORE) (ATOMS|ELECTRONS) PER CELL\s+(-?\d+)')
_CORE = re.compile(r' CORE ELECTRONS PER CELL\s+(-?\d+)')
_SYMMOPS = re.compile(r' N\. OF SYMMETRY OPERATORS\s+(\d+)')
_MESH = re.compile(r' SHRINK\. FACT\.\(MONKH\.\)\s+(\d+)\s+(\d+)\s+(\d+)')
_IBZ = re.compile(r'NUMBER OF K POINTS IN THE IBZ\s+(\d+)')


class Setup(Section):
    """Reads the block of dimensions before the SCF."""

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of the block."""
        return {
            ' TYPE': self.read_type,
            ' CRYS': self.read_type,
            ' KOHN': self.read_hamiltonian,
            ' HART': self.read_hamiltonian,
            ' N. O': self.read_counts,
            ' CORE': self.read_core,
            ' SHRI': self.read_mesh,
            ' NUMB': self.read_points,
        }

    def read_type(self, line: str) -> None:
        """Read closed or open shell."""
        if found := _TYPE.search(line):
            self.output.calculation_type = found[1]
            self.output.is_spin_polarized = 'OPEN' in found[1]

    def read_hamiltonian(self, line: str) -> None:
        """Read Hartree-Fock or Kohn-Sham."""
        if line.rstrip().endswith('HAMILTONIAN'):
            self.output.hamiltonian = line.strip()

    def read_counts(self, line: str) -> None:
        """Read atoms, electrons, symmetry operators."""
        if found := _COUNT.match(line):
            if found[1] == 'ELECTRONS':
                self.output.n_electrons = float(found[2])
            elif self.output.n_atoms is None:
                self.output.n_atoms = int(found[2])
        elif found := _SYMMOPS.match(line):
            self.output.n_symmops = int(found[1])

    def read_core(self, line: str) -> None:
        """Read core electrons."""
        if found := _CORE.match(line):
            self.output.n_core_electrons = float(found[1])

    def read_mesh(self, line: str) -> None:
        """Read the shrinking factors."""
        if found := _MESH.match(line):
            self.output.shrink = (int(found[1]), int(found[2]), int(found[3]))
        if found := _IBZ.search(line):
            self.output.n_kpoints = int(found[1])

    def read_points(self, line: str) -> None:
        """Read the number of k-points where it has a line of its own."""
        if found := _IBZ.search(line):
            self.output.n_kpoints = int(found[1])
