"""The computational controls of a CRYSTAL output: messages, parameter tables, k-points, reciprocal lattice."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aiida_crystalmath.crystal.geometry import Geometry

from ..model import Job, Method, ScfSettings
from .basis import core_electrons
from .fortran import RULE, clean, fixed, integers, rows
from .frame import notes
from .geometry import BOHR_PRINTED
from .symmetry import IrreduciblePoints, SymmetryOperators

DEFAULT_TOLERANCES = (7, 7, 7, 7, 14)
"""TOLINTEG of CRYSTAL23 when the input has none. Printed for its readers; the stand-in's integrals do not use it."""


@dataclass(frozen=True)
class System:
    """What the tables count.

    :param n_electrons: electrons per cell.
    :param tolerances: TOLINTEG of the input.
    """

    job: Job
    operators: SymmetryOperators
    points: IrreduciblePoints
    n_electrons: float
    tolerances: tuple[int, int, int, int, int] = DEFAULT_TOLERANCES

    @property
    def n_shells(self) -> int:
        """Shells per cell."""
        return sum(len(basis.shells) for basis in self.job.basis)

    @property
    def n_functions(self) -> int:
        """Atomic orbitals per cell."""
        return sum(basis.n_functions for basis in self.job.basis)


def messages(job: Job) -> list[str]:
    """Return the INFORMATION lines of the keywords that were honoured, and the notes of what was not."""
    scf = job.scf
    lines = []
    if scf.smear > 0.0:
        lines += [
            ' INFORMATION **** SMEAR **** FERMI SMEARING ACTIVE',
            f' FERMI SMEARING - TEMPERATURE SMEARING OF FERMI SURFACE  {_leading_zero(scf.smear)}',
        ]
    lines.append(f' INFORMATION **** TOLDEE **** SCF TOL ON TOTAL ENERGY SET TO {scf.toldee:11d}')
    lines.append(f' INFORMATION **** MAXCYCLE **** MAX NUMBER OF SCF CYCLES SET TO {scf.maxcycle:11d}')
    if scf.diis:
        lines.append(' INFORMATION **** DIIS **** DIIS FOR SCF ACTIVE')
    if scf.levshift > 0.0:
        lines += [
            ' INFORMATION **** LEVSHIFT **** LEVEL SHIFTER ACTIVE',
            f' EIGENVALUE LEVEL SHIFTING OF {scf.levshift:6.3f} HARTREE',
        ]
    lines += _spin_messages(job, scf)
    if job.guessp:
        lines.append(' INFORMATION **** GUESSP **** SCF GUESS FROM PREVIOUS RUN')
    if job.ppan:
        lines.append(' INFORMATION **** PPAN ****  MULLIKEN POPULATION ANALYSIS AT THE END OF SCF')
    return [*lines, *notes(job.notes)]


def parameter_tables(system: System) -> list[str]:
    """Return the tables between the basis set and the neighbours."""
    job = system.job
    lines = [
        RULE,
        *_counts(system),
        RULE,
        f' TYPE OF CALCULATION :  {job.method.type_of_calculation}',
        *hamiltonian(job.method),
        '',
        cappa(system),
        '',
        RULE,
        f' MAX NUMBER OF SCF CYCLES {job.scf.maxcycle:7d}  CONVERGENCE ON DELTAP        10**-16',
        f' WEIGHT OF F(I) IN F(I+1) {job.scf.fmixing:7d}% CONVERGENCE ON ENERGY        10**-{job.scf.toldee:2d}',
    ]
    if job.periodic:
        gilat = job.isp or max(job.kmesh)
        count = len(system.points.points)
        lines += [
            f' SHRINK. FACT.(MONKH.)  {integers(job.kmesh, 3)}  NUMBER OF K POINTS IN THE IBZ{count:7d}',
            f' SHRINKING FACTOR(GILAT NET){gilat:5d}  NUMBER OF K POINTS(GILAT NET){count:7d}',
            RULE,
            *k_points(job.kmesh, system.points),
            *reciprocal_lattice(job.geometry),
        ]
    else:
        lines.append(RULE)
    return lines


def hamiltonian(method: Method) -> list[str]:
    """Return the lines that describe the Hamiltonian."""
    lines = [f' {method.title}']
    if method.is_hf:
        return lines
    lines += ['', f' (EXCHANGE)[CORRELATION] FUNCTIONAL:({method.exchange})[{method.correlation}]']
    if method.exchange == 'BECKE 88' and method.correlation == 'LEE-YANG-PARR' and method.hybrid_percent == 20.0:
        lines += [
            '',
            ' NON-LOCAL WEIGHTING FACTOR (EXCHANGE) =           0.9000',
            ' NON-LOCAL WEIGHTING FACTOR [CORRELATION] =        0.8100',
        ]
    if method.omega > 0.0:
        lines += ['', ' RANGE-SEPARATED HYBRID FUNCTIONAL ', f' OMEGA: {method.omega:8.4f}']
    elif method.hybrid_percent > 0.0:
        lines += ['', f' HYBRID EXCHANGE - PERCENTAGE OF FOCK EXCHANGE{fixed(method.hybrid_percent, 11, 4)}']
    return lines


