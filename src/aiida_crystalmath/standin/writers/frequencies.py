"""The sections of a frequency calculation in a CRYSTAL output.

What differs from CRYSTAL's text: the molecule has no symmetry here, so that every mode stands alone with the irrep
``A`` of the group C1, in which all are active; and intensities come from dipole moments, which the output says.
"""

from __future__ import annotations

import numpy as np

from aiida_crystalmath.crystal.units import (
    BOHR_ANGSTROM,
    BOLTZMANN_EV_PER_K,
    EV_KJ_PER_MOL,
    HARTREE_CM1,
    HARTREE_EV,
    THZ_CM1,
)

from ..frequencies import AMU_ELECTRON_MASS, INTENSITY_KM_PER_MOL, Evaluated, Modes, Step
from ..model import FreqSettings, Real
from .fortran import RULE, clean, fixed, rows, scientific, zero_scientific

_H = ' ' + 'H' * 78
_FRQ = ' ' + 'FRQ' * 26


def request(settings: FreqSettings) -> list[str]:
    """Return the echo of the input."""
    lines = [_FRQ, '', '                       FREQUENCY CALCULATION', '']
    if settings.restart:
        lines.append(' INFORMATION **** INPFREQ **** FREQUENCIES CALCULATION RESTART')
    lines += [
        f' INFORMATION **** INPFREQ **** NUMERICAL DERIVATIVE OF GRADIENT OPTION{settings.numderiv:12d}',
        ' INFORMATION **** INPFREQ **** NEW DEFAULT - IMPOSING ECKART CONDITIONS TO THE HESSIAN',
        '',
    ]
    return lines


def loose_scf(toldee: int) -> list[str]:
    """Return CRYSTAL's warning about an SCF that is not tight enough."""
    if toldee >= 10:
        return []
    return [' WARNING **** READM2 **** PROBABLE LOSS IN FREQCALC ACCURACY; SCF TOL LT          10']


def preparation(labels: list[str], masses: Real, settings: FreqSettings, n_steps: int) -> list[str]:
    """Return what stands before the SCF of the undisplaced molecule."""
    text = 'DOUBLE DISPLACEMENT (+-DX)' if settings.numderiv == 2 else 'SINGLE DISPLACEMENT (+DX)'
    lines = [
        RULE,
        ' * CALCULATION OF PHONON FREQUENCIES AT THE GAMMA POINT.                       *',
        RULE,
        '',
    ]
    if settings.intensities:
        lines += [' * INTENSITIES COMPUTED VIA DIPOLE MOMENTS OF DISPLACED GEOMETRIES (STAND-IN)  *', '']
    columns = [
        f'{number:5d} {label:<2s}{fixed(mass, 12, 4)}'
        for number, (label, mass) in enumerate(zip(labels, masses, strict=True), 1)
    ]
    lines += [
        ' ATOMS ISOTOPIC MASS (AMU) FOR FREQUENCY CALCULATION ',
        '',
        *rows(columns, 4),
        '',
        ' INFORMATION CONCERNING THE SCF+GRADIENT CALCULATIONS REQUIRED FOR',
        ' GENERATING FREQUENCIES. THE STAND-IN USES NO SYMMETRY FOR THEM.',
        '',
        f' NUMERICAL GRADIENT COMPUTED WITH A {text} FOR EACH',
        ' CARTESIAN COORDINATE WITH RESPECT TO THE EQUILIBRIUM CONFIGURATION',
        f' DX={fixed(settings.step_bohr * BOHR_ANGSTROM, 7, 3)} ANGSTROM',
        f' NUMBER OF IRREDUCIBLE ATOMS          {len(labels):12d}',
        f' NUMBER OF SCF+GRADIENT CALCULATIONS  {n_steps + 1:12d}',
        '',
        RULE,
        '',
    ]
    return lines


def restored() -> list[str]:
    """Return the notice of a restart."""
    return ['', '         THE FIRST POINT IS RESTORED FROM THE FREQINFO.DAT', '']


def table_head(central: Evaluated) -> list[str]:
    """Return the head of the table of displacements, and the central point."""
    return [
        '',
        _H,
        '                   FORCE CONSTANT MATRIX - NUMERICAL ESTIMATE',
        _H,
        ' MAX ABS(DGRAD): MAXIMUM ABSOLUTE GRADIENT DIFFERENCE WITH RESPECT TO',
        '                 THE CENTRAL POINT',
        ' DE:             ENERGY DIFFERENCE WITH RESPECT TO THE CENTRAL POINT',
        '                 (DE IS EXPECTED TO BE POSITIVE FOR ALL DISPLACEMENTS)',
        '',
        '   ATOM      MAX ABS(DGRAD)       TOTAL ENERGY (AU)  N.CYC      DE       SYM',
        f'    CENTRAL POINT        {scientific(central.energy, 23, 12)}{central.n_cycles:6d}     0.0000E+00     1',
    ]


