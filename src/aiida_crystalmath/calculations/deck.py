"""From a geometry, parameters and basis sets to CRYSTAL's input: one way, for calculation jobs and the command line.

Free of AiiDA. Everything that can be known to be wrong before a job is submitted is refused here, with a
:class:`DeckInputError` that says which input to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from aiida_crystalmath.calculations.settings import CrystalSettings
from aiida_crystalmath.crystal.basis import BasisSet, check_coverage, check_neutrality
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.inputs.d12 import D12, write_d12
from aiida_crystalmath.crystal.inputs.parameters import CrystalParameters
from aiida_crystalmath.crystal.symmetry import ReducedGeometry, reduce

__all__ = (
    'Deck',
    'DeckInputError',
    'build_deck',
    'check_inputs',
    'is_spin_polarised',
    'number_sites',
    'reduce_geometry',
)

PLAIN_VARIANTS = (0, 1, 10, 11, 12, 13)
"""Hundreds added to Z for further basis sets of an element: 200-999 mean a potential, so the third is Z + 1000."""

ECP_VARIANTS = tuple(range(8))


class DeckInputError(ValueError):
    """Inputs that do not make a CRYSTAL calculation.

    :param port: the input to change: ``parameters``, ``basis_sets``, ``kinds``, ``structure`` or ``settings``.
    """

    def __init__(self, port: str, message: str) -> None:
        super().__init__(message)
        self.port = port


@dataclass(frozen=True)
class Deck:
    """What is written for one run.

    :param text: the input (d12).
    :param external: content of fort.34 when the input reads its geometry from there, else None.
    :param reduced: the way between the user's cell and CRYSTAL's, and back.
    :param d12: the input as an object.
    """

    text: str
    external: str | None
    reduced: ReducedGeometry
    d12: D12


def build_deck(
    geometry: Geometry,
    parameters: CrystalParameters | Mapping[str, Any],
    basis_sets: Mapping[str, BasisSet] | None = None,
    settings: CrystalSettings | Mapping[str, Any] | None = None,
) -> Deck:
    """Write the input of one run.

    :param geometry: the user's cell; kinds carry spins and ghosts.
    :param parameters: everything but geometry and basis.
    :param basis_sets: basis set of each kind (or of each element); none if ``parameters`` name an internal library.
    :param settings: how the structure is written.
    :raises DeckInputError: for inputs that do not fit each other.
    :raises ValueError: for parameters or settings that are malformed.
    """
    given = _parameters(parameters)
    basis_sets = basis_sets or {}
    check_inputs(geometry, given, basis_sets)
    numbered, written = number_sites(geometry, basis_sets)
    reduced = reduce_geometry(numbered, settings)
    d12 = D12.build(reduced.block, written, _complete(given, reduced))
    return Deck(write_d12(d12), reduced.external, reduced, d12)


def reduce_geometry(geometry: Geometry, settings: CrystalSettings | Mapping[str, Any] | None = None) -> ReducedGeometry:
    """Find how CRYSTAL gets the geometry: by space group, through fort.34, or atom by atom.

    :raises DeckInputError: if the structure cannot be written in the way the settings ask for.
    """
    chosen = settings if isinstance(settings, CrystalSettings) else CrystalSettings.model_validate(settings or {})
    try:
        return _reduced(_SameGeometry(geometry), chosen.symprec, chosen.symmetry)
    except ValueError as exception:
        raise DeckInputError('structure', str(exception)) from exception


class _SameGeometry:
    """A geometry as a key: equal to another with the same numbers, to the last digit."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.key = (geometry.cell.tobytes(), geometry.dimensionality, geometry.periodic, geometry.sites)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SameGeometry) and self.key == other.key


@lru_cache(maxsize=64)
def _reduced(
    same: _SameGeometry, symprec: float, mode: Literal['auto', 'space_group', 'external', 'none']
) -> ReducedGeometry:
    """Reduce once what validation, input writing and parsing of one job all ask for."""
    return reduce(same.geometry, symprec=symprec, mode=mode)


def number_sites(geometry: Geometry, basis_sets: Mapping[str, BasisSet]) -> tuple[Geometry, list[BasisSet]]:
    """Give every site its conventional atomic number, and every basis set the number it is written with.

    Kinds of one element share a basis set if theirs are equal; otherwise they get Z, Z + 100, Z + 1000 ... or, with a
    potential, Z + 200, Z + 300 ... (CRYSTAL User's Manual, basis set input).

    :param basis_sets: basis set of each kind, or of each element; if empty, the sites keep their numbers.
    :return: the geometry with ``ecp`` and ``variant`` set, and the basis sets in order of appearance.
    :raises DeckInputError: if an element has more different basis sets than CRYSTAL can number.
    """
    if not basis_sets:
        return geometry, []
    written: list[BasisSet] = []
    sites = []
    for site, kind in zip(geometry.sites, geometry.kinds, strict=True):
        basis = basis_sets[kind] if kind in basis_sets else basis_sets[site.symbol]
        same_element = [known for known in written if known.number == site.number and known.has_ecp == basis.has_ecp]
        hundreds = ECP_VARIANTS if basis.has_ecp else PLAIN_VARIANTS
        alike = [replace(basis, conventional_number=known.conventional_number) == known for known in same_element]
        index = alike.index(True) if any(alike) else len(same_element)
        if index >= len(hundreds):
            raise DeckInputError(
                'basis_sets', f'{site.symbol} has over {len(hundreds)} different basis sets: CRYSTAL cannot number them'
            )
        if index == len(same_element):
            number = site.number + 100 * hundreds[index] + (200 if basis.has_ecp else 0)
            written.append(replace(basis, conventional_number=number))
        sites.append(replace(site, ecp=basis.has_ecp, variant=hundreds[index]))
    return geometry.with_sites(sites), written


