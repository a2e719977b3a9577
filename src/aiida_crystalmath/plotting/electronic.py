"""Pictures of bands and densities of states from the outputs of a process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida_crystalmath.plotting import mpl
from aiida_crystalmath.plotting.data import BandsPlotData, DosPlotData, bands_from_node, dos_from_nodes
from aiida_crystalmath.plotting.figure import Request

__all__ = ('draw',)


def draw(outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw the bands, the density of states, and where there are both, the two side by side."""
    bands, dos = plot_data(outputs, request)
    paths = []
    if bands:
        paths.append(mpl.plot_bands(bands, request.path('bands'), request.window))
    if dos:
        zero = bands.zero() if bands else None
        paths.append(mpl.plot_dos(dos, request.path('dos'), request.window, zero))
    if bands and dos:
        paths.append(mpl.plot_bands_and_dos(bands, dos, request.path('bands_dos'), request.window))
    return paths


def plot_data(outputs: Mapping[str, Any], request: Request) -> tuple[BandsPlotData | None, DosPlotData | None]:
    """Collect what the outputs give to draw."""
    results, caption = request.results, request.caption
    bands_node, dos_node = outputs.get('output_bands'), outputs.get('output_dos')
    if 'output_quasiparticles' in outputs:
        bands_node = None  # the k-points of a mesh make no path: ``plotting.quasiparticles`` draws them
    bands = dos = None
    if bands_node is not None:
        n_spin = len(bands_node.get_bands()) if bands_node.get_bands().ndim == 3 else 1
        bands = bands_from_node(bands_node, fermi_of(bands_node, results), caption, occupied_of(results, n_spin))
    if dos_node is not None:
        dos = dos_from_nodes(dos_node, fermi_of(dos_node, results), outputs.get('output_dos_projected'), caption)
    return bands, dos


def fermi_of(node: Any, results: Mapping[str, Any]) -> float:
    """Return the Fermi energy in eV that belongs to a bands or density node.

    :raises ValueError: if none is stored.
    """
    value = node.base.attributes.get('fermi_energy_ev', None)
    if value is None:
        value = results.get('fermi_energy_ev')
    if value is None:
        raise ValueError(f'no Fermi energy is stored with node {node.pk}: the energies cannot be aligned.')
    return float(value)


def occupied_of(results: Mapping[str, Any], n_spin: int) -> tuple[int, ...] | None:
    """Return the occupied bands for each spin of an insulator, () for a metal, ``None`` when it is not known."""
    if results.get('is_conducting'):
        return ()
    n_electrons = results.get('n_electrons')
    if not n_electrons or results.get('gap_ev') is None:
        return None
    if n_spin == 1:
        return (round(n_electrons / 2),)
    spin = results.get('total_spin')
    if spin is None:
        return None
    return (round((n_electrons + spin) / 2), round((n_electrons - spin) / 2))
