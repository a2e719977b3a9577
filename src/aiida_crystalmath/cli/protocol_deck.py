"""The input that would be run for a structure file, without AiiDA: a protocol's, or a ``.d12`` as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from aiida_crystalmath.calculations.deck import Deck, build_deck
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.data.structure_files import file_format, geometry_file_beside, read_structure
from aiida_crystalmath.workflows.protocols.merge import merge

PROTOCOLS = Path(__file__).parents[1] / 'workflows' / 'protocols' / 'crystal'
ALIASES = {'moderate': 'balanced', 'precise': 'stringent'}


def protocol_inputs(name: str, protocol: str) -> dict[str, Any]:
    """Return the inputs of a protocol of the work chain ``name`` (``base`` or ``geopt``).

    :raises ValueError: for an unknown protocol.
    """
    content = yaml.safe_load((PROTOCOLS / f'{name}.yaml').read_text(encoding='utf-8'))
    chosen = ALIASES.get(protocol, protocol)
    if chosen not in content['protocols']:
        raise ValueError(f'unknown protocol "{protocol}"; there are {", ".join(content["protocols"])}')
    return merge(content['default_inputs'], content['protocols'][chosen])


def deck_as_it_stands(file: Path) -> tuple[str, str | None]:
    """Return a ``.d12`` as this package writes it, unchanged in meaning, and the fort.34 it needs if that is beside it.

    :raises ValueError: if the file cannot be read.
    """
    from aiida_crystalmath.crystal.inputs.d12 import read_d12, write_d12

    try:
        text = write_d12(read_d12(file.read_text(errors='replace')))
    except ValueError as exception:
        raise ValueError(f'{file.name}: {exception}') from exception
    beside = geometry_file_beside(file)
    return text, beside.read_text(errors='replace') if beside else None


def deck_for(file: Path, protocol: str, task: str) -> Deck:
    """Build the input that a protocol makes for the structure in ``file``.

    :param task: ``sp`` or ``opt``.
    :raises ValueError: if the file cannot be read or the protocol does not cover it.
    """
    from aiida_crystalmath.crystal.basis import BasisSet
    from aiida_crystalmath.crystal.basis_library import load

    beside = geometry_file_beside(file)
    geometry = read_structure(
        file.read_text(errors='replace'),
        file_format(file.name),
        file.name,
        beside.read_text(errors='replace') if beside else None,
    )
    inputs = protocol_inputs('base', protocol)
    parameters = inputs['crystal']['parameters']
    if task == 'opt':
        parameters = merge(parameters, protocol_inputs('geopt', protocol)['base']['crystal']['parameters'])
        if geometry.dimensionality == 0:
            parameters = merge(parameters, {'geometry': {'optgeom': {'type': 'ATOMONLY'}}})
    if geometry.dimensionality:
        parameters = merge(parameters, {'scf': {'shrink': shrink(geometry, float(inputs['kpoints_distance']))}})
    family = load(inputs['basis_family'])
    missing = sorted({site.symbol for site in geometry.sites if site.number not in family})
    if missing:
        raise ValueError(
            f'{file.name}: basis set {inputs["basis_family"]} of protocol "{protocol}" has no {", ".join(missing)}; '
            'take another protocol, or choose a basis set in Python'
        )
    basis_sets: dict[str, BasisSet] = {
        kind: family[site.number] for site, kind in zip(geometry.sites, geometry.kinds, strict=True)
    }
    return build_deck(geometry, parameters, basis_sets)


def shrink(geometry: Geometry, distance: float) -> dict[str, Any]:
    """Return the SHRINK for a distance between k-points (1/Å), as the base work chain chooses it."""
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.workflows.crystal.kmesh import shrink_from_distance

    return shrink_from_distance(reduce_geometry(geometry).crystal_geometry, distance)
