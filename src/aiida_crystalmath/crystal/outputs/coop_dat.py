"""COOP.DAT and COHP.DAT: crystal orbital overlap and Hamilton populations, written by properties (COOP, COHP).

By the CRYSTAL23 manual they are xmgrace files as DOSS.DAT is; no real file seen. The layout of DOSS.DAT
(:mod:`~aiida_crystalmath.crystal.outputs.doss_dat`) is read, with any word for the number of curves. In fort.25 the
same curves are blocks of type COOP and COHP (:func:`~aiida_crystalmath.crystal.outputs.fort25.dos_from_fort25`).
"""

from __future__ import annotations

from aiida_crystalmath.crystal.outputs.doss_dat import read_curves
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Dos

_FILE = 'COOP.DAT'


def read_coop_dat(text: str) -> Dos:
    """Return the curves of a COOP.DAT or COHP.DAT, energies absolute wherever the file allows it.

    ``densities`` holds the populations as in the file (they have signs of their own, so those of beta are not turned),
    and the last curve is not called a total one.

    :raises OutputFileError: the header is missing, or the table is cut, or it is a density of states.
    """
    curves, label = read_curves(text, _FILE)
    if 'DENSITY OF STATES' in label:
        raise OutputFileError(f'a density of states, not an overlap population: {label}', _FILE)
    curves.labels = [f'interaction {i + 1}' for i in range(curves.n_projections)]
    return curves
