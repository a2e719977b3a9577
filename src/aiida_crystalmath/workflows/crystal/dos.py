"""Density of states with CRYSTAL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm

from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.dos_input import PROJECTIONS, dos_blocks
from aiida_crystalmath.workflows.crystal.properties_prepared import PreparedPropertiesWorkChain
from aiida_crystalmath.workflows.crystal.validation import check_properties, positive
from aiida_crystalmath.workflows.protocols.merge import did_you_mean

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalDosWorkChain',)

DEFAULT_DISTANCE = 0.2
DEFAULT_POINTS = 1000
DEFAULT_WINDOW = (-15.0, 12.0)


class CrystalDosWorkChain(PreparedPropertiesWorkChain):
    """Compute the density of states, in total and projected on kinds of atoms or on atoms."""

    _protocol_file: ClassVar[str] = 'crystal/dos.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input(
            'dos_kpoints_distance',
            valid_type=orm.Float,
            required=False,
            serializer=orm.to_aiida_type,
            validator=positive,
            help=f'Largest distance between k-points, 1/Å (default {DEFAULT_DISTANCE}); NEWK gets the mesh.',
        )
        spec.input(
            'dos_n_points',
            valid_type=orm.Int,
            required=False,
            serializer=orm.to_aiida_type,
            validator=positive,
            help=f'Number of energies (default {DEFAULT_POINTS}).',
        )
        spec.input(
            'dos_energy_window_ev',
            valid_type=orm.List,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_window,
            help='Lowest and highest energy in eV, from the Fermi energy or the top of the valence bands '
            f'(default {list(DEFAULT_WINDOW)}).',
        )
        spec.input(
            'dos_projections',
            valid_type=orm.Str,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_projections,
            help=f'One of {", ".join(PROJECTIONS)} (default kinds): what the density is projected on.',
        )
        spec.inputs.validator = validate_inputs
        spec.output('output_dos', valid_type=orm.XyData, help='Total; energies in eV, states/eV/cell.')
        spec.output('output_dos_projected', valid_type=(orm.XyData, orm.ArrayData), required=False)
        spec.output('dos_parameters', valid_type=orm.Dict, required=False, help='Numbers of the properties run.')

    def blocks(self) -> list[dict[str, Any]]:
        """Return the blocks NEWK and DOSS."""
        low, high = self.value('dos_energy_window_ev', DEFAULT_WINDOW)
        return dos_blocks(
            self.ctx.folder,
            distance=self.value('dos_kpoints_distance', DEFAULT_DISTANCE),
            n_points=self.value('dos_n_points', DEFAULT_POINTS),
            window_ev=(low, high),
            fermi_energy_ev=self.fermi_energy_ev(),
            projections=self.value('dos_projections', PROJECTIONS[0]),
        )

    def results(self) -> None:
        """Attach the outputs that there are."""
        super().results()
        outputs = node_outputs(self.ctx.properties)
        self.attach(
            output_dos=outputs.get('output_dos'),
            output_dos_projected=outputs.get('output_dos_projected'),
            dos_parameters=outputs.get('output_parameters'),
        )


def validate_window(value: orm.List | None, _: Any) -> str | None:
    """Validate an energy window: two rising numbers."""
    if value is None:
        return None
    window = value.get_list()
    if len(window) != 2 or not all(isinstance(item, int | float) for item in window) or not window[0] < window[1]:
        return f'must be the lowest and the highest energy in eV, for example [-15, 12], not {window}.'
    return None


def validate_projections(value: orm.Str | None, _: Any) -> str | None:
    """Validate the name of a projection."""
    if value is not None and value.value not in PROJECTIONS:
        return f'"{value.value}" is not known: {did_you_mean(value.value, list(PROJECTIONS))}'
    return None


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs against each other; a wrapping chain gives wavefunction and structure itself."""
    if 'parent_folder' not in ctx:
        return None
    return check_properties(inputs, 'a density of states')