def table_row(step: Step, label: str, central: Evaluated, point: Evaluated) -> str:
    """Return the row of a displacement."""
    change = float(np.abs(point.gradient - central.gradient).max())
    return (
        f'{step.atom + 1:5d} {label:<2s} D{"XYZ"[step.axis]}{scientific(change, 13, 4)}'
        f'{scientific(point.energy, 24, 12)}{point.n_cycles:6d}{scientific(point.energy - central.energy, 15, 4)}     1'
    )


def restored_row(step: Step, label: str) -> str:
    """Return the row of a displacement that a run before computed."""
    return f'{step.atom + 1:5d} {label:<2s} D{"XYZ"[step.axis]}                   RESTORED FROM A PREV. HESS. MATRIX'


def born_charges(labels: list[str], dipoles: Real) -> list[str]:
    """Return the derivative of the dipole moment by the position of each atom: rows are its components."""
    lines = ['', ' ATOMIC BORN CHARGE TENSOR (UNITS OF e, ELECTRON CHARGE).', ' DYNAMIC CHARGE = 1/3 * TRACE .', '']
    for number, label in enumerate(labels, 1):
        tensor = dipoles[3 * number - 3 : 3 * number].T
        lines += [f' ATOM{number:4d} {label:<2s} DYNAMIC CHARGE{fixed(float(np.trace(tensor)) / 3.0, 13, 6)}', '']
        lines.append('              1           2           3')
        lines += [f'{i:4d}   ' + ''.join(scientific(x, 12, 4) for x in row) for i, row in enumerate(tensor, 1)]
        lines.append('')
    return lines


def mode_charges(charges: Real) -> list[str]:
    """Return the dipole derivative along each mode."""
    return [
        ' BORN CHARGE VECTOR IN THE BASIS OF NORMAL MODES (UNITS OF e*M_E**(-1/2) ).',
        ' e AND M_E ARE UNITS OF ELECTRON CHARGE AND MASS, RESPECTIVELY.',
        '',
        ' MODE         X              Y              Z',
        *(f'{i:4d}' + ''.join(scientific(x, 15, 5) for x in clean(row)) for i, row in enumerate(charges, 1)),
        '',
    ]


def modes_table(modes: Modes) -> list[str]:
    """Return the frequencies, each mode by itself."""
    lines = []
    if modes.charges is not None:
        lines += [
            ' INTEGRATED IR INTENSITIES, IN UNITS OF KM/MOL, ARE COMPUTED UNDER THE',
            ' HYPOTHESIS OF ISOTROPIC RESPONSE (I.E. POWDER SAMPLE)',
            '',
        ]
    lines += [
        _H,
        ' EIGENVALUES (EIGV) OF THE MASS WEIGHTED HESSIAN MATRIX AND HARMONIC TRANSVERSE',
        ' OPTICAL (TO) FREQUENCIES. IRREP LABELS REFER TO SYMMETRY REPRESENTATION',
        ' ANALYSIS; A AND I INDICATE WHETHER THE MODE IS ACTIVE OR INACTIVE,',
        ' RESPECTIVELY, FOR IR AND RAMAN; INTEGRATED IR INTENSITIES IN BRACKETS.',
        '',
        ' CONVERSION FACTORS FOR FREQUENCIES:',
        '      1 CM**(-1) =   0.2194746E+06 HARTREE',
        '      1 THZ      =   0.2997925E-01 CM**(-1)',
        '',
        _H,
        '',
        '    MODES         EIGV          FREQUENCIES     IRREP  IR   INTENS    RAMAN',
        '             (HARTREE**2)   (CM**-1)     (THZ)             (KM/MOL)',
    ]
    charges = np.zeros((len(modes.frequencies), 3)) if modes.charges is None else modes.charges
    for number, (value, frequency, charge) in enumerate(
        zip(modes.eigenvalues, modes.frequencies, charges, strict=True), 1
    ):
        cm1 = frequency * HARTREE_CM1
        intensity = INTENSITY_KM_PER_MOL * float(charge @ charge)
        lines.append(
            f'{number:5d}-{number:4d}{zero_scientific(value, 14, 4)}{fixed(cm1, 12, 4)}{fixed(cm1 / THZ_CM1, 10, 4)}'
            f'  (A  )   A ({fixed(intensity, 9, 2)})   A'
        )
    return lines


