"""The input of ``properties`` for transport by Boltzmann's equation (NEWK and BOLTZTRA)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.crystal.units import BOLTZMANN_EV_PER_K
from aiida_crystalmath.workflows.crystal.kmesh import shrink_from_distance

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.geometry import Geometry

__all__ = ('chemical_potentials', 'transport_blocks')

TAIL = 12.0
"""Width, in kT, of the derivative of the Fermi function beyond which it is below 1e-5 of its height."""

MAX_POINTS = 20_000
"""Of chemical potentials times temperatures, and of energies of the transport distribution function."""


def transport_blocks(
    geometry: Geometry,
    results: Mapping[str, Any],
    *,
    distance: float,
    temperatures_k: Sequence[float],
    window_ev: Sequence[float],
    mu_step_ev: float,
    tdf_step_ev: float,
    relaxation_time_fs: float,
) -> list[dict[str, Any]]:
    """Return the blocks NEWK and BOLTZTRA.

    :param geometry: primitive cell of the wavefunction.
    :param results: of the self-consistent field, with the Fermi energy and, for an insulator, the band edges.
    :param distance: between k-points, 1/Å.
    :param temperatures_k: lowest, highest, step.
    :param window_ev: how far chemical potentials go below the valence bands' top (negative) and above the conduction
        bands' bottom; from the Fermi energy of a metal.
    :raises ValueError: if the band edges are not known, or there would be too many points.
    """
    lowest, highest = chemical_potentials(results, window_ev)
    low_t, high_t, step_t = temperatures_k
    tail = TAIL * BOLTZMANN_EV_PER_K * high_t
    n_points = (round((highest - lowest) / mu_step_ev) + 1) * (round((high_t - low_t) / step_t) + 1)
    n_energies = round((highest - lowest + 2 * tail) / tdf_step_ev) + 1
    for count, what in (
        (n_points, 'chemical potentials and temperatures'),
        (n_energies, 'energies of the transport distribution function'),
    ):
        if count > MAX_POINTS:
            raise ValueError(f'{count} {what} are more than anybody reads ({MAX_POINTS}): take larger steps.')
    return [
        {'keyword': 'NEWK', 'shrink': shrink_from_distance(geometry, distance), 'print_fermi': 1},
        {
            'keyword': 'BOLTZTRA',
            'trange': [low_t, high_t, step_t],
            'murange': [round(lowest, 6), round(highest, 6), mu_step_ev],
            'tdfrange': [round(lowest - tail, 6), round(highest + tail, 6), tdf_step_ev],
            'relaxtim': [relaxation_time_fs],
        },
    ]


def chemical_potentials(results: Mapping[str, Any], window_ev: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and highest chemical potential, eV (CRYSTAL's zero).

    :raises ValueError: if neither band edges nor Fermi energy are known.
    """
    vbm, cbm, fermi = (results.get(key) for key in ('vbm_ev', 'cbm_ev', 'fermi_energy_ev'))
    if results.get('is_conducting') or vbm is None or cbm is None:
        if fermi is None:
            raise ValueError('the calculation of the wavefunction has no Fermi energy in its output parameters.')
        vbm = cbm = fermi
    return float(vbm) + window_ev[0], float(cbm) + window_ev[1]
