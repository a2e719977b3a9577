"""The schema of ``crystalmath read --json``: every key, its unit and what it means.

The fields are documented in their metadata, from which the reference page is made (``docs/generate.py``). Plain
dataclasses, since the command must start quickly. ``None`` (null) always means that the file does not say, or does not
say for certain.
"""

# said() and part() make fields of dataclasses.
# ruff: noqa: RUF009

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from aiida_crystalmath.crystal.summary.documented import part, plain, said
from aiida_crystalmath.crystal.summary.parts import (
    MullikenSummary,
    OptimisationSummary,
    ScfSummary,
    StageSummary,
    Structure,
)

SCHEMA_VERSION = 1
"""Raised when a key changes its meaning; new keys do not raise it."""


@dataclass
class Summary:
    """What ``crystalmath read --json`` tells of one file."""

    file: str = field(default='', metadata={'meaning': 'The file as it was named; `-` is standard input.', 'unit': ''})
    program: str | None = said(
        '`crystal` or `properties`: the last crystal program of the file, or the last properties program if there is '
        'no other. All keys but `stages`, `errors`, `diagnoses` speak of it. Null without a banner (SCFOUT.LOG).'
    )
    version: str | None = said('As in the banner, for example `CRYSTAL17`.')
    status: str = field(
        default='incomplete',
        metadata={
            'meaning': '`finished`: ended without error, and converged. `scf_unconverged`: the last SCF used up its '
            'cycles. `geometry_unconverged`: the optimisation ended without converging. `failed`: an error, a crash, '
            'or no CRYSTAL output at all. `incomplete`: the text stops before the end, or lacks the result the run was '
            'for (`incomplete_results`).',
            'unit': '',
        },
    )
    diagnoses: list[str] = said(
        'Names of what the catalogue of failures knows of this file, the most decisive first; '
        'warnings and remarks included.',
        many=True,
    )
    energy_hartree: float | None = said(
        'The final energy: of an optimisation where it ended (`OPT END`), else the SCF total with all dispersion and '
        'counterpoise terms. Null when none is final: cut short, failed, not converged, several volumes.',
        'hartree per primitive cell',
    )
    scf: ScfSummary = part(ScfSummary, 'The last SCF that came to its end; in an optimisation often the first point.')
    optimisation: OptimisationSummary | None = said('The last optimisation; null when there is none.')
    dimensionality: int | None = said(
        'Directions in which the system repeats: 3 crystal, 2 slab, 1 polymer, 0 molecule.'
    )
    n_atoms: int | None = said('Atoms.', 'per primitive cell')
    cell_primitive: list[float] | None = said(
        'a, b, c, alpha, beta, gamma of the primitive cell, of the geometry that `geometry` names; null of a '
        'molecule. Below three dimensions c (and b) are formally 500 Å.',
        'Å, degrees',
    )
    cell_conventional: list[float] | None = said(
        'The same of the crystallographic cell. Null where the file prints none, which CRYSTAL does when it is the '
        'primitive one.',
        'Å, degrees',
    )
    volume_angstrom3: float | None = said('Volume of the primitive cell of a crystal; null in lower dimensions.', 'Å³')
    space_group: str | None = said(
        'Symbol of the space (layer, rod) group as printed; null where only a number is printed, and where the edits '
        'of the input changed the symmetry (`INFORMATION ON SPACE GROUP LOST`).'
    )
    gap_ev: float | None = said(
        'Band gap of the final geometry, 0 of a conductor. In an open shell between the highest filled and the lowest '
        'empty level of either spin. Null where not printed (before CRYSTAL17) and with a level shifter. Of '
        'properties, the gap NEWK found.',
        'eV',
    )
    gap_kind: str | None = said('`direct` or `indirect`; not printed after an optimisation.')
    gaps_ev: dict[str, float | None] | None = said(
        'Gap of each spin, `alpha` and `beta`; null of a closed shell.', 'eV'
    )
    fermi_hartree: float | None = said(
        'Fermi energy of the same state as the gap; of an insulator the top of its valence bands.', 'hartree'
    )
    n_electrons: float | None = said('Electrons outside effective cores.', 'per primitive cell')
    atomic_charges: list[float] | None = said(
        'Electrons of every atom, the last `TOTAL ATOMIC CHARGES` of the file: Mulliken populations, which add up to '
        '`n_electrons`. In an optimisation they often belong to its first point (`atomic_charges_are_final`); '
        '`mulliken` has those of the final geometry, and net charges.',
        'electrons',
    )
    atomic_spins: list[float] | None = said(
        'Alpha minus beta electrons of every atom, the last `TOTAL ATOMIC SPINS`, likewise; null of a closed shell.',
        'electrons',
    )
    frequencies_cm1: list[float | None] | None = said(
        'Transverse modes at Gamma in the order of the file, degenerate ones repeated, imaginary ones negative, '
        'translations included.',
        'cm⁻¹',
    )
    elastic_gpa: list[list[float | None]] | None = said(
        'Elastic constants of a crystal, full symmetric matrix 6 × 6, Voigt order 11, 22, 33, 23, 13, 12.', 'GPa'
    )
    bulk_modulus_gpa: float | None = said(
        "Bulk modulus: the program's own value below the elastic constants (`K =`), else Hill's average, else the "
        'Birch-Murnaghan fit of an equation of state.',
        'GPa',
    )
    wall_time_s: float | None = said('Wall time of the program, as printed at its end.', 's')
    cpu_time_s: float | None = said('CPU time, likewise (of one process).', 's')
    errors: list[str] = said(
        'ERROR lines of all programs of the file; of one that did not come to its end also what the machine says '
        '(signals, MPI, batch system). Of a file that is no CRYSTAL output, what it is.',
        many=True,
    )
    warnings: list[str] = said('WARNING lines of the program, as printed, each once.', many=True)

    # ---------------------------------------------------------------------------------------------- what and how
    engine: str | None = said('`CRYSTAL`, or `STAND-IN` for the free stand-in engine.')
    release: str | None = said('The line below the version: `public : 1.0.1 - October 2022`.')
    title: str | None = said('Title of the input.')
    calculation_type: str | None = said('As printed: `RESTRICTED CLOSED SHELL`, ...')
    hamiltonian: str | None = said('As printed: `KOHN-SHAM HAMILTONIAN`, ...')
    functional: dict[str, Any] | None = said(
        'Density functional in the words of the output: `exchange`, `correlation`, `fock_exchange_percent`, weights '
        'and ranges; null of Hartree-Fock.',
        'see names',
    )
    scf_settings: dict[str, Any] | None = said(
        'How the SCF is done, as echoed: `max_cycles`, `toldee`, `tolinteg`, `fmixing_percent`, `accelerator`, '
        '`level_shift_hartree`, `smearing_hartree`, `spin_lock`, `dispersion` (D2, D3), `gcp`, ...; null where not '
        'said.',
        'see names',
    )
    n_ao: int | None = said('Basis functions.', 'per primitive cell')
    shrink: list[int] | None = said('Shrinking factors of the k-mesh.')
    n_kpoints: int | None = said('k-points of the irreducible wedge.')
    n_symmops: int | None = said('Symmetry operators.')
    two_component: bool | None = said('Whether it is a two-component (spin-orbit) run; null where not said.')
    started: str | None = said('Date and time of the start, as printed.')
    ended: str | None = said('Date and time of the end, as printed.')
    n_processes: int | None = said('Processes of a parallel run.')
    peak_memory_mb: float | None = said('Largest memory that the program reports, of one process.', 'MB')
    stages: list[StageSummary] = said('The programs of the file, in their order.', many=True)
    problem: str | None = said('Why this is no whole output of CRYSTAL, and what the file is instead.')
    incomplete_results: list[str] = said(
        'Results that the run was to give, or began to print, and whose end is missing.', many=True
    )
    fort87: str | None = said('A fort.87 beside the file whose message was used for `diagnoses`.')

    # ----------------------------------------------------------------------------------------------- electronic
    energy_source: str | None = said(
        'The line `energy_hartree` is from: `SCF ENDED`, `TOTAL ENERGY + DISP`, `TOTAL ENERGY + DISP + GCP`, '
        '`OPT END` or `OPT END (ENTHALPY)`: under an external pressure, where the program prints E + PV.'
    )
    energy_scf_hartree: float | None = said(
        'Energy of the last SCF in the file that came to its end and converged, without corrections.',
        'hartree per primitive cell',
    )
    energy_dispersion_hartree: float | None = said(
        'Corrections (D2, D3, counterpoise) to that energy.', 'hartree per primitive cell'
    )
    is_conducting: bool | None = said('Whether the program takes the final state for a conducting one.')
    vbm_hartree: float | None = said('Top of the valence bands, of the same state as the gap.', 'hartree')
    cbm_hartree: float | None = said('Bottom of the conduction bands, likewise.', 'hartree')
    level_shifted: bool | None = said('Whether a level shifter altered the levels; then no gap is given.')
    atomic_charges_are_final: bool | None = said(
        'Whether `atomic_charges` and `atomic_spins` are those of the final, converged density.'
    )
    mulliken: MullikenSummary | None = said(
        'Populations of the final, converged density; null where the file has none. Older versions print three '
        'decimals after an optimisation, so that the sum may be off.'
    )

    # ------------------------------------------------------------------------------------------------- geometry
    geometry: str | None = said(
        'Which geometry the cells and `structure` show. `final`: that of `FINAL OPTIMIZED GEOMETRY` (of a failed '
        'optimisation, where it stopped), or the only one of a run that moves nothing. `initial`: the first one of an '
        'optimisation that did not come to its end.'
    )
    space_group_number: int | None = said('Number of the space (layer, rod) group, where it is printed.')
    group_is_of_parent: bool | None = said(
        'Whether that group is the one of the crystal a slab was cut from (`SLABCUT`), or of the slab a tube was '
        'rolled from, and no longer that of the atoms; null without a group.'
    )
    point_group: str | None = said('Symbol of the point group of a molecule, as printed.')
    structure: Structure | None = said('Atoms and cell, of the geometry that `geometry` names.')
    max_force_hartree_per_bohr: float | None = said(
        'Largest component of the last Cartesian forces that were printed.', 'hartree/bohr'
    )

    # ------------------------------------------------------------------------------------------------ vibrations
    modes: list[dict[str, Any]] | None = said(
        'Modes at Gamma: `frequency_cm1`, `irrep`, `ir_active`, `ir_intensity_km_per_mol` (of the whole degenerate '
        'set), `raman_active`, `raman_total`.',
        'see names',
    )
    lo_modes: list[dict[str, Any]] | None = said(
        'Longitudinal optical modes that differ from their transverse ones: `first` and `last` mode of the set, '
        '`frequency_cm1`, `irrep`, `shift_cm1`.',
        'see names',
    )
    n_imaginary: int | None = said('Modes with a negative frequency, translations included.')
    n_qpoints: int | None = said('Points of a phonon dispersion.')
    thermodynamics: list[dict[str, Any]] | None = said(
        'Functions of the vibrations at each temperature and pressure, per cell: zero-point energy, `ET`, `PV`, `TS` '
        'and sums.',
        'see names',
    )
    born_charges_e: list[list[list[float | None]]] | None = said('Born charge tensor of every atom, 3 × 3.', 'e')
    dielectric_electronic: list[list[float | None]] | None = said('Electronic dielectric tensor, 3 × 3.')
    dielectric_static: list[list[float | None]] | None = said('Electronic and vibrational dielectric tensor, 3 × 3.')

    # ------------------------------------------------------------------------------------------------- mechanical
    elastic_hartree: list[list[float | None]] | None = said(
        'Elastic constants of a slab (3 × 3: 11, 22, 12) or polymer (1 × 1).', 'hartree per primitive cell'
    )
    elastic_moduli: dict[str, float | None] | None = said(
        'Averages of Voigt, Reuss and Hill: bulk, shear, Young modulus (GPa) and Poisson ratio.', 'see names'
    )
    equation_of_state: list[dict[str, Any]] | None = said(
        'Fits of an equation of state: `name`, `volume_angstrom3`, `energy_hartree`, `bulk_modulus_gpa`, '
        '`bulk_modulus_prime`.',
        'see names',
    )
    polarisability_bohr3: list[list[float | None]] | None = said('Static polarisability, 3 × 3.', 'bohr³')

    # ------------------------------------------------------------------------------------------------- properties
    properties: list[str] | None = said(
        'Keywords that the properties program worked on (NEWK, BAND, DOSS, ...), in order; null without one.'
    )
    schema: int = field(
        default=SCHEMA_VERSION,
        metadata={'meaning': 'Version of this schema; it is raised when a key changes its meaning.', 'unit': ''},
    )

    @property
    def is_good(self) -> bool:
        """Whether every program of the file finished: what decides the exit status of the command."""
        return self.status == 'finished' and all(stage.ended and not stage.errors for stage in self.stages)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold, keys in the order of the schema; NaN becomes None."""
        return {entry.name: plain(getattr(self, entry.name)) for entry in fields(self)}


class Key(NamedTuple):
    """One line of the reference page: name (with a dot in an inner object), unit and meaning."""

    name: str
    unit: str
    meaning: str


INNER: dict[str, type[Any]] = {
    'scf': ScfSummary,
    'optimisation': OptimisationSummary,
    'stages': StageSummary,
    'mulliken': MullikenSummary,
    'structure': Structure,
}
"""Keys whose values are objects, or lists of objects."""


def schema() -> Iterator[Key]:
    """Give every key of the schema in its order, inner ones after the key they belong to."""
    for entry in fields(Summary):
        yield Key(entry.name, entry.metadata['unit'], entry.metadata['meaning'])
        for inner in fields(INNER[entry.name]) if entry.name in INNER else ():
            yield Key(f'{entry.name}.{inner.name}', inner.metadata['unit'], inner.metadata['meaning'])
