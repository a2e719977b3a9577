"""Fragments of a structure: what is said of them, and the inputs of the runs of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common import AttributeDict

from aiida_crystalmath.workflows.crystal.inputs import locked_spin
from aiida_crystalmath.workflows.crystal.validation import basis_sets_of, check_base_inputs
from aiida_crystalmath.workflows.functions.kinds import follow_kinds, origin_of_kinds, separated
from aiida_crystalmath.workflows.protocols.merge import did_you_mean, merge

__all__ = (
    'check_fragments',
    'check_runs',
    'fragment_inputs',
    'in_cell_of_whole',
    'labels_of',
    'of_molecule',
    'validate_fragments',
)

KEYS = ('atoms', 'charge', 'spin', 'molecule')
CHARGE_TOLERANCE = 1e-4
CELL_TOLERANCE = 1e-3


def validate_fragments(value: orm.Dict | None, _: Any) -> str | None:
    """Validate the form of the fragments; whether they fit the structure is checked with it."""
    return None if value is None else _check_form(value.get_dict())


def _check_form(fragments: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the fragments by themselves, ``None`` if nothing is."""
    if len(fragments) < 2:
        return f'at least two fragments are needed to interact, {len(fragments)} given.'
    for name, values in fragments.items():
        if not name.isalnum() or name == 'whole':
            return f'fragment "{name}": a name is made of letters and digits, and is not "whole".'
        if not isinstance(values, Mapping):
            return f'fragment "{name}" must be a mapping such as {{"atoms": [0, 1]}}, not {values!r}.'
        for key in values:
            if key not in KEYS:
                return f'fragment "{name}" has an unknown key "{key}": {did_you_mean(key, list(KEYS))}'
        atoms = values.get('atoms')
        if not isinstance(atoms, list | tuple) or not atoms or not all(type(index) is int for index in atoms):
            return f'fragment "{name}": `atoms` must be a list of indices from 0, not {atoms!r}.'
        for key in ('charge', 'spin'):
            if type(values.get(key, 0)) is not int:
                return f'fragment "{name}": `{key}` must be a whole number, not {values[key]!r}.'
    return None


def check_fragments(fragments: Mapping[str, Any], structure: orm.StructureData) -> str | None:
    """Return a message if the fragments are not the structure taken apart, ``None`` if they are."""
    message = _check_form(fragments)
    if message is not None:
        return f'fragments: {message}'
    n_atoms = len(structure.sites)
    chosen = [index for values in fragments.values() for index in values['atoms']]
    stray = sorted({index for index in chosen if not 0 <= index < n_atoms})
    if stray:
        return f'fragments: there is no atom {stray[0]}: the structure has {n_atoms}, counted from 0.'
    twice = sorted({index for index in chosen if chosen.count(index) > 1})
    missing = sorted(set(range(n_atoms)) - set(chosen))
    if twice or missing:
        what = f'atom {twice[0]} is in two fragments' if twice else f'atom {missing[0]} is in no fragment'
        return f'fragments: {what}: each atom must be in exactly one.'
    return None


def labels_of(fragments: Mapping[str, Any], n_atoms: int) -> list[str]:
    """Return the name of the fragment of each atom."""
    names = {index: name for name, values in fragments.items() for index in values['atoms']}
    return [names[index] for index in range(n_atoms)]


def fragment_inputs(
    inputs: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    whole: orm.StructureData,
    separate: orm.StructureData,
    ghosts: bool,
) -> AttributeDict:
    """Return the inputs of CrystalBaseWorkChain for one fragment.

    :param inputs: for the whole.
    :param values: what is said of the fragment.
    :param separate: the whole with kinds of their own for the atoms of each fragment.
    :param ghosts: keep the other atoms as ghosts.
    """
    origin = origin_of_kinds(whole, separate)
    symbols = {site.kind_name: whole.get_kind(origin[site.kind_name]).symbol for site in separate.sites}
    own = {separate.sites[index].kind_name for index in values['atoms']}
    kept = {kind: old for kind, old in origin.items() if ghosts or kind in own}
    said = {kind: {'ghost': True, 'spin': 0} for kind in kept if kind not in own}
    followed = follow_kinds(inputs, kept, symbols, said)
    parameters = followed.crystal.parameters.get_dict()
    # The lock of the whole is none of the fragment's.
    scf = {key: value for key, value in (parameters.get('scf') or {}).items() if key != 'spinlock'}
    parameters = {**parameters, 'scf': scf}
    if values.get('spin'):
        parameters = merge(parameters, locked_spin(values['spin'], parameters, is_molecule=not any(whole.pbc)))
    if values.get('charge'):
        parameters = merge(parameters, {'basis': {'charged': True}})
    followed.crystal.parameters = orm.Dict(parameters)
    return followed