def cappa(system: System) -> str:
    """Return the line that sums up the k-points."""
    n1, n2, n3 = system.job.kmesh
    symmetry = len(system.operators)
    return (
        f' CAPPA:IS1{n1:3d};IS2{n2:3d};IS3{n3:3d}; K PTS MONK NET{len(system.points.points):4d};'
        f' SYMMOPS:K SPACE{symmetry:4d};G SPACE{symmetry:4d}'
    )


def k_points(mesh: tuple[int, int, int], points: IrreduciblePoints) -> list[str]:
    """Return the table of irreducible k-points, in units of the (least common multiple of the) divisions."""
    unit = math.lcm(*mesh)
    scale = np.array([unit // size for size in mesh])
    items = []
    for number, (point, real) in enumerate(zip(points.points * scale, points.real, strict=True), 1):
        items.append(f'{number:4d}-{"R" if real else "C"}({integers(point, 3)})')
    return [f' *** K POINTS COORDINATES (OBLIQUE COORDINATES IN UNITS OF IS ={unit:3d})', *rows(items, 4)]


def reciprocal_lattice(geometry: Geometry) -> list[str]:
    """Return direct and reciprocal lattice vectors in atomic units."""
    direct = clean(geometry.cell / BOHR_PRINTED)
    reciprocal = clean(2.0 * np.pi * np.linalg.inv(direct).T)
    lines = [
        '',
        ' DIRECT LATTICE VECTORS COMPON. (A.U.)     RECIP. LATTICE VECTORS COMPON. (A.U.) ',
        '        X            Y            Z              X            Y            Z',
    ]
    for vector, dual in zip(direct, reciprocal, strict=True):
        lines.append(''.join(fixed(x, 13, 7) for x in vector) + '  ' + ''.join(fixed(x, 13, 7) for x in dual))
    return lines


def _counts(system: System) -> list[str]:
    job = system.job
    t1, t2, t3, t4, t5 = system.tolerances
    left = (
        (' N. OF ATOMS PER CELL', len(job.geometry.sites)),
        (' NUMBER OF SHELLS', system.n_shells),
        (' NUMBER OF AO', system.n_functions),
        (' N. OF ELECTRONS PER CELL', round(system.n_electrons)),
        (' CORE ELECTRONS PER CELL', core_electrons(job.geometry, job.basis)),
        (' N. OF SYMMETRY OPERATORS', len(system.operators)),
    )
    right = (
        f'  COULOMB OVERLAP TOL         (T1) 10**{-t1:5d}',
        f'  COULOMB PENETRATION TOL     (T2) 10**{-t2:5d}',
        f'  EXCHANGE OVERLAP TOL        (T3) 10**{-t3:5d}',
        f'  EXCHANGE PSEUDO OVP (F(G))  (T4) 10**{-t4:5d}',
        f'  EXCHANGE PSEUDO OVP (P(G))  (T5) 10**{-t5:5d}',
        f'  POLE ORDER IN MONO ZONE{4:19d}',
    )
    return [f'{label}{value:{31 - len(label)}d}{text}' for (label, value), text in zip(left, right, strict=True)]


def _spin_messages(job: Job, scf: ScfSettings) -> list[str]:
    if not job.method.unrestricted:
        return []
    lines = [
        ' INFORMATION **** UHF **** SPIN POLARIZED SOLUTIONS ALLOWED'
        if job.method.is_hf
        else ' SPIN POLARIZED DFT SELECTED'
    ]
    if scf.atomspin:
        items = [
            f'{atom + 1:4d}{site.conventional_number:4d}{scf.atomspin.get(atom, 0):2d}'
            for atom, site in enumerate(job.geometry.sites)
        ]
        lines += [' ' + 'S' * 77, ' ATOMIC SPINS SET TO (ATOM, AT. N., SPIN)', *rows(items, 7)]
    if scf.spinlock is not None:
        electrons, cycles = scf.spinlock
        lines += [
            ' INFORMATION **** SPINLOCK **** LOCK IN A GIVEN SPIN STATE',
            f' ALPHA-BETA ELECTRONS LOCKED TO{electrons:4d} FOR{cycles:4d} SCF CYCLES',
        ]
    return lines


def _leading_zero(value: float) -> str:
    mantissa, exponent = f'{value:.3E}'.split('E')
    return f'0.{mantissa.replace(".", "")}E{int(exponent) + 1:+03d}'