def eigenvectors(modes: Modes, masses: Real, labels: list[str]) -> list[str]:
    """Return the displacements, normalised to classical amplitudes (rigid motions: by the masses in amu alone)."""
    root = np.repeat(np.sqrt(np.asarray(masses) * AMU_ELECTRON_MASS), 3)
    lines = ['', ' NORMAL MODES NORMALIZED TO CLASSICAL AMPLITUDES', '']
    size = np.array([np.sqrt(1.0 / abs(w)) if w else np.sqrt(AMU_ELECTRON_MASS) for w in modes.frequencies])
    amplitudes = clean(modes.vectors / root * size[:, None], 5e-5)
    for start in range(0, len(amplitudes), 6):
        chosen = slice(start, start + 6)
        found = ''.join(fixed(w * HARTREE_CM1, 10, 2) for w in modes.frequencies[chosen])
        lines += [f' FREQ(CM**-1){found}', '']
        for row in range(amplitudes.shape[1]):
            name = f' AT.{row // 3 + 1:4d} {labels[row // 3]:<2s}' if row % 3 == 0 else ' ' * 11
            numbers = ''.join(fixed(x, 10, 4) for x in amplitudes[chosen, row])
            lines.append(f'{name} {"XYZ"[row % 3]} {numbers}')
        lines.append('')
    return lines


def thermodynamics(energy: float, frequencies: Real, settings: FreqSettings) -> list[str]:
    """Return the vibrational contributions at every temperature; a molecule has no cell, so that PV is nothing.

    :param energy: electronic, hartree; :param frequencies: of the vibrations alone, hartree.
    """
    quanta = frequencies[frequencies > 0.0]
    zero_point = 0.5 * float(quanta.sum())
    lines = [
        RULE,
        '',
        ' HARMONIC VIBRATIONAL CONTRIBUTIONS TO THERMODYNAMIC FUNCTIONS AT GIVEN',
        ' TEMPERATURE AND PRESSURE:',
        '',
        ' (EL = ELECTRONIC ENERGY',
        '  E0 = ZERO-POINT ENERGY',
        '  ET = THERMAL CONTRIBUTION TO THE VIBRATIONAL ENERGY',
        '  PV = PRESSURE * VOLUME',
        '  TS = TEMPERATURE * ENTROPY)',
        '',
        '                          AU/CELL             EV/CELL                 KJ/MOL',
        _energies('EL', energy),
        _energies('E0', zero_point),
        '',
    ]
    for temperature in settings.temperatures:
        lines += _state(energy, zero_point, quanta, temperature, settings.pressure_mpa)
    return [*lines, '', RULE]


def _energies(label: str, hartree: float) -> str:
    ev = hartree * HARTREE_EV
    return f' {label:<14s}:{fixed(hartree, 20, 12)}{fixed(ev, 22, 12)}{fixed(ev * EV_KJ_PER_MOL, 24, 8)}'


def _state(energy: float, zero_point: float, quanta: Real, temperature: float, pressure: float) -> list[str]:
    x = quanta / (BOLTZMANN_EV_PER_K / HARTREE_EV * temperature)
    bose = 1.0 / np.expm1(np.minimum(x, 500.0))
    kt = BOLTZMANN_EV_PER_K / HARTREE_EV * temperature
    thermal = float(np.sum(quanta * bose))
    entropy = float(np.sum(x * bose - np.log1p(-np.exp(-x)))) * kt / temperature
    capacity = float(np.sum(x**2 * bose * (bose + 1.0))) * kt / temperature
    vibrational = thermal - temperature * entropy
    per_mol = HARTREE_EV * EV_KJ_PER_MOL * 1000.0

    def other(label: str, value: float) -> str:
        milli = 1000.0 * value
        numbers = f'{fixed(milli, 20, 12)}{fixed(milli * HARTREE_EV, 22, 12)}{fixed(value * per_mol, 24, 8)}'
        return f' {label:<14s}:{numbers}'

    return [
        '',
        RULE,
        '',
        ' THERMODYNAMIC FUNCTIONS WITH VIBRATIONAL CONTRIBUTIONS',
        '',
        f' AT (T ={fixed(temperature, 8, 2)} K, P = {scientific(pressure, 16, 8)} MPA):',
        '',
        '                          AU/CELL             EV/CELL                 KJ/MOL',
        _energies('ET', thermal),
        _energies('PV', 0.0),
        _energies('TS', temperature * entropy),
        _energies('ET+PV-TS', vibrational),
        _energies('EL+E0+ET+PV-TS', energy + zero_point + vibrational),
        '',
        ' OTHER THERMODYNAMIC FUNCTIONS:',
        '',
        '                      mHARTREE/(CELL*K)     mEV/(CELL*K)              J/(MOL*K)',
        other('ENTROPY', entropy),
        other('HEAT CAPACITY', capacity),
    ]
