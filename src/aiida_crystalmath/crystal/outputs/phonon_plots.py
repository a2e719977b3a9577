"""PHONBANDS.DAT and PHONDOS.DAT: phonon bands and densities of states for plotting (xmgrace), written by FREQCALC.

No real file was seen. CRYSTALpytools (MIT) reads them as BAND.DAT and DOSS.DAT: the same headers and rows, frequencies
in cm^-1 and no ``# EFERMI``; it also says that CRYSTAL17 leaves out points next to the corners of the path, so that
fort.25 (:mod:`~aiida_crystalmath.crystal.outputs.fort25`) or the output are to be preferred. Files that have a Fermi
energy are electronic and refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiida_crystalmath.crystal.outputs.band_dat import read_band_dat
from aiida_crystalmath.crystal.outputs.doss_dat import read_curves
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.models import Array


@dataclass(frozen=True)
class PhononBands:
    """Phonon bands along a path.

    :param distances: along the path, bohr^-1, shape (n_points,).
    :param frequencies_cm1: shape (n_points, n_modes).
    :param labels: index of a point (from 0) and its label.
    """

    distances: Array
    frequencies_cm1: Array
    labels: list[tuple[int, str]]


@dataclass(frozen=True)
class PhononDensities:
    """Phonon densities of states as in the file: one column a projection, shape (n_projections, n)."""

    frequencies_cm1: Array
    densities: Array


def read_phonbands_dat(text: str) -> PhononBands:
    """Return the bands of a PHONBANDS.DAT.

    :raises OutputFileError: the file is cut, or holds electronic bands.
    """
    bands = read_band_dat(text)
    if bands.fermi_energy_hartree is not None or len(bands.energies_hartree) != 1:
        raise OutputFileError('these are electronic bands', 'PHONBANDS.DAT')
    return PhononBands(bands.distances, bands.energies_hartree[0], list(bands.labels))


def read_phondos_dat(text: str) -> PhononDensities:
    """Return the densities of a PHONDOS.DAT.

    :raises OutputFileError: the file is cut, or holds electronic densities.
    """
    dos, _ = read_curves(text, 'PHONDOS.DAT')
    if dos.fermi_energy_hartree is not None or len(dos.densities) != 1:
        raise OutputFileError('these are electronic densities of states', 'PHONDOS.DAT')
    return PhononDensities(dos.energies_hartree, dos.densities[0])
