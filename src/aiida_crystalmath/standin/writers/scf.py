"""The SCF section of a CRYSTAL output: cycle by cycle, band edges, end of the SCF, total energies.

Two things differ from CRYSTAL's own text, because the stand-in computes them differently. Band edges are printed once,
for the final density (CRYSTAL prints those of every cycle), so that they never carry a level shift and always refer to
CRYSTAL's zero of the potential. The list of energy terms has those PySCF separates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..model import BandEdge, Job, Method, ScfCycle, ScfResult, SpinGap
from .controls import System, cappa
from .fortran import RULE, fixed, rows, scientific
from .frame import Output, title_line

HARTREE_EV = 27.211386245988
"""CODATA 2018; CRYSTAL prints gaps in eV with four decimals, which the older values do not change."""

_SHORT_NAMES = {
    'BECKE 88': 'BECKE',
    'LEE-YANG-PARR': 'LYP',
    'PERDEW-BURKE-ERNZERHOF': 'PBE',
    'DIRAC-SLATER LDA': 'LDA',
    'VOSKO-WILK-NUSAIR': 'VWN',
    'PBEsol GGA': 'PBEsol',
    'HSE06 SR/GGA': 'HSE06',
}


def heading(out: Output, system: System) -> None:
    """Write what stands between the integrals and cycle 0."""
    job = system.job
    out.lines(
        [
            '',
            RULE,
            title_line(job.title),
            f' CRYSTAL - SCF - TYPE OF CALCULATION :  {job.method.type_of_calculation}',
            RULE,
            '',
            cappa(system),
            '',
        ]
    )
    out.timing('SDIK')
    out.line()
    if job.guessp:
        out.line(' RESTART FROM A PREVIOUS DENSITY MATRIX')


def cycle(out: Output, step: ScfCycle, job: Job) -> None:
    """Write one cycle: charges (and spins) of its density, then its energy."""
    charges(out, step)
    out.lines([cycle_line(step)])
    out.timing('DIIS' if job.scf.diis else 'FDIK')


def charges(out: Output, step: ScfCycle) -> None:
    """Write the Mulliken charges and spins of the atoms."""
    out.lines(
        [
            ' CHARGE NORMALIZATION FACTOR   1.00000000',
            ' TOTAL ATOMIC CHARGES:',
            *rows([fixed(value, 12, 7) for value in step.electrons], 6),
        ]
    )
    if step.spins is not None:
        out.lines(
            [
                f' SUMMED SPIN DENSITY      {fixed(sum(step.spins), 15, 8)}',
                ' TOTAL ATOMIC SPINS  :',
                *rows([fixed(value, 12, 7) for value in step.spins], 6),
            ]
        )
    out.timing('MOQGAD')


def cycle_line(step: ScfCycle) -> str:
    """Return the ``CYC`` line; the first cycle is number 0, as in CRYSTAL."""
    return (
        f' CYC{step.n - 1:4d} ETOT(AU){scientific(step.energy, 20, 12)} DETOT{scientific(step.delta, 10, 2)}'
        f' tst{scientific(step.tester, 10, 2)} PX{scientific(step.px, 10, 2)}'
    )


def end(out: Output, job: Job, last: ScfCycle, *, converged: bool) -> None:
    """Write ``SCF ENDED`` and the total energy."""
    how = 'CONVERGENCE ON ENERGY      ' if converged else 'TOO MANY CYCLES            '
    out.lines(
        [
            '',
            f' == SCF ENDED - {how}E(AU){scientific(last.energy, 21, 13)} CYCLES{last.n - 1:4d}',
            '',
            *([] if job.method.is_hf else ['', energy_expression(job.method), '', '']),
            total_energy_line(job.method, last),
        ]
    )


def total_energy_line(method: Method, last: ScfCycle) -> str:
    """Return the ``TOTAL ENERGY`` line of a single SCF."""
    energy, change = scientific(last.energy, 21, 13), scientific(last.delta, 8, 1)
    tester = scientific(last.tester, 8, 1)
    if method.is_hf:
        return f' TOTAL ENERGY(HF)(AU)({last.n - 1:4d}){energy} DE{change} tst{tester} PX{scientific(last.px, 8, 1)}'
    return f' TOTAL ENERGY(DFT)(AU)({last.n - 1:3d}){energy} DE{change} tester{tester}'


def energy_expression(method: Method) -> str:
    """Return the line that says how the energy is put together."""
    weight = 0.0 if method.omega > 0.0 else method.hybrid_percent / 100.0
    exchange = _SHORT_NAMES.get(method.exchange, method.exchange)
    correlation = _SHORT_NAMES.get(method.correlation, method.correlation)
    return (
        f' ENERGY EXPRESSION=HARTREE+FOCK EXCH*{weight:.5f}+({exchange:<10s} EXCH)*{1.0 - weight:.5f}'
        f'+{correlation:<10s} CORR'
    )


def band_edges(out: Output, system: System, result: ScfResult) -> None:
    """Write the kind of state, band edges and gap of every spin channel, then the charges they belong to."""
    out.timing('FDIK')
    out.lines(band_edge_lines(system, result))
    out.timing('PDIG')
    charges(out, result.cycles[-1])


def band_edge_lines(system: System, result: ScfResult) -> list[str]:
    """Return the band edges of the final density."""
    if result.conducting:
        return [conducting_line(result.fermi)]
    return channel_lines(result.gaps, lambda k: system.points.number(result.kpoints_integer[k]))


def conducting_line(fermi: float) -> str:
    """Return the line of a metal."""
    return f' POSSIBLY CONDUCTING STATE - EFERMI(AU){scientific(fermi, 15, 7)} (RES. CHARGE  0.00E+00;IT.  1)'


def channel_lines(gaps: Sequence[SpinGap], number: Callable[[int], int]) -> list[str]:
    """Return the edges and gaps of the spin channels of an insulator.

    :param number: number of the irreducible k-point, from 1, for the index that a band edge carries.
    """
    lines: list[str] = []
    names = ('ALPHA', 'BETA') if len(gaps) == 2 else ('',)
    for name, gap in zip(names, gaps, strict=True):
        if name:
            lines += [] if not lines else ['']
            lines.append(f'    {name:<10s} ELECTRONS')
        lines += _channel(gap, number)
    return lines


def _channel(gap: SpinGap, number: Callable[[int], int]) -> list[str]:
    if gap.valence is None or gap.conduction is None or gap.gap is None:
        return [' INSULATING STATE']
    kind = 'DIRECT' if gap.kind == 'direct' else 'INDIRECT'
    return [
        ' INSULATING STATE',
        f' TOP OF VALENCE BANDS -    {_edge(gap.valence, number)}',
        f' BOTTOM OF VIRTUAL BANDS - {_edge(gap.conduction, number)}',
        f' {kind} ENERGY BAND GAP:{fixed(gap.gap * HARTREE_EV, 9, 4)} eV',
    ]


def _edge(edge: BandEdge, number: Callable[[int], int]) -> str:
    return f'BAND{edge.band + 1:7d}; K{number(edge.k):5d}; EIG{scientific(edge.energy, 15, 7)} AU'


def energy_terms(result: ScfResult) -> list[str]:
    """Return the parts of the total energy that PySCF separates."""
    terms = result.terms
    known = (
        ('ONE-ELECTRON ENERGY', terms.one_electron),
        ('COULOMB ENERGY', terms.coulomb),
        ('EXCHANGE-CORRELATION ENERGY', terms.exchange_correlation),
        ('TOTAL N-N', terms.nuclear_repulsion),
        ('KINETIC ENERGY', terms.kinetic),
        ('TOTAL   ENERGY', result.energy),
    )
    lines = [' +++ ENERGIES IN A.U. +++']
    lines += [f' ::: {label:<44s}{scientific(value, 21, 13)}' for label, value in known if value is not None]
    if terms.kinetic:
        virial = scientific(2.0 * terms.kinetic / (terms.kinetic - result.energy), 21, 13)
        lines.append(f' ::: {"VIRIAL COEFFICIENT":<44s}{virial}')
    return lines


def smearing(system: System, result: ScfResult) -> list[str]:
    """Return the finite-temperature energies; nothing without SMEAR."""
    temperature = system.job.scf.smear
    if temperature <= 0.0:
        return []
    free = result.energy + result.terms.smearing_entropy
    return [
        '',
        ' FINITE TEMPERATURE DFT CALCULATION ',
        f' TEMPERATURE      (T){scientific(temperature, 22, 12)} HARTREE ',
        f' ENERGY           (E){scientific(result.energy, 22, 12)}',
        f' FREE ENERGY      (F){scientific(free, 22, 12)}',
        f' EXTRAPOLATED     (0K){scientific(0.5 * (result.energy + free), 21, 12)}',
    ]
