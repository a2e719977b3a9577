"""Nodes and numbers of a ``properties`` run: energies in eV, k-points of the structure's own reciprocal cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from aiida import orm

from aiida_crystalmath.calculations.band_path import coordinate_label, path_segments
from aiida_crystalmath.crystal.outputs.models import Bands, CrystalOutput, Dos, Properties
from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.parsers.base import drop_none, program_parameters, to_ev
from aiida_crystalmath.parsers.plot_files import last_block

if TYPE_CHECKING:
    from aiida_crystalmath.calculations.parent import Parent, UnknownParent
    from aiida_crystalmath.crystal.inputs.d3 import D3

__all__ = (
    'bands_node',
    'dos_node',
    'end_names',
    'interaction_names',
    'projected_dos_node',
    'properties_parameters',
)

OF_THE_PARENT = ('functional', 'basis_set', 'is_spin_polarised', 'is_level_shifted', 'n_electrons')
"""What a reader of bands must know of the wavefunction."""

SPINS = ('alpha', 'beta')

MAX_CRITICAL_POINTS = 500

GREEK = {'G': 'GAMMA'}
"""CRYSTAL's label of the centre, and everybody else's."""


def properties_parameters(
    output: CrystalOutput, bands: Bands | None, dos: Dos | None, parent: Parent | UnknownParent
) -> dict[str, Any]:
    """Return all numbers of an output."""
    found = output.properties
    fermi = next(
        (
            value
            for value in (
                bands.fermi_energy_hartree if bands else None,
                dos.fermi_energy_hartree if dos else None,
                found.fermi_energy_hartree if found else None,
            )
            if value is not None
        ),
        None,
    )
    return drop_none(
        {
            **{key: parent.results.get(key) for key in OF_THE_PARENT},
            **program_parameters(output),
            'fermi_energy_ev': to_ev(fermi),
            'gap_ev': output.gap_ev,
            'gap_kind': output.gap_kind,
            'is_conducting': output.is_conducting,
            'n_ao': found.n_ao if found else None,
            'n_kpoints': found.n_kpoints if found else None,
            'wave_function': _wave_function_summary(output),
            **_deck_summary(found),
            'newk': _newk_summary(found),
            'bands': _bands_summary(bands),
            'dos': _dos_summary(dos),
            'maps': _maps_summary(found),
            'transport': _transport_summary(found),
            'topond': _topond_summary(found),
        }
    )


def _wave_function_summary(output: CrystalOutput) -> dict[str, Any] | None:
    """Return by what the run that made the wavefunction is known again."""
    found = output.wave_function
    if found is None:
        return None
    geometry = found.geometry
    return drop_none(
        {
            'energy_hartree': found.total_energy_hartree,
            'n_scf_cycles': found.n_scf_cycles,
            'formula': geometry.formula if geometry else None,
        }
    )


def _deck_summary(found: Properties | None) -> dict[str, Any]:
    """Return what the program worked on, and what of it has no end."""
    if found is None:
        return {}
    return {
        'keywords': found.keywords or None,
        'incomplete_keywords': [result.keyword for result in found.results if not result.complete] or None,
        'two_component': found.two_component or None,
    }


def _newk_summary(found: Properties | None) -> dict[str, Any] | None:
    newk = found.newk_result if found else None
    if newk is None or not newk.complete:
        return None
    channels = [
        drop_none(
            {
                'spin': channel.spin or None,
                'conducting': channel.conducting,
                'fermi_energy_ev': to_ev(channel.fermi_energy_hartree),
                'vbm_ev': to_ev(channel.vbm_hartree),
                'cbm_ev': to_ev(channel.cbm_hartree),
                'gap_ev': channel.gap_ev,
                'gap_kind': channel.gap_kind,
            }
        )
        for channel in newk.channels
    ]
    shrink = None if newk.shrink is None else list(newk.shrink)
    return drop_none({'shrink': shrink, 'n_kpoints': newk.n_kpoints, 'channels': channels or None})


def _maps_summary(found: Properties | None) -> list[dict[str, Any]] | None:
    maps = [told for told in found.maps if told.complete] if found else []
    return [
        drop_none(
            {'quantity': told.quantity, 'is_atomic': told.atomic, 'minimum': told.minimum, 'maximum': told.maximum}
        )
        for told in maps
    ] or None


def _transport_summary(found: Properties | None) -> dict[str, Any] | None:
    settings = found.transport if found else None
    if settings is None:
        return None
    return drop_none({'complete': settings.complete, 'relaxation_time_fs': settings.relaxation_time_fs})


def _topond_summary(found: Properties | None) -> dict[str, Any] | None:
    topond = found.topond if found else None
    if topond is None:
        return None
    points = [
        drop_none(
            {
                'kind': None if point.kind is None else list(point.kind),
                'position_bohr': None if point.position_bohr is None else list(point.position_bohr),
                'density': point.density,
                'laplacian': point.laplacian,
            }
        )
        for point in topond.critical_points[:MAX_CRITICAL_POINTS]
    ]
    return drop_none({'complete': topond.complete, 'tasks': topond.tasks, 'critical_points': points or None})


def _bands_summary(bands: Bands | None) -> dict[str, Any] | None:
    if bands is None:
        return None
    return {
        'n_spin': bands.n_spin,
        'n_kpoints': bands.n_kpoints,
        'n_bands': bands.n_bands,
        'n_segments': len(bands.segments),
        'absolute_energies': bands.absolute,
    }


def _dos_summary(dos: Dos | None) -> dict[str, Any] | None:
    if dos is None:
        return None
    return {
        'n_spin': dos.n_spin,
        'n_energies': int(dos.energies_hartree.size),
        'n_projections': dos.n_projections - 1,
        'absolute_energies': dos.absolute,
    }


def bands_node(bands: Bands, parent: Parent | UnknownParent, names: list[tuple[str, str]]) -> orm.BandsData:
    """Return the band structure in eV.

    Where no way leads to the structure's cell, as when the parent's input edits the geometry or the parent is not
    known, the node has CRYSTAL's own.

    :param bands: with k-points in CRYSTAL's primitive reciprocal cell.
    :param names: labels of the ends of each segment, see :func:`end_names`.
    """
    node = orm.BandsData()
    cells = parent.cells()
    points = np.asarray(bands.kpoints, dtype=float)
    frame = parent.frame()
    if frame is not None:
        node.set_cell(frame.cell.tolist(), frame.pbc)
    if cells.is_users:
        points = cells.from_crystal_k(points)
    node.set_kpoints(points)
    node.labels = end_labels(bands, points, names)
    energies = bands.energies_hartree * HARTREE_EV
    node.set_bands(energies if bands.n_spin == 2 else energies[0], units='eV')
    if bands.fermi_energy_hartree is not None:
        node.base.attributes.set('fermi_energy_ev', to_ev(bands.fermi_energy_hartree))
    return node


def end_names(deck: D3, kpoints: orm.KpointsData | None) -> list[tuple[str, str]]:
    """Return the labels of the ends of every segment that was asked for; empty where there are none.

    :param kpoints: the input that gave the path, which has the labels; else they come from the BAND block.
    """
    if kpoints is not None:
        lines = path_segments(kpoints.get_kpoints(), kpoints.labels)
        return [(line.start_label, line.end_label) for line in lines]
    block = last_block(deck, 'BAND')
    return [(GREEK.get(a, a), GREEK.get(b, b)) for a, b in block.labels] if block is not None else []


def end_labels(bands: Bands, points: np.ndarray, names: list[tuple[str, str]]) -> list[tuple[int, str]]:
    """Return (index, label) for both ends of every segment; ends that are one point are labelled once."""
    if len(names) != len(bands.segments):
        names = [('', '')] * len(bands.segments)
    labels: dict[int, str] = {}
    for (first, last), pair in zip(bands.segments, names, strict=True):
        for index, name in zip((first, last), pair, strict=True):
            labels.setdefault(index, name or coordinate_label(points[index]))
    return sorted(labels.items())


def dos_node(dos: Dos) -> orm.XyData:
    """Return the total density of states: states/eV/cell over eV, ``dos`` or ``dos_alpha`` and ``dos_beta``."""
    return _xy(dos, [('dos', dos.n_projections - 1)])


def projected_dos_node(dos: Dos, deck: D3, kinds: list[str]) -> orm.XyData:
    """Return the projected densities of states, named after kinds, atoms or orbitals.

    :param kinds: kind of every atom in CRYSTAL's order.
    """
    block = last_block(deck, 'DOSS')
    names = [projection_label(projection, kinds) for projection in (block.projections if block else ())]
    if len(names) != dos.n_projections - 1:
        names = [f'projection {number}' for number in range(1, dos.n_projections)]
    return _xy(dos, list(zip(_distinct(names), range(dos.n_projections - 1), strict=True)))


def interaction_names(deck: D3, keyword: str, count: int, kinds: list[str]) -> list[str]:
    """Return names of the interactions of the last COOP or COHP, as ``Mg 1 - O 2``; numbers if the input is not known.

    :param count: interactions that were read.
    :param kinds: kind of every atom in CRYSTAL's order.
    """
    block = last_block(deck, keyword)
    pairs = block.interactions if block is not None else ()
    names = [' - '.join(_group_label(group, kinds) for group in (pair.first, pair.second)) for pair in pairs]
    if len(names) != count:
        names = [f'interaction {number}' for number in range(1, count + 1)]
    return _distinct(names)


def _group_label(group: Any, kinds: list[str]) -> str:
    """Return the label of one side of an interaction, which names a single atom by kind and number."""
    atoms = tuple(group.atoms or ())
    if len(atoms) == 1 and atoms[0] <= len(kinds):
        return f'{kinds[atoms[0] - 1]} {atoms[0]}'
    return projection_label(group, kinds)


def projection_label(projection: Any, kinds: list[str]) -> str:
    """Return the kind if all its atoms are in the projection, else the atoms or orbitals (CRYSTAL's numbers)."""
    atoms = sorted(projection.atoms or ())
    if not atoms:
        return f'orbitals {_ranges(sorted(projection.orbitals or ()))}'
    if any(number > len(kinds) for number in atoms):
        return f'atoms {_ranges(atoms)}'
    chosen = {kinds[number - 1] for number in atoms}
    whole = [number for number, kind in enumerate(kinds, start=1) if kind in chosen]
    if whole == atoms:
        return ' + '.join(dict.fromkeys(kinds[number - 1] for number in atoms))
    return ' + '.join(f'{kinds[number - 1]} {number}' for number in atoms)


def _xy(dos: Dos, curves: list[tuple[str, int]]) -> orm.XyData:
    """Return curves over the common energies; two for each name if there are two spins."""
    names: list[str] = []
    arrays: list[np.ndarray] = []
    for name, index in curves:
        for spin in range(dos.n_spin):
            names.append(f'{name}_{SPINS[spin]}' if dos.n_spin == 2 else name)
            arrays.append(dos.densities[spin, index] / HARTREE_EV)
    node = orm.XyData()
    node.set_x(dos.energies_hartree * HARTREE_EV, 'energy', 'eV')
    node.set_y(arrays, names, ['states/eV/cell'] * len(names))
    if dos.fermi_energy_hartree is not None:
        node.base.attributes.set('fermi_energy_ev', to_ev(dos.fermi_energy_hartree))
    return node


def _distinct(names: list[str]) -> list[str]:
    """Return the names, numbered where one occurs more than once."""
    return [f'{name} ({names[: i + 1].count(name)})' if names.count(name) > 1 else name for i, name in enumerate(names)]


def _ranges(numbers: list[int]) -> str:
    """Return ``1-4,7`` for sorted numbers."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ','.join(str(part[0]) if len(part) == 1 else f'{part[0]}-{part[-1]}' for part in parts)
