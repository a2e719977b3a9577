"""The kinds of step that a sequence is put together from: which work chain each runs, what it takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from aiida_crystalmath.workflows.protocols.merge import did_you_mean

__all__ = ('KINDS', 'STRUCTURE', 'WAVEFUNCTION', 'Kind', 'kind_of')

STRUCTURE, WAVEFUNCTION = 'structure', 'wavefunction'

PERIODIC = (1, 2, 3)
ALL = (0, 1, 2, 3)


@dataclass(frozen=True)
class Kind:
    """A kind of step.

    :param name: what is written in a sequence.
    :param chain: entry point of the work chain, below ``crystalmath.crystal``.
    :param text: what it does, in words.
    :param takes: ``structure``, or ``wavefunction`` of a step before it.
    :param gives: what later steps can take from it.
    :param dimensionalities: of the structures for which it means anything (0: molecules).
    :param needs_properties: whether the program ``properties`` is run.
    :param arguments: of the chain's ``get_builder_from_protocol``, unless the step has its own.
    :param numbers: keys of the chain's outputs (``Dict``) that sum it up; those that are there are shown.
    """

    name: str
    chain: str
    text: str
    takes: str = STRUCTURE
    gives: tuple[str, ...] = ()
    dimensionalities: tuple[int, ...] = ALL
    needs_properties: bool = False
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    numbers: tuple[str, ...] = ()

    @property
    def entry_point(self) -> str:
        """Return the entry point of the work chain."""
        return f'crystalmath.crystal.{self.chain}'

    def load(self) -> Any:
        """Return the class of the work chain.

        :raises ValueError: if it is not installed.
        """
        from aiida.common.exceptions import EntryPointError
        from aiida.plugins import WorkflowFactory

        try:
            return WorkflowFactory(self.entry_point)
        except EntryPointError as exception:
            raise ValueError(
                f'a step of kind "{self.name}" needs the work chain {self.entry_point}, which cannot be loaded: '
                f'{str(exception).splitlines()[0].rstrip(":")}'
            ) from exception


OF_PROPERTIES: Any = {'takes': WAVEFUNCTION, 'dimensionalities': PERIODIC, 'needs_properties': True}
SCF_NUMBERS = ('energy_hartree', 'gap_ev', 'is_conducting', 'total_spin')

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind('opt', 'geopt', 'geometry optimisation', gives=(STRUCTURE, WAVEFUNCTION), numbers=SCF_NUMBERS),
            Kind('sp', 'base', 'single point', gives=(WAVEFUNCTION,), numbers=SCF_NUMBERS),
            Kind('bands', 'bands', 'band structure', **OF_PROPERTIES, numbers=('fermi_energy_ev',)),
            Kind('dos', 'dos', 'density of states', **OF_PROPERTIES, numbers=('fermi_energy_ev',)),
            Kind('cohp', 'cohp', 'bonding analysis', **OF_PROPERTIES, numbers=('fermi_energy_ev',)),
            Kind('transport', 'transport', 'transport coefficients (BOLTZTRA)', **OF_PROPERTIES),
            Kind('maps', 'maps', 'maps and cubes of the charge density', takes=WAVEFUNCTION, needs_properties=True),
            Kind('freq', 'frequencies', 'vibrations at Gamma', numbers=('zero_point_energy_ev', 'n_imaginary')),
            Kind('phonons', 'phonons', 'phonon dispersion', dimensionalities=PERIODIC),
            Kind(
                'elastic',
                'elastic',
                'elastic constants',
                dimensionalities=(2, 3),
                numbers=('bulk_hill_gpa', 'shear_hill_gpa', 'is_stable'),
            ),
            Kind(
                'eos',
                'eos',
                'equation of state',
                gives=(STRUCTURE,),
                dimensionalities=PERIODIC,
                numbers=('volume_angstrom3', 'area_angstrom2', 'length_angstrom', 'bulk_modulus_gpa'),
            ),
            Kind(
                'thermodynamics',
                'quasi_harmonic',
                'quasi-harmonic thermodynamics',
                dimensionalities=(3,),
                numbers=('static_volume_angstrom3', 'static_bulk_modulus_gpa', 'n_imaginary'),
            ),
            Kind('convergence', 'convergence', 'convergence of numerical parameters'),
            Kind('magnetic', 'magnetic', 'spin orderings'),
            Kind(
                'slab',
                'slab',
                'slab and surface energy',
                gives=(STRUCTURE, WAVEFUNCTION),
                dimensionalities=(3,),
                needs_properties=True,
                numbers=('surface_energy_j_per_m2', 'work_function_ev'),
            ),
            Kind(
                'counterpoise',
                'counterpoise',
                'interaction energy without superposition error',
                numbers=('interaction_energy_ev', 'interaction_energy_kj_per_mol'),
            ),
        )
    }
)
"""Every kind of step by its name."""


def kind_of(name: str) -> Kind:
    """Return the kind called ``name``.

    :raises ValueError: if there is none.
    """
    if name not in KINDS:
        raise ValueError(f'there is no kind of step "{name}": {did_you_mean(name, list(KINDS))}')
    return KINDS[name]
