"""From the arguments of a builder to the parameters of a calculation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.crystal.scf_behaviour import DEFAULT_MAXCYCLE
from aiida_crystalmath.workflows.types import ElectronicType, SpinType

if TYPE_CHECKING:
    from aiida import orm

__all__ = (
    'closed_shell',
    'electronic_inputs',
    'has_shrink',
    'locked_spin',
    'shrink_for',
    'spin_inputs',
)


def electronic_inputs(electronic_type: ElectronicType, smear_hartree: float, dimensionality: int) -> dict[str, Any]:
    """Return the SCF parameters for an electronic type: SMEAR for a metal, nothing for the others."""
    if electronic_type is ElectronicType.METAL and dimensionality > 0:
        return {'scf': {'smear': smear_hartree}}
    return {}


def spin_inputs(
    spin_type: SpinType,
    moments: Mapping[str, float],
    structure: orm.StructureData,
    *,
    method: Mapping[str, Any],
    spinlock_cycles: int,
    maxcycle: int,
    settings: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters and the ``kinds`` of a spin-polarised calculation; both empty without spin.

    The signs of the moments give ATOMSPIN, their sum over the cell that CRYSTAL computes (the primitive one, whatever
    the structure's is) SPINLOCK: in a crystal it is held for some cycles and then let free, in a molecule, where it is
    a good quantum number, to the end.

    :param moments: unpaired electrons of one atom of each kind.
    :param method: the ``hamiltonian`` of the parameters: DFT gets SPIN, Hartree-Fock becomes UHF.
    :param spinlock_cycles: for how many cycles a crystal is held.
    :param maxcycle: for how many cycles a molecule is held.
    :param settings: of the calculation: ``symmetry`` and ``symprec`` decide which cell is primitive.
    """
    if spin_type is SpinType.NONE:
        return {}, {}
    parameters: dict[str, Any] = {'hamiltonian': _polarised(method)}
    if not moments:
        return parameters, {}
    is_molecule = not any(structure.pbc)
    kinds = {kind: {'spin': (value > 0) - (value < 0)} for kind, value in moments.items() if value}
    total = sum(moments.get(kind, 0.0) for kind in _computed_kinds(structure, kinds, settings))
    parameters['scf'] = {'spinlock': [round(total), maxcycle if is_molecule else spinlock_cycles]}
    return parameters, kinds


def _computed_kinds(
    structure: orm.StructureData, kinds: Mapping[str, Any], settings: Mapping[str, Any] | None
) -> list[str]:
    """Return the kinds of the atoms of the primitive cell that CRYSTAL will compute."""
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    return reduce_geometry(to_geometry(structure, kinds), settings).crystal_geometry.kinds


def locked_spin(total: int, parameters: Mapping[str, Any], *, is_molecule: bool, cycles: int = 10) -> dict[str, Any]:
    """Return the parameters that polarise, and hold the spin of the cell CRYSTAL computes.

    :param total: alpha minus beta electrons.
    :param parameters: to be polarised.
    :param is_molecule: spin is a good quantum number and held to the end; a crystal is let free.
    :param cycles: for how many cycles a crystal is held.
    """
    held = ((parameters.get('scf') or {}).get('maxcycle') or DEFAULT_MAXCYCLE) if is_molecule else cycles
    return {'hamiltonian': _polarised(parameters.get('hamiltonian') or {}), 'scf': {'spinlock': [total, held]}}


def closed_shell(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters without spin: no SPIN, UHF or ROHF, and nothing that sets or holds spins."""
    hamiltonian = {key: value for key, value in (parameters.get('hamiltonian') or {}).items() if key != 'method'}
    if hamiltonian.get('dft'):
        hamiltonian['dft'] = {key: value for key, value in hamiltonian['dft'].items() if key != 'spin'}
    spin = ('spinlock', 'betalock', 'atomspin')
    scf = {key: value for key, value in (parameters.get('scf') or {}).items() if key not in spin}
    return {**parameters, 'hamiltonian': hamiltonian, 'scf': scf}


def _polarised(hamiltonian: Mapping[str, Any]) -> dict[str, Any]:
    """Return what lets alpha and beta electrons differ."""
    return {'dft': {'spin': True}} if hamiltonian.get('dft') else {'method': 'UHF'}


def has_shrink(parameters: Mapping[str, Any]) -> bool:
    """Tell whether the parameters have a k-mesh of their own."""
    return bool((parameters.get('scf') or {}).get('shrink'))


def shrink_for(structure: orm.StructureData, distance: float, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the SHRINK of a structure for a distance between k-points, in CRYSTAL's primitive cell.

    :param distance: 1/Å.
    :param settings: of the calculation: ``symmetry`` and ``symprec`` decide which cell is primitive.
    """
    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry
    from aiida_crystalmath.workflows.crystal.kmesh import shrink_from_distance

    symprec = float(settings.get('symprec') or 1e-5)
    return shrink_from_distance(reduce_geometry(to_geometry(structure), settings).crystal_geometry, distance, symprec)
