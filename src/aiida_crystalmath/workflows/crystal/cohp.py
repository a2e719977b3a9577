"""Bonds between atoms with CRYSTAL: overlap and Hamilton populations over the energy (COOP, COHP)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.parent import Parent
from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.cohp_input import BETWEEN, bonds_of, cohp_blocks, crystal_pairs
from aiida_crystalmath.workflows.crystal.dos import validate_window
from aiida_crystalmath.workflows.crystal.properties_prepared import PreparedPropertiesWorkChain
from aiida_crystalmath.workflows.crystal.validation import check_properties, positive
from aiida_crystalmath.workflows.functions.bonds import bond_populations
from aiida_crystalmath.workflows.protocols.merge import did_you_mean

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalCohpWorkChain',)

DEFAULT_DISTANCE = 0.2
DEFAULT_POINTS = 1000
DEFAULT_WINDOW = (-30.0, 10.0)


class CrystalCohpWorkChain(PreparedPropertiesWorkChain):
    """Compute COOP and COHP between neighbouring atoms, and integrate them over the occupied states.

    Neighbours are found: the nearest ones of every atom, or all within ``cohp_cutoff_angstrom``; ``cohp_pairs`` names
    them instead. CRYSTAL takes the second group of an interaction with all its images, so that a bond of the primitive
    cell stands for all its equivalents: ``n_bonds`` counts them.
    """

    _protocol_file: ClassVar[str] = 'crystal/cohp.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs and outputs."""
        super().define(spec)
        number: dict[str, Any] = {'required': False, 'serializer': orm.to_aiida_type}
        spec.input(
            'cohp_between',
            valid_type=orm.Str,
            validator=validate_between,
            help='`atoms` (default): every two neighbours apart; `kinds`: all atoms of one kind with all of another.',
            **number,
        )
        spec.input(
            'cohp_pairs',
            valid_type=orm.List,
            validator=validate_pairs,
            help='Pairs of atoms of the structure, from 1, instead of neighbours.',
            **number,
        )
        spec.input(
            'cohp_cutoff_angstrom',
            valid_type=orm.Float,
            validator=positive,
            help='Largest distance of neighbours, Å; by default the nearest ones of every atom are taken.',
            **number,
        )
        spec.input(
            'cohp_energy_window_ev',
            valid_type=orm.List,
            validator=validate_window,
            help='Lowest and highest energy in eV, from the Fermi energy or the top of the valence bands (default '
            f'{list(DEFAULT_WINDOW)}). What lies below is not in the integrals.',
            **number,
        )
        spec.input(
            'cohp_n_points',
            valid_type=orm.Int,
            validator=positive,
            help=f'Number of energies (default {DEFAULT_POINTS}).',
            **number,
        )
        spec.input(
            'cohp_kpoints_distance',
            valid_type=orm.Float,
            validator=positive,
            help=f'Largest distance between k-points, 1/Å (default {DEFAULT_DISTANCE}); NEWK gets the mesh.',
            **number,
        )
        spec.inputs.validator = validate_inputs
        spec.output('output_cohp', valid_type=orm.XyData, help='Over eV; energy per energy and cell.')
        spec.output('output_coop', valid_type=orm.XyData, required=False, help='Over eV; electrons/eV/cell.')
        spec.output('output_bonds', valid_type=orm.Dict, required=False, help='Every bond with its integrals.')
        spec.output('cohp_parameters', valid_type=orm.Dict, required=False, help='Numbers of the properties run.')

    def blocks(self) -> list[dict[str, Any]]:
        """Return the blocks NEWK, COOP and COHP, and keep what the bonds are."""
        geometry = Parent.of(self.ctx.folder).wavefunction_geometry()
        pairs = self.value('cohp_pairs', None)
        bonds = bonds_of(
            geometry,
            between=self.value('cohp_between', BETWEEN[0]),
            pairs=None if pairs is None else crystal_pairs(self.ctx.folder, pairs),
            cutoff=self.value('cohp_cutoff_angstrom', None),
        )
        self.ctx.bonds = [bond.to_dict() for bond in bonds]
        self.report('bonds: ' + ', '.join(f'{bond.label} ({bond.count} x {bond.distance:.3f} Å)' for bond in bonds))
        low, high = self.value('cohp_energy_window_ev', DEFAULT_WINDOW)
        return cohp_blocks(
            geometry,
            bonds,
            distance=self.value('cohp_kpoints_distance', DEFAULT_DISTANCE),
            n_points=self.value('cohp_n_points', DEFAULT_POINTS),
            window_ev=(low, high),
            fermi_energy_ev=self.fermi_energy_ev(),
        )

    def analyse(self) -> ExitCode | None:
        """Integrate the curves of each bond."""
        outputs = self.ctx.properties.outputs
        scf = Parent.of(self.ctx.folder).node.outputs
        if 'bonds' not in self.ctx or any(name not in outputs for name in ('output_cohp', 'output_coop')):
            return None
        populations, node = bond_populations.run_get_node(
            outputs.output_cohp,
            outputs.output_coop,
            orm.List(self.ctx.bonds),
            scf.output_parameters,
            metadata={'call_link_label': 'bond_populations'},  # type: ignore[call-arg]
        )
        if node.is_finished_ok:
            self.ctx.populations = populations
        else:
            self.report(f'the curves were not integrated: {node.exit_message}')
        return None

    def results(self) -> None:
        """Attach the outputs that there are."""
        super().results()
        outputs = node_outputs(self.ctx.properties)
        self.attach(
            output_cohp=outputs.get('output_cohp'),
            output_coop=outputs.get('output_coop'),
            output_bonds=self.ctx.get('populations'),
            cohp_parameters=outputs.get('output_parameters'),
        )


def validate_between(value: orm.Str | None, _: Any) -> str | None:
    """Validate what bonds are between."""
    if value is not None and value.value not in BETWEEN:
        return f'"{value.value}" is not known: {did_you_mean(value.value, list(BETWEEN))}'
    return None


def validate_pairs(value: orm.List | None, _: Any) -> str | None:
    """Validate pairs of atoms: two different numbers from 1 each."""
    for pair in [] if value is None else value.get_list():
        good = isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(i, int) and i >= 1 for i in pair)
        if not good or pair[0] == pair[1]:
            return f'{pair} is not a pair of two atoms of the structure, numbered from 1.'
    return None


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs against each other; a wrapping chain gives wavefunction and structure itself."""
    if 'cohp_pairs' in inputs and 'cohp_cutoff_angstrom' in inputs:
        return '`cohp_pairs` names the bonds, `cohp_cutoff_angstrom` has them found: keep one.'
    if 'parent_folder' not in ctx:
        return None
    message = check_properties(inputs, 'a bond analysis')
    if message is None and 'structure' in inputs:
        if not any(inputs['structure'].pbc):
            return (
                '`structure` is a molecule: populations over the energy are for bands; the overlap populations of its '
                'atoms are printed by a single point with PPAN.'
            )
        pairs = inputs['cohp_pairs'].get_list() if 'cohp_pairs' in inputs else []
        largest, n_atoms = max((atom for pair in pairs for atom in pair), default=0), len(inputs['structure'].sites)
        if largest > n_atoms:
            return f'`cohp_pairs`: the structure has {n_atoms} atoms, not {largest}.'
    return message
