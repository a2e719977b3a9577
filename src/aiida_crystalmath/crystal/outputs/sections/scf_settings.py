"""How the SCF is done: the echo of tolerances, mixing, level shift, smearing and locked spins before the SCF."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.models import Accelerator
from aiida_crystalmath.crystal.outputs.numbers import number
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section

_MAX_CYCLES = re.compile(r' MAX NUMBER OF SCF CYCLES\s+(\d+)')
_MIXING = re.compile(r' WEIGHT OF F\(I\) IN F\(I\+1\)\s+(\d+)\s?%')
_TOLDEE = re.compile(r'CONVERGENCE ON ENERGY\s+10\*\*\s*-\s*(\d+)')
_TOLINTEG = re.compile(r'\(T(\d)\) 10\*\*\s*(-?)\s*(\d+)\s*$')
_SHIFT = re.compile(r' EIGENVALUE LEVEL SHIFTING OF\s+(\S+)\s+HARTREE')
_SMEARING = re.compile(r' FERMI SMEARING - TEMPERATURE SMEARING OF FERMI SURFACE\s+(\S+)')
_LOCKED = re.compile(
    r' ALPHA-BETA ELECTRONS LOCKED TO\s*(-?\d+)\s*(?:FOR\s*(\d+) SCF CYCLES|WHILE ENE DIFF.*10\*\*\s*-\s*(\d+))?'
)
_OLD_LOCKED = re.compile(r' SPIN POLARIZATION - ALPHA-BETA =\s*(-?\d+) FOR\s*(\d+) CYCLES')


class SettingsSection(Section):
    """Reads the settings; what an optimisation repeats for its points is the same."""

    def __init__(self, context: Context) -> None:
        """Start without settings."""
        super().__init__(context)
        self.settings = self.output.scf_settings
        self.tolinteg: dict[int, int] = {}

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of the echo."""
        return {
            ' MAX ': self.read_max_cycles,
            ' WEIG': self.read_mixing,
            ' NO M': self.read_mixing,
            ' N. O': self.read_tolerance,
            ' NUMB': self.read_tolerance,
            ' CORE': self.read_tolerance,
            ' EIGE': self.read_level_shift,
            ' LOCK': self.read_locking,
            ' FERM': self.read_smearing,
            ' ALPH': self.read_spin_lock,
            ' SPIN': self.read_spin_lock,
            ' REST': self.read_restart,
            ' DIIS': self.read_accelerator,
            ' ANDE': self.read_accelerator,
            ' MODI': self.read_accelerator,
        }

    def read_max_cycles(self, line: str) -> None:
        """Read the largest number of cycles."""
        if found := _MAX_CYCLES.match(line):
            self.settings.max_cycles = int(found[1])

    def read_mixing(self, line: str) -> None:
        """Read mixing and convergence."""
        if found := _MIXING.match(line):
            self.settings.fmixing_percent = float(found[1])
        elif line.startswith(' NO MIXING OF F'):
            self.settings.fmixing_percent = 0.0
        if found := _TOLDEE.search(line):
            self.settings.toldee = int(found[1])

    def read_tolerance(self, line: str) -> None:
        """Read one of the five tolerances of the integrals, which stand in the right half of other lines."""
        if found := _TOLINTEG.search(line):
            self.tolinteg[int(found[1])] = int(found[3]) if found[2] else -int(found[3])

    def read_level_shift(self, line: str) -> None:
        """Read the level shift; if it is locked the next line says so."""
        if found := _SHIFT.match(line):
            self.settings.level_shift_hartree = number(found[1])
            self.settings.level_shift_locked = self.output.level_shifted

    def read_locking(self, line: str) -> None:
        """Read that the level shifter stays."""
        if 'FERMI ENERGY ALTERED BY LEVEL SHIFTER' in line:
            self.settings.level_shift_locked = True

    def read_smearing(self, line: str) -> None:
        """Read the smearing of the Fermi surface."""
        if found := _SMEARING.match(line):
            self.settings.smearing_hartree = number(found[1])

    def read_spin_lock(self, line: str) -> None:
        """Read to what the spin is locked, and for how long."""
        settings = self.settings
        if found := _LOCKED.match(line):
            settings.spin_lock = int(found[1])
            settings.spin_lock_cycles = int(found[2]) if found[2] else None
            settings.spin_lock_tolerance = int(found[3]) if found[3] else None
        elif found := _OLD_LOCKED.match(line):
            settings.spin_lock, settings.spin_lock_cycles = int(found[1]), int(found[2])

    def read_restart(self, line: str) -> None:
        """Read that the SCF starts from a density of before; within an optimisation every point but the first does."""
        if line.startswith(' RESTART FROM A PREVIOUS DENSITY MATRIX') and len(self.output.scf) < 2:
            self.settings.restarts_from_density = True

    def read_accelerator(self, line: str) -> None:
        """Read which accelerator acts; DIIS of the coupled-perturbed equations is another matter."""
        names: dict[str, Accelerator] = {' DIIS TEST': 'DIIS', ' ANDERSON MIX': 'ANDERSON', ' MODIFIED BR': 'BROYDEN'}
        if self.settings.accelerator is None and 'CPHF' not in line:
            self.settings.accelerator = next((name for start, name in names.items() if line.startswith(start)), None)

    def finish(self) -> None:
        """Conclude from what was read."""
        if len(self.tolinteg) == 5:
            self.settings.tolinteg = tuple(value for _, value in sorted(self.tolinteg.items()))
        routines = {message.routine for message in self.output.information}
        if self.settings.dispersion is None and any(
            name.startswith(('DFTD', 'VDWD')) for name in map(str.upper, routines)
        ):
            self.settings.dispersion = 'D'
        self.settings.saves = tuple(name for name in ('SAVEWF', 'SAVEPRED') if name in routines)
        self.settings.restarts_from_density |= 'GUESSP' in routines
