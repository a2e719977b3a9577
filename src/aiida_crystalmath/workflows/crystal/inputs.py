"""From the arguments of a builder to the parameters of a calculation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.workflows.types import ElectronicType, SpinType

if TYPE_CHECKING:
    from aiida import orm

__all__ = ('electronic_inputs', 'has_shrink', 'locked_spin', 'shrink_for', 'spin_inputs')


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
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters and the ``kinds`` of a spin-polarised calculation; both empty without spin.

    The signs of the moments give ATOMSPIN, their sum over the cell SPINLOCK: in a crystal it is held for some cycles
    and then let free, in a molecule, where it is a good quantum number, to the end.

    :param moments: unpaired electrons of one atom of each kind.
    :param method: the ``hamiltonian`` of the parameters: DFT gets SPIN, Hartree-Fock becomes UHF.
    :param spinlock_cycles: for how many cycles a crystal is held.
    :param maxcycle: for how many cycles a molecule is held.
    """
    if spin_type is SpinType.NONE:
        return {}, {}
    parameters: dict[str, Any] = {'hamiltonian': {'dft': {'spin': True}} if method.get('dft') else {'method': 'UHF'}}
    if not moments:
        return parameters, {}
    is_molecule = not any(structure.pbc)
    total = sum(moments.get(site.kind_name, 0.0) for site in structure.sites)
    parameters['scf'] = {'spinlock': [round(total), maxcycle if is_molecule else spinlock_cycles]}
    kinds = {kind: {'spin': (value > 0) - (value < 0)} for kind, value in moments.items() if value}
    return parameters, kinds


def locked_spin(
    total: int, parameters: Mapping[str, Any], *, is_molecule: bool, cycles: int = 10, most: int = 100
) -> dict[str, Any]:
    """Return the parameters that polarise, and hold the spin of the cell CRYSTAL computes.

    :param total: alpha minus beta electrons.
    :param parameters: to be polarised.
    :param is_molecule: spin is a good quantum number and held to the end; a crystal is let free.
    :param cycles: for how many cycles a crystal is held, ``most``: a molecule, if MAXCYCLE is not given.
    """
    hamiltonian = parameters.get('hamiltonian') or {}
    held = ((parameters.get('scf') or {}).get('maxcycle') or most) if is_molecule else cycles
    polarised: dict[str, Any] = {'dft': {'spin': True}} if hamiltonian.get('dft') else {'method': 'UHF'}
    return {'hamiltonian': polarised, 'scf': {'spinlock': [total, held]}}


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