def is_spin_polarised(parameters: CrystalParameters) -> bool:
    """Whether the Hamiltonian lets alpha and beta electrons differ: UHF, ROHF, or DFT with ``spin``."""
    hamiltonian = parameters.hamiltonian
    return hamiltonian.method in ('UHF', 'ROHF') or bool(hamiltonian.dft is not None and hamiltonian.dft.spin)


def check_inputs(
    geometry: Geometry,
    parameters: CrystalParameters,
    basis_sets: Mapping[str, BasisSet] | None,
    *,
    complete: bool = True,
) -> None:
    """Refuse what CRYSTAL would refuse, or would compute something else for.

    :param basis_sets: basis set per kind; None if they are not known yet.
    :param complete: False when a work chain may still add basis sets and the k-mesh.
    :raises DeckInputError: with the input to change.
    """
    _check_spin(geometry, parameters)
    _check_kmesh(geometry, parameters, complete)
    library = parameters.basis.library
    if library:
        _check_library(geometry, library, basis_sets)
    elif basis_sets or (complete and not parameters.geometry.testgeom):
        _check_basis(geometry, parameters, basis_sets or {})


def _check_spin(geometry: Geometry, parameters: CrystalParameters) -> None:
    """Refuse starting spins in a closed shell, or given in two places."""
    with_spin = sorted({kind for site, kind in zip(geometry.sites, geometry.kinds, strict=True) if site.spin})
    if with_spin and parameters.scf.atomspin:
        raise DeckInputError('kinds', 'starting spins are given twice, in `kinds` and in `scf.atomspin`: keep one')
    if is_spin_polarised(parameters):
        return
    remedy = 'set `hamiltonian.dft.spin: true`, or `hamiltonian.method: UHF`, or remove it'
    if with_spin:
        raise DeckInputError('kinds', f'{", ".join(with_spin)} has a starting spin, but the shell is closed: {remedy}')
    for name in ('atomspin', 'spinlock', 'betalock'):
        if getattr(parameters.scf, name, None):
            raise DeckInputError('parameters', f'`scf.{name}` is given, but the shell is closed: {remedy}')


def _check_kmesh(geometry: Geometry, parameters: CrystalParameters, complete: bool) -> None:
    """Refuse a periodic system without SHRINK, and a molecule with one."""
    shrink = parameters.scf.shrink
    if geometry.dimensionality == 0 and shrink is not None:
        raise DeckInputError('parameters', 'a molecule has no k-points: remove `scf.shrink`')
    if complete and geometry.dimensionality > 0 and shrink is None and not parameters.geometry.testgeom:
        raise DeckInputError(
            'parameters',
            'a periodic system needs a k-mesh: give `scf.shrink`, for example `{"is": 8, "isp": 8}` for 8 x 8 x 8',
        )


def _check_library(geometry: Geometry, library: str, basis_sets: Mapping[str, BasisSet] | None) -> None:
    """Refuse an internal library together with basis sets or ghosts: it replaces all sets, and has no GHOSTS."""
    if basis_sets:
        raise DeckInputError(
            'basis_sets', f'basis sets are given and `basis.library` names `{library}`: CRYSTAL takes one of the two'
        )
    ghosts = sorted({kind for site, kind in zip(geometry.sites, geometry.kinds, strict=True) if site.ghost})
    if ghosts:
        raise DeckInputError(
            'kinds', f'{", ".join(ghosts)} cannot be a ghost with the internal library `{library}`: give basis sets'
        )


def _check_basis(geometry: Geometry, parameters: CrystalParameters, basis_sets: Mapping[str, BasisSet]) -> None:
    """Refuse kinds without a basis set of their element, and a cell that is not neutral without CHARGED."""
    try:
        check_coverage(geometry, basis_sets)
    except ValueError as exception:
        raise DeckInputError(
            'basis_sets', f'{exception}; add one to `basis_sets`, or take a family that has this element'
        ) from exception
    if parameters.basis.charged:
        return
    try:
        check_neutrality(geometry, basis_sets)
    except ValueError as exception:
        raise DeckInputError('basis_sets', str(exception)) from exception


def _parameters(parameters: CrystalParameters | Mapping[str, Any]) -> CrystalParameters:
    """Return the parameters as a model."""
    if isinstance(parameters, CrystalParameters):
        return parameters
    return CrystalParameters.model_validate(dict(parameters))


def _complete(parameters: CrystalParameters, reduced: ReducedGeometry) -> CrystalParameters:
    """Add what depends on CRYSTAL's order of the atoms: starting spins, ghosts; and a title."""
    data = parameters.to_dict()
    sites = reduced.crystal_geometry.sites
    spins = [[index, site.spin] for index, site in enumerate(sites, start=1) if site.spin]
    if spins:
        data.setdefault('scf', {})['atomspin'] = spins
    ghosts = [index for index, site in enumerate(sites, start=1) if site.ghost]
    if ghosts:
        basis = data.setdefault('basis', {})
        basis['ghosts'] = sorted({*(basis.get('ghosts') or ()), *ghosts})
    if not data.get('title'):
        data['title'] = reduced.source.reduced_formula or 'ghosts'
    return CrystalParameters.model_validate(data)
