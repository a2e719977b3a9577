"""Band structure with CRYSTAL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, if_

from aiida_crystalmath.calculations.properties23 import Crystal23PropertiesCalculation
from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.properties_chain import PropertiesWorkChain
from aiida_crystalmath.workflows.crystal.validation import check_properties, positive
from aiida_crystalmath.workflows.functions.band_path import band_path
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalBandStructureWorkChain',)

DEFAULT_DISTANCE = 0.05
"""Distance between points of the path, 1/Å, if none is asked for."""


class CrystalBandStructureWorkChain(PropertiesWorkChain):
    """Compute a band structure along lines of high symmetry, or along given k-points.

    The path is that of the structure of the wavefunction: the optimised one if the wavefunction is of an optimisation.
    """

    _protocol_file: ClassVar[str] = 'crystal/bands.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.expose_inputs(
            Crystal23PropertiesCalculation, namespace='properties', exclude=('parent_folder', 'parameters', 'kpoints')
        )
        spec.input(
            'bands_kpoints',
            valid_type=orm.KpointsData,
            required=False,
            help='The path, in the reciprocal cell of the structure, labelled at both ends of every segment. By '
            'default the path of Hinuma et al. (seekpath).',
        )
        spec.input(
            'bands_kpoints_distance',
            valid_type=orm.Float,
            required=False,
            serializer=orm.to_aiida_type,
            validator=positive,
            help=f'Largest distance between neighbouring points of the path, 1/Å (default {DEFAULT_DISTANCE}).',
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_scf)(
                steps.run_scf,
                steps.inspect_scf,
            ),
            steps.make_path,
            steps.run_properties,
            steps.inspect_properties,
            steps.results,
        )
        spec.output('output_bands', valid_type=orm.BandsData, help='eV; labelled at both ends of every segment.')
        spec.output('band_parameters', valid_type=orm.Dict, required=False, help='Numbers of the properties run.')
        spec.output('bands_kpoints', valid_type=orm.KpointsData, required=False, help='The path that was made.')
        spec.exit_code(204, 'ERROR_NO_BAND_PATH', message='No path could be made for the band structure: {reason}')

    def make_path(self) -> ExitCode | None:
        """Take the path given, or make one for the structure of the wavefunction."""
        if 'bands_kpoints' in self.inputs:
            self.ctx.properties_inputs = {'kpoints': self.inputs.bands_kpoints}
            return None
        distance = self.inputs.get('bands_kpoints_distance') or orm.Float(DEFAULT_DISTANCE)
        path, node = band_path.run_get_node(
            structure=self.ctx.structure,
            distance=distance,
            metadata={'call_link_label': 'band_path'},  # type: ignore[call-arg]
        )
        if not node.is_finished_ok:
            return formatted(self.exit_codes.ERROR_NO_BAND_PATH, reason=node.exit_message)
        self.ctx.properties_inputs = {'kpoints': path}
        self.out('bands_kpoints', path)
        return None

    def results(self) -> None:
        """Attach the outputs that there are."""
        super().results()
        outputs = node_outputs(self.ctx.properties)
        self.attach(output_bands=outputs.get('output_bands'), band_parameters=outputs.get('output_parameters'))

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
        bands_kpoints: orm.KpointsData | None = None,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: of ``crystal``; ``None`` with a ``parent_folder``.
        :param structure: crystal, slab or polymer; ``None`` with a ``parent_folder``.
        :param properties_code: of ``properties``.
        :param parent_folder: of a finished run of ``crystal``: its wavefunction is taken and none computed.
        :param bands_kpoints: the path, if not that of seekpath.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong.
        """
        if structure is not None and arguments.check_structure(structure) == 0:
            raise ValueError('a molecule has no band structure: use CrystalBaseWorkChain for its levels.')
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
        if bands_kpoints is not None:
            builder.bands_kpoints = bands_kpoints
            builder.pop('bands_kpoints_distance', None)
        return builder


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs against each other; a wrapping chain gives wavefunction and structure itself."""
    if 'bands_kpoints' in inputs and 'bands_kpoints_distance' in inputs:
        return '`bands_kpoints` and `bands_kpoints_distance` are both given: keep one.'
    if 'parent_folder' not in ctx:
        return None
    message = check_properties(inputs, 'a band structure')
    if message is None and 'structure' in inputs and not any(inputs['structure'].pbc):
        return '`structure` is a molecule: it has no band structure.'
    return message
