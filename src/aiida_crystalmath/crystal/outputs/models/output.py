"""One output file of CRYSTAL: everything that was read from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.models.arrays import Array
from aiida_crystalmath.crystal.outputs.models.basis_printed import PrintedBasis
from aiida_crystalmath.crystal.outputs.models.cell import CellParameters, CellReport, SymmetryGroup
from aiida_crystalmath.crystal.outputs.models.deferred import Deferred, none
from aiida_crystalmath.crystal.outputs.models.elastic import Elastic, Photoelastic, Piezoelectric
from aiida_crystalmath.crystal.outputs.models.equation_of_state import EquationOfState
from aiida_crystalmath.crystal.outputs.models.forces import Gradients
from aiida_crystalmath.crystal.outputs.models.frequencies import Frequencies
from aiida_crystalmath.crystal.outputs.models.functional import Functional
from aiida_crystalmath.crystal.outputs.models.messages import Engine, Message, Program, Stage, Timings
from aiida_crystalmath.crystal.outputs.models.optimisation import Optimisation
from aiida_crystalmath.crystal.outputs.models.polarisability import Polarisability
from aiida_crystalmath.crystal.outputs.models.population import Mulliken, PopulationAnalysis
from aiida_crystalmath.crystal.outputs.models.properties import Properties
from aiida_crystalmath.crystal.outputs.models.resources import Resources
from aiida_crystalmath.crystal.outputs.models.scf import GapKind, ScfRun, ScfSettings, ScfStatus
from aiida_crystalmath.crystal.outputs.models.symmetry_operators import SymmetryOperators
from aiida_crystalmath.crystal.outputs.models.thermodynamics import QuasiHarmonic
from aiida_crystalmath.crystal.outputs.models.wave_function import WaveFunction

Status = Literal['finished', 'scf_unconverged', 'geometry_unconverged', 'failed', 'incomplete']
"""What became of a run, see :attr:`CrystalOutput.status`."""


@dataclass
class CrystalOutput:
    """One output file of CRYSTAL (or of its stand-in), crystal or properties.

    The fields speak of the *last* ``crystal`` program of the file (of the last ``properties`` program if there is no
    other); :attr:`stages` tells of all programs. A file without any banner (SCFOUT.LOG, a broken file) is read as well
    and has ``program`` None.
    """

    program: Program | None = None
    engine: Engine = 'CRYSTAL'
    version: str | None = None
    """'CRYSTAL06' ... 'CRYSTAL23', the word of the banner."""
    release: str | None = None
    """The line under it, for example 'public : 1.0.1 - October 2022'."""
    title: str | None = None
    calculation_type: str | None = None
    hamiltonian: str | None = None
    functional: Functional | None = None
    dimensionality: int | None = None
    n_atoms: int | None = None
    n_electrons: float | None = None
    n_core_electrons: float | None = None
    n_ao: int | None = None
    n_symmops: int | None = None
    n_kpoints: int | None = None
    shrink: tuple[int, ...] | None = None
    space_group: str | None = None
    is_spin_polarized: bool = False
    is_optimisation: bool = False
    initial_geometry: Geometry | None = None
    """Primitive cell of ``GEOMETRY FOR WAVE FUNCTION``, as printed first."""
    final_geometry: Geometry | None = None
    """Primitive cell of ``FINAL OPTIMIZED GEOMETRY``; without optimisation the initial one. None unless certain."""
    primitive_cell: CellParameters | None = None
    """Last primitive cell printed."""
    crystallographic_cell: CellParameters | None = None
    """Last conventional cell printed; None when it does not differ from the primitive one."""
    initial_cell: CellReport | None = None
    """All that ``GEOMETRY FOR WAVE FUNCTION`` tells, also of a run that was stopped."""
    final_cell: CellReport | None = None
    """All that the last ``FINAL OPTIMIZED GEOMETRY`` tells; None without one."""
    group: SymmetryGroup | None = None
    """The group as named; :attr:`space_group` is its symbol (or number)."""
    group_lost: bool = False
    """``INFORMATION ON SPACE GROUP LOST``: the symmetry was changed, :attr:`group` is that of the structure before."""
    symmetry_operators: SymmetryOperators | None = None
    """Of the last geometry that was printed with its operators."""
    basis: Deferred[PrintedBasis | None] = Deferred(none)  # noqa: RUF009 - a descriptor
    """Converted at the first access; None without table."""
    two_component: bool | None = None
    """A two-component (spin-orbit) SCF: True where the output says so, else None."""
    scf_settings: ScfSettings = field(default_factory=ScfSettings)
    scf: list[ScfRun] = field(default_factory=list)
    """Every SCF of the main output: a single point has one, an optimisation its first (all of them with ONELOG)."""
    n_dropped_scf: int = 0
    """SCF runs between the first and the last ones that were not kept, to bound the memory a huge file takes."""
    energy_hartree: float | None = None
    """THE energy: OPT END, else the total with dispersion and gCP, else SCF ENDED; None unless the run finished."""
    energy_source: str | None = None
    """The line it is from; ``OPT END (ENTHALPY)`` under an external pressure, where the program prints E + PV."""
    energy_scf_hartree: float | None = None
    """SCF energy of the last finished SCF of the main output, without corrections."""
    energy_dispersion_hartree: float | None = None
    """Total with corrections minus SCF energy of that SCF; None without correction."""
    optimisation: Optimisation | None = None
    """The last one of the file."""
    optimisations: list[Optimisation] = field(default_factory=list)
    """All of them in order (PREOPTGEOM, the volumes of a quasi-harmonic run, ...), the last one included."""
    n_optimisations: int = 0
    gap_ev: float | None = None
    """Gap of the final geometry, 0 for a conducting state. In an open shell with band edges of both channels the gap
    between the highest occupied and the lowest empty level of either, otherwise the smaller of the two."""
    gap_kind: GapKind | None = None
    """None where the program prints a gap without its kind, as it does after an optimisation."""
    gap_alpha_ev: float | None = None
    gap_beta_ev: float | None = None
    gap_initial_ev: float | None = None
    """Gap of the last SCF cycle of the main output: in an optimisation the *initial* geometry's."""
    is_conducting: bool | None = None
    """Of the final geometry, as the gap: True for POSSIBLY CONDUCTING, False for INSULATING or a gap; else None."""
    fermi_energy_hartree: float | None = None
    """Of the same state as the gap. CRYSTAL puts the Fermi energy of an insulator at the top of its valence bands."""
    vbm_hartree: float | None = None
    cbm_hartree: float | None = None
    level_shifted: bool = False
    """A locked level shifter acts on the printed eigenvalues (``FERMI ENERGY ALTERED BY LEVEL SHIFTER``): gap, band
    edges and Fermi energy stay None."""
    mulliken: Mulliken | None = None
    population: PopulationAnalysis | None = None
    """Last Mulliken analysis with its shells, orbitals and overlaps; see ``is_final``."""
    forces: Array | None = None
    """Last CARTESIAN FORCES, shape (n_atoms, 3), hartree/bohr."""
    gradients: Gradients | None = None
    """These forces with the gradient of the cell and the stress of the same point."""
    resources: Resources = field(default_factory=Resources)
    is_elastic_run: bool = False
    """The title of ELASTCON (or ELAPIEZO, PHOTOELA) was printed: without a complete :attr:`elastic` the run failed."""
    elastic: Elastic | None = None
    """Elastic constants, as far as they were read; look at its ``complete``."""
    is_piezoelectric_run: bool = False
    piezoelectric: Piezoelectric | None = None
    is_photoelastic_run: bool = False
    photoelastic: Photoelastic | None = None
    is_equation_of_state_run: bool = False
    """The title of EOS was printed, by a run of EOS or a quasi-harmonic one."""
    equation_of_state: EquationOfState | None = None
    """Volumes, energies and fits; such a run has no single final energy or geometry."""
    is_coupled_perturbed_run: bool = False
    """The title of CPHF or CPKS was printed, also by analytical IR and Raman intensities."""
    polarisability: Polarisability | None = None
    is_frequency_run: bool = False
    """FREQCALC was asked for (``FREQUENCY CALCULATION`` in the input's echo, or the title of the module)."""
    frequencies: Frequencies | None = None
    """Vibrations; of a quasi-harmonic run those of the first volume computed. None without the title of the module."""
    quasi_harmonic: QuasiHarmonic | None = None
    timings: Timings = field(default_factory=Timings)
    terminated: bool = False
    """The TERMINATION line was seen. It does not mean success."""
    crashed: bool = False
    """The machine reports a crash or an abort (not a kill at the time limit), and the program did not end."""
    stages: list[Stage] = field(default_factory=list)
    wave_function: WaveFunction | None = None
    """Of a properties program: the wave function it read, with the energy of the run that wrote it."""
    properties: Properties | None = None
    errors: list[Message] = field(default_factory=list)
    """Errors of the program the fields speak of; those of another program of the file stand in its stage."""
    warnings: list[Message] = field(default_factory=list)
    information: list[Message] = field(default_factory=list)
    noise: list[Message] = field(default_factory=list)
    """Lines of the machine around the program that tell of trouble (MPI aborts, signals, the batch system); the first
    100."""
    unreadable: list[Message] = field(default_factory=list)
    """Lines that start like a known one and cannot be read; the first 100."""
    n_lines: int = 0
    last_line: str = ''
    """Last line with text in it, for reports."""

    @property
    def group_is_of_parent(self) -> bool:
        """Whether :attr:`group` is that of another structure, from which this one was made.

        Either the program says so (:attr:`group_lost`), or the group is of another dimensionality: of the crystal from
        which a slab was cut, of the slab that was rolled to a tube.
        """
        if self.group is None or self.dimensionality is None:
            return self.group is not None and self.group_lost
        dimensions = {'space': 3, 'layer': 2, 'rod': 1, 'point': 0}
        return self.group_lost or dimensions[self.group.kind] != self.dimensionality

    @property
    def cell_report(self) -> CellReport | None:
        """The last whole geometry printed: ``FINAL OPTIMIZED GEOMETRY``, else ``GEOMETRY FOR WAVE FUNCTION``.

        Of a run that was stopped inside an optimisation this is the geometry it started from.
        """
        final = self.final_cell
        return final if final is not None and final.complete else self.initial_cell

    @property
    def cell_primitive(self) -> CellParameters | None:
        """Primitive cell of :attr:`cell_report`; c (and b) are 500 Å in a slab (polymer), None for a molecule."""
        return self.cell_report.primitive if self.cell_report else None

    @property
    def cell_conventional(self) -> CellParameters | None:
        """Conventional cell of :attr:`cell_report`, which is the primitive one where the program prints no other."""
        return self.cell_report.conventional if self.cell_report else None

    @property
    def scf_status(self) -> ScfStatus | None:
        """Status of the last SCF of the main output, None if unfinished or absent."""
        return self.scf[-1].status if self.scf else None

    @property
    def scf_converged(self) -> bool:
        """Whether the last SCF of the main output converged."""
        return bool(self.scf) and self.scf[-1].converged

    @property
    def is_standin(self) -> bool:
        """Whether the free stand-in wrote this file."""
        return self.engine == 'STAND-IN'

    @property
    def status(self) -> Status:
        """What became of the run.

        * ``finished``: ended normally, without error, and what it set out to do is converged and complete.
        * ``scf_unconverged``: the SCF used up its cycles.
        * ``geometry_unconverged``: an optimisation said that it failed, or ended without saying that it converged.
        * ``failed``: an error message, or a crash that the machine reports.
        * ``incomplete``: the text stops before the program's end (also when it was killed at its time limit), is no
          whole output (SCFOUT.LOG, nothing at all), or lacks the result it was run for (:attr:`missing_results`).
        """
        if self.optimisation is not None and self.optimisation.status == 'failed':
            return 'geometry_unconverged'
        used_up = [run.status == 'too_many_cycles' for run in self.scf]
        if used_up and (used_up[-1] or (any(used_up) and not self.is_optimisation)):
            return 'scf_unconverged'
        if self.errors or self.crashed:
            return 'failed'
        if not self.terminated or self.program is None:
            return 'incomplete'
        if self.program == 'crystal' and self.is_optimisation:
            if self.optimisation is None or self.optimisation.status != 'converged':
                return 'geometry_unconverged'
        if self.missing_results or not all(run.complete for run in self.scf):
            return 'incomplete'
        return 'finished'

    @property
    def missing_results(self) -> list[str]:
        """Names of the results that the run was to give and whose main table is not there to its end.

        A dry run (TESTGEOM, TESTPDIM: no SCF) gives nothing and misses nothing; a restart of frequencies needs no SCF.
        An SCF gives an energy, unless there are several volumes: it is missing where lines are lost or unreadable.
        """
        if self.program == 'properties':
            return ['properties'] if self.properties is not None and not self.properties.complete else []
        if not self.scf and not (self.frequencies is not None and self.frequencies.is_restart):
            return []
        several_volumes = self.is_equation_of_state_run or self.quasi_harmonic is not None
        if self.scf and self.energy_hartree is None and self.terminated and not several_volumes:
            return ['energy']
        asked = {
            'frequencies': self.is_frequency_run,
            'elastic': self.is_elastic_run,
            'equation_of_state': self.is_equation_of_state_run,
            'quasi_harmonic': self.quasi_harmonic is not None,
        }
        return [name for name, is_asked in asked.items() if is_asked and not _is_complete(getattr(self, name))]

    @property
    def incomplete_results(self) -> list[str]:
        """Names of the results that were begun and whose end is missing (their ``complete`` is False)."""
        names = (
            'frequencies',
            'elastic',
            'piezoelectric',
            'photoelastic',
            'equation_of_state',
            'polarisability',
            'quasi_harmonic',
        )
        results = ((name, getattr(self, name, None)) for name in names)
        missing = [name for name, result in results if result is not None and not getattr(result, 'complete', True)]
        if self.program == 'properties' and self.properties is not None and not self.properties.complete:
            missing.append('properties')
        return missing

    @property
    def succeeded(self) -> bool:
        """Whether :attr:`status` is ``finished``."""
        return self.status == 'finished'


def _is_complete(result: object) -> bool:
    """Say whether a result is there, to its end."""
    return result is not None and bool(getattr(result, 'complete', True))
