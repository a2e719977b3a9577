"""The sections of a geometry optimisation in a CRYSTAL output, and the names of its files.

CRYSTAL writes the SCF of the first point only; those of the later points go to SCFOUT.LOG. Dispersion plays no part
here (the stand-in has none), so that ``TOTAL ENERGY`` means the same at every point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry

from ..model import Job, OptPoint, OptResult, OptSettings, ScfResult
from .fortran import RULE, fixed, scientific, zero_scientific
from .geometry import Setting, cell_and_atoms
from .scf import HARTREE_EV
from .symmetry import SymmetryOperators

_BANNER = 'OPT' * 26
_HEADINGS = {
    'FULLOPTG': 'COMBINED CELL/ATOM OPTIMIZATION CONTROL',
    'ATOMONLY': 'ATOMIC POSITIONS OPTIMIZATION CONTROL',
    'CELLONLY': 'CELL OPTIMIZATION CONTROL',
    'CVOLOPT': 'COMBINED CELL/ATOM OPTIMIZATION CONTROL',
}
MAX_TO_RMS = 1.5
"""CRYSTAL's tolerances on the largest gradient and displacement are this times those on the rms."""


def point_title(job: Job, free_atoms: bool, free_cell: bool) -> str:
    """Return what CRYSTAL calls the optimisation in the title of each point.

    :param free_atoms: the symmetry leaves atomic coordinates free, and they are optimised.
    :param free_cell: the same for the cell.
    """
    if free_cell and free_atoms:
        return 'COORDINATE AND CELL OPTIMIZATION'
    return 'CELL OPTIMIZATION' if free_cell else 'COORDINATE OPTIMIZATION'


def file_name(point: int, settings: OptSettings, *, cell: bool) -> str:
    """Return ``optcNNN`` (with cell) or ``optaNNN``: as many digits as MAXCYCLE has, at least two."""
    digits = max(2, len(str(settings.maxcycle)))
    return f'opt{"c" if cell else "a"}{point:0{digits}d}'


def control_section(settings: OptSettings) -> list[str]:
    """Return the tolerances of the optimisation."""
    return [
        '',
        RULE,
        f' {_HEADINGS[settings.type]}',
        '',
        ' INITIAL TRUST RADIUS         0.50000 MAXIMUM TRUST RADIUS               4.00000',
        f' MAXIMUM GRADIENT COMPONENT{fixed(MAX_TO_RMS * settings.toldeg, 10, 5)} MAXIMUM DISPLACEMENT COMPONENT'
        f'{fixed(MAX_TO_RMS * settings.toldex, 12, 5)}',
        f' R.M.S. OF GRADIENT COMPONENT{fixed(settings.toldeg, 8, 5)} R.M.S. OF DISPLACEMENT COMPONENTS'
        f'{fixed(settings.toldex, 9, 5)}',
        f' THRESHOLD ON ENERGY CHANGE {zero_scientific(10.0**-settings.toldee, 9, 3)}',
        f' MAXIMUM ALLOWED NUMBER OF STEPS {settings.maxcycle:4d} SORTING OF ENERGY POINTS:               NO',
        RULE,
        '',
    ]


def starting(title: str, restart: bool) -> list[str]:
    """Return the start of the optimisation and the title of point 1."""
    lines = [
        '',
        RULE,
        ' *                             OPTIMIZATION STARTS                             *',
        RULE,
    ]
    if restart:
        lines += ['', ' RESTARTING FROM A PREVIOUS GEOMETRY OPTIMIZATION RUN']
    return [*lines, '', RULE, f' {title} - POINT    1']


def moved_to_log() -> list[str]:
    """Return the notice after point 1."""
    return [
        '',
        f' {_BANNER}',
        '',
        ' - INFORMATION ON SCF MOVED TO SCFOUT.LOG',
        ' GEOMETRY OPTIMIZATION INFORMATION STORED IN OPTINFO.DAT',
        '',
        f' {_BANNER}',
    ]


