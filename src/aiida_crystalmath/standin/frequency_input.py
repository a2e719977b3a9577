"""From the block FREQCALC of a deck to the settings of the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

from .model import FreqSettings, NotSupported, StandinError

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.inputs.tasks import Freqcalc

ROUTINE = 'INPFREQ'
IGNORED = {
    'INTPOL': 'INTENSITIES COME FROM DIPOLE MOMENTS',
    'INTLOC': 'INTENSITIES COME FROM DIPOLE MOMENTS',
    'NOUSESYMM': 'THE STAND-IN USES NO SYMMETRY FOR DISPLACEMENTS',
    'USESYMM': 'THE STAND-IN USES NO SYMMETRY FOR DISPLACEMENTS',
    'ECKART': 'IT IS ALWAYS ON',
    'MODES': 'EIGENVECTORS ARE ALWAYS PRINTED',
    'PRINT': 'NOTHING MORE IS PRINTED',
}


def frequency_settings(block: Freqcalc | None, dimensionality: int, notes: list[str]) -> FreqSettings | None:
    """Translate the block.

    :param notes: gets a sentence for what has no effect.
    :raises NotSupported: for a crystal, and for every option that the stand-in has not.
    :raises StandinError: for ISOTOPES that cannot be read.
    """
    if block is None:
        return None
    if dimensionality:
        raise NotSupported(
            'FREQCALC', 'the stand-in has analytic gradients, and so vibrations, of molecules only (MOLECULE)'
        )
    for name in ('preoptgeom', 'fragment', 'intraman', 'dispersi'):
        if getattr(block, name):
            raise NotSupported(name.upper(), 'the stand-in does frequencies and infrared intensities of molecules')
    if block.dieltens is not None or block.dieliso is not None:
        notes.append('THE DIELECTRIC TENSOR IS IGNORED: A MOLECULE HAS NO LONGITUDINAL MODES')
    pressures = (1, 0.101325, 0.101325) if block.pressure is None else block.pressure
    if pressures[0] > 1:
        raise NotSupported('PRESSURE', 'vibrations of a molecule do not depend on pressure: leave it out')
    default = FreqSettings()
    first = (1, 298.15, 298.15) if block.temperat is None else block.temperat
    return FreqSettings(
        numderiv=block.numderiv or default.numderiv,
        step_bohr=(block.stepsize or 0.003) / BOHR_ANGSTROM,
        intensities=block.intens,
        restart=block.restart,
        isotopes=_extra(block.extra, notes),
        temperatures=tuple(float(value) for value in np.linspace(first[1], first[2], int(first[0]))),
        pressure_mpa=float(pressures[1]),
    )


def _extra(lines: tuple[str, ...], notes: list[str]) -> dict[int, float]:
    """Return the masses of ISOTOPES by index from 0; refuse what else cannot be ignored."""
    isotopes: dict[int, float] = {}
    rest = list(lines)
    while rest:
        keyword = rest.pop(0).split()[0].upper()
        if keyword == 'ISOTOPES':
            isotopes |= _isotopes(rest)
        elif keyword in IGNORED:
            notes.append(f'{keyword} IS IGNORED: {IGNORED[keyword]}')
        else:
            raise NotSupported(keyword, 'the stand-in does frequencies and infrared intensities of molecules')
    return isotopes


def _isotopes(rest: list[str]) -> dict[int, float]:
    try:
        count = int(rest.pop(0).split()[0])
        found = [rest.pop(0).split()[:2] for _ in range(count)]
        return {int(label) - 1: float(mass) for label, mass in found}
    except (ValueError, IndexError) as error:
        raise StandinError(ROUTINE, 'ISOTOPES: THE NUMBER OF ATOMS, THEN LABEL AND MASS OF EACH, ARE NEEDED') from error
