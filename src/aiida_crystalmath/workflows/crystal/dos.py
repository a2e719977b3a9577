"""Density of states with CRYSTAL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, if_

from aiida_crystalmath.calculations.properties23 import Crystal23PropertiesCalculation
from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.dos_input import PROJECTIONS, dos_blocks
from aiida_crystalmath.workflows.crystal.properties_chain import PropertiesWorkChain
from aiida_crystalmath.workflows.crystal.validation import check_properties, positive
from aiida_crystalmath.workflows.protocols.merge import did_you_mean
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalDosWorkChain',)

DEFAULT_DISTANCE = 0.2
DEFAULT_POINTS = 1000
DEFAULT_WINDOW = (-15.0, 12.0)


class CrystalDosWorkChain(PropertiesWorkChain):
    """Compute the density of states, in total and projected on kinds of atoms or on atoms."""

    _protocol_file: ClassVar[str] = 'crystal/dos.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.expose_inputs(Crystal23PropertiesCalculation, namespace='properties', exclude=('parent_folder', 'kpoints'))
        spec.inputs['properties']['parameters'].required = False  # type: ignore[index]
        spec.inputs['properties']['parameters'].help = (  # type: ignore[index]
            'The whole input of properties. By default it is made from the inputs `dos_*`.'
        )
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
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_scf)(
                steps.run_scf,
                steps.inspect_scf,
            ),
            steps.make_input,
            steps.run_properties,
            steps.inspect_properties,
            steps.results,
        )
        spec.output('output_dos', valid_type=orm.XyData, help='Total; energies in eV, states/eV/cell.')
        spec.output('output_dos_projected', valid_type=(orm.XyData, orm.ArrayData), required=False)
        spec.output('dos_parameters', valid_type=orm.Dict, required=False, help='Numbers of the properties run.')
        spec.exit_code(205, 'ERROR_NO_DOS_INPUT', message='No input could be made for the density of states: {reason}')

    def make_input(self) -> ExitCode | None:
        """Take the input of ``properties`` given, or make one."""
        if 'parameters' in self.inputs.properties:
            return None
        window = self.inputs.get('dos_energy_window_ev')
        points = self.inputs.get('dos_n_points')
        distance = self.inputs.get('dos_kpoints_distance')
        projections = self.inputs.get('dos_projections')
        try:
            blocks = dos_blocks(
                self.ctx.folder,
                distance=DEFAULT_DISTANCE if distance is None else distance.value,
                n_points=DEFAULT_POINTS if points is None else points.value,
                window_ev=DEFAULT_WINDOW if window is None else tuple(window.get_list()),
                fermi_energy_ev=self.fermi_energy_ev(),
                projections=PROJECTIONS[0] if projections is None else projections.value,
            )
        except ValueError as exception:
            return formatted(self.exit_codes.ERROR_NO_DOS_INPUT, reason=exception)
        self.ctx.properties_inputs = {'parameters': orm.Dict({'blocks': blocks})}
        return None

    def results(self) -> None:
        """Attach the outputs that there are."""
        super().results()
        outputs = node_outputs(self.ctx.properties)
        self.attach(
            output_dos=outputs.get('output_dos'),
            output_dos_projected=outputs.get('output_dos_projected'),
            dos_parameters=outputs.get('output_parameters'),
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str | None,
        structure: orm.StructureData | None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        properties_code: orm.AbstractCode | str,
        parent_folder: orm.RemoteData | None = None,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: of ``crystal``; ``None`` with a ``parent_folder``.
        :param structure: ``None`` with a ``parent_folder``.
        :param properties_code: of ``properties``.
        :param parent_folder: of a finished run of ``crystal``: its wavefunction is taken and none computed.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong.
        """
        builder: ProcessBuilder = cls._builder(
            code,
            structure,
            protocol,
            overrides,
            properties_code=properties_code,
            parent_folder=parent_folder,
            electronic_type=electronic_type,
            spin_type=spin_type,
            initial_magnetic_moments=initial_magnetic_moments,
            options=options,
        )
        return builder


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