def forces(geometry: Geometry, gradients: np.ndarray, *, analytical: bool) -> list[str]:
    """Return the Cartesian forces (hartree/bohr): minus the gradients."""
    how = 'ANALYTICAL' if analytical else 'NUMERICAL'
    lines = [
        '',
        RULE,
        ' *                             FORCE CALCULATION                               *',
        RULE,
        '',
        f' CARTESIAN FORCES IN HARTREE/BOHR ({how})',
        '   ATOM                     X                   Y                   Z',
    ]
    for number, (site, gradient) in enumerate(zip(geometry.sites, gradients, strict=True), 1):
        columns = ''.join(scientific(0.0 - value, 20, 12) for value in gradient)
        lines.append(f'{number:4d}{site.conventional_number:4d}            {columns}')
    total = ''.join(scientific(value, 20, 12) for value in -np.sum(gradients, axis=0))
    return [*lines, '', f' RESULTANT FORCE    {total}']


def geometry_of_point(
    title: str, point: int, setting: Setting, geometry: Geometry, operators: SymmetryOperators
) -> list[str]:
    """Return the title and the geometry of a point after the first."""
    return [
        RULE,
        f' {title} - POINT{point:5d}',
        RULE,
        *cell_and_atoms(setting, geometry, operators),
    ]


def energy_of_point(job: Job, point: OptPoint) -> str:
    """Return the total energy of a point after the first, with the change from the one before."""
    name, width = ('HF', 4) if job.method.is_hf else ('DFT', 3)
    energy, change = scientific(point.energy, 21, 13), scientific(point.delta or 0.0, 13, 3)
    return f' TOTAL ENERGY({name})(AU)({max(point.scf_cycles - 1, 0):{width}d}){energy}     DE (AU){change}'


def convergence_tests(point: OptPoint, settings: OptSettings, *, first: bool = False) -> list[str]:
    """Return the four tests; at the first point, which was not moved, those of the gradient only."""
    tests = [
        ('MAX GRADIENT', point.max_gradient, MAX_TO_RMS * settings.toldeg),
        ('RMS GRADIENT', point.rms_gradient, settings.toldeg),
        ('MAX DISPLAC.', point.max_displacement, MAX_TO_RMS * settings.toldex),
        ('RMS DISPLAC.', point.rms_displacement, settings.toldex),
    ]
    lines = ['']
    for (label, value, threshold), met in zip(tests, point.converged, strict=True):
        if value is not None and not (first and 'DISPLAC' in label):
            lines.append(
                f' {label}{fixed(value, 14, 6)}  THRESHOLD{fixed(threshold, 22, 6)} CONVERGED {"YES" if met else "NO"}'
            )
    return lines


def optimisation_end(result: OptResult) -> list[str]:
    """Return the verdict and, when converged, the final gap or Fermi energy."""
    points = result.points[-1].n if result.points else 0
    rule = ' ' + '*' * 66
    energy = scientific(result.energy, 21, 12)
    if not result.converged:
        return [
            '',
            f' CONVERGENCE TESTS UNSATISFIED AFTER {points:3d} ENERGY AND GRADIENT CALCULATIONS',
            '',
            rule,
            f' * OPT END - FAILED    * E(AU):{energy}  POINTS{points:5d} *',
            rule,
            '',
        ]
    return [
        '',
        f' CONVERGENCE TESTS SATISFIED AFTER {points:3d} ENERGY AND GRADIENT CALCULATIONS',
        '',
        rule,
        f' * OPT END - CONVERGED * E(AU):{energy}  POINTS{points:5d} *',
        rule,
        '',
        *final_gap(result.scf),
        '',
    ]


def final_gap(scf: ScfResult) -> list[str]:
    """Return the gap (per spin) of the final geometry, or its Fermi energy when it conducts."""
    if scf.conducting:
        return [f'   FERMI ENERGY:               {scientific(scf.fermi, 17, 7)} Ha ']
    labels: Sequence[str] = ('BAND GAP:',) if len(scf.gaps) == 1 else ('ALPHA BAND GAP:', 'BETA BAND GAP:')
    lines = []
    for label, gap in zip(labels, scf.gaps, strict=True):
        if gap.gap is not None:
            lines.append(f'   {label}{fixed(gap.gap * HARTREE_EV, 37 - len(label), 4)}  eV ')
    return lines