def in_cell_of_whole(
    inputs: AttributeDict, part: orm.StructureData, whole: orm.StructureData, inputs_of_whole: Mapping[str, Any]
) -> AttributeDict:
    """Return inputs of a fragment that CRYSTAL computes in the cell of the whole, whatever symmetry is left to it.

    A slab without its adsorbate may repeat in a smaller cell than with it. In that cell one and the same SHRINK is
    another mesh, whose error would be told as superposition or deformation: then all atoms are written, without
    symmetry.

    :param inputs: of CrystalBaseWorkChain, for the fragment ``part``.
    :param inputs_of_whole: the same for the whole.
    """
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    if not any(part.pbc):
        return inputs
    sizes = []
    for structure, crystal in ((part, inputs['crystal']), (whole, inputs_of_whole['crystal'])):
        settings, kinds = (crystal[name].get_dict() if name in crystal else {} for name in ('settings', 'kinds'))
        sizes.append(reduce_geometry(to_geometry(structure, kinds), settings).crystal_geometry.measure)
    if sizes[0] > (1.0 - CELL_TOLERANCE) * sizes[1]:
        return inputs
    kept = AttributeDict({**inputs, 'crystal': AttributeDict(inputs['crystal'])})
    settings = kept.crystal.settings.get_dict() if 'settings' in kept.crystal else {}
    kept.crystal.settings = orm.Dict({**settings, 'symmetry': 'none'})
    return kept


def of_molecule(inputs: Mapping[str, Any]) -> AttributeDict:
    """Return inputs of CrystalBaseWorkChain without what only a periodic system has."""
    copied = AttributeDict({**inputs, 'crystal': AttributeDict(inputs['crystal'])})
    copied.pop('kpoints_distance', None)
    parameters = copied.crystal.parameters.get_dict()
    scf = {key: value for key, value in (parameters.get('scf') or {}).items() if key not in ('shrink', 'smear')}
    copied.crystal.parameters = orm.Dict({**parameters, 'scf': scf})
    return copied


def check_runs(inputs: Mapping[str, Any], fragments: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the inputs of any run of CrystalCounterpoiseWorkChain, ``None`` if nothing is.

    :param inputs: of the chain; the fragments fit the structure.
    """
    whole = inputs['structure']
    message = check_base_inputs(inputs['base'], whole, 'base.')
    if message is not None:
        return message
    if any(values.get('molecule') for values in fragments.values()) and not inputs.get('relax'):
        return 'fragments: `molecule` says how a fragment is relaxed: give inputs for it in `relax`, or leave it out.'
    relax = (inputs.get('relax') or {}).get('crystal', {}).get('parameters')
    if relax is not None and not (relax.get_dict().get('geometry') or {}).get('optgeom'):
        return 'relax.crystal.parameters: no `geometry.optgeom`: nothing would be relaxed.'
    separate = separated(whole, labels_of(fragments, len(whole.sites)))
    for name, values in fragments.items():
        message = _check_charge_and_spin(inputs['base'], whole, values)
        if message is None:
            run = fragment_inputs(inputs['base'], values, whole=whole, separate=separate, ghosts=True)
            message = check_base_inputs(run, separate, 'base.')
        if message is not None:
            return f'fragment "{name}": {message}'
    return None


def _check_charge_and_spin(
    inputs: Mapping[str, Any], whole: orm.StructureData, values: Mapping[str, Any]
) -> str | None:
    """Compare charge and spin of a fragment with the electrons that the basis sets give it."""
    from aiida_crystalmath.crystal.basis import electrons, nuclear_charge
    from aiida_crystalmath.data.structure import to_geometry

    sets = {kind: node.basis_set for kind, node in basis_sets_of(inputs, whole).items()}
    if not sets:
        return None
    geometry = to_geometry(whole)
    part = geometry.with_sites(geometry.sites[index] for index in values['atoms'])
    count = electrons(part, sets)
    charge = nuclear_charge(part, sets) - count
    if abs(charge - values.get('charge', 0)) > CHARGE_TOLERANCE:
        return (
            f'the basis sets give it {count:g} electrons and the charge {charge:+g}, not {values.get("charge", 0):+d}: '
            "CRYSTAL takes the electrons from the shell charges of the basis sets: give sets of the fragment's ions, "
            'or say its `charge`.'
        )
    if not any(whole.pbc) and (round(count) - values.get('spin', 0)) % 2:
        return f'it has {count:g} electrons, and `spin` (alpha minus beta) must be as odd or even.'
    return None
