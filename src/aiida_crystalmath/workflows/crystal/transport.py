"""Electronic transport with CRYSTAL: conductivity, Seebeck coefficient and thermal conductivity (BOLTZTRA)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode

from aiida_crystalmath.calculations.parent import Parent
from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.properties_prepared import PreparedPropertiesWorkChain
from aiida_crystalmath.workflows.crystal.transport_input import transport_blocks
from aiida_crystalmath.workflows.crystal.validation import check_properties, positive
from aiida_crystalmath.workflows.functions.transport import transport_summary

if TYPE_CHECKING:
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalTransportWorkChain',)

DEFAULTS: dict[str, Any] = {
    'transport_kpoints_distance': 0.05,
    'transport_temperatures_k': [300.0, 800.0, 100.0],
    'transport_window_ev': [-1.5, 1.5],
    'transport_mu_step_ev': 0.02,
    'transport_tdf_step_ev': 0.005,
    'transport_relaxation_time_fs': 10.0,
}
HELP = {
    'transport_kpoints_distance': 'Largest distance between k-points, 1/Å; transport wants far denser meshes than '
    'energies.',
    'transport_mu_step_ev': 'Step of the chemical potential, eV.',
    'transport_tdf_step_ev': 'Step of the energies of the transport distribution function, eV.',
    'transport_relaxation_time_fs': 'The one relaxation time of all electrons, fs. It is an input, no result: '
    'conductivities are proportional to it, the Seebeck coefficient does not depend on it.',
}


class CrystalTransportWorkChain(PreparedPropertiesWorkChain):
    """Compute electronic transport coefficients by Boltzmann's equation in the constant relaxation-time approximation.

    The bands are rigid: doping and temperature move the chemical potential only. CRYSTAL writes SI units.
    """

    _protocol_file: ClassVar[str] = 'crystal/transport.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs and outputs."""
        super().define(spec)
        common: dict[str, Any] = {'required': False, 'serializer': orm.to_aiida_type}
        for name, text in HELP.items():
            spec.input(
                name, valid_type=orm.Float, validator=positive, help=f'{text} (default {DEFAULTS[name]})', **common
            )
        spec.input(
            'transport_temperatures_k',
            valid_type=orm.List,
            validator=validate_temperatures,
            help=f'Lowest and highest temperature and step, K (default {DEFAULTS["transport_temperatures_k"]}).',
            **common,
        )
        spec.input(
            'transport_window_ev',
            valid_type=orm.List,
            validator=validate_window,
            help='How far the chemical potential goes below the top of the valence bands and above the bottom of the '
            f'conduction bands, or around the Fermi energy of a metal, eV (default {DEFAULTS["transport_window_ev"]}).',
            **common,
        )
        spec.input(
            'transport_table_temperature_k',
            valid_type=orm.Float,
            default=lambda: orm.Float(300.0),
            validator=positive,
            serializer=orm.to_aiida_type,
            help='Temperature of the table in `output_transport_summary`, K.',
        )
        spec.inputs.validator = validate_inputs
        spec.output(
            'output_transport',
            valid_type=orm.ArrayData,
            help='Coefficients as tensors over temperature and chemical potential; SI units.',
        )
        spec.output(
            'output_transport_summary',
            valid_type=orm.Dict,
            required=False,
            help='Averages at a few chemical potentials, and the relaxation time.',
        )
        spec.output('transport_parameters', valid_type=orm.Dict, required=False, help='Numbers of the properties run.')

    def blocks(self) -> list[dict[str, Any]]:
        """Return the blocks NEWK and BOLTZTRA."""
        parent = Parent.of(self.ctx.folder)
        names = {
            'distance': 'transport_kpoints_distance',
            'temperatures_k': 'transport_temperatures_k',
            'window_ev': 'transport_window_ev',
            'mu_step_ev': 'transport_mu_step_ev',
            'tdf_step_ev': 'transport_tdf_step_ev',
            'relaxation_time_fs': 'transport_relaxation_time_fs',
        }
        asked = {key: self.value(name, DEFAULTS[name]) for key, name in names.items()}
        return transport_blocks(parent.wavefunction_geometry(), parent.results, **asked)

    def analyse(self) -> ExitCode | None:
        """Tell the coefficients at a few chemical potentials."""
        outputs = self.ctx.properties.outputs
        scf = Parent.of(self.ctx.folder).node.outputs
        if 'output_transport' not in outputs or 'output_parameters' not in scf:
            return None
        summary, node = transport_summary.run_get_node(
            outputs.output_transport,
            scf.output_parameters,
            self.inputs.transport_table_temperature_k,
            metadata={'call_link_label': 'transport_summary'},  # type: ignore[call-arg]
        )
        if node.is_finished_ok:
            self.ctx.summary = summary
        else:
            self.report(f'there is no table of coefficients: {node.exit_message}')
        return None

    def results(self) -> None:
        """Attach the outputs that there are."""
        super().results()
        outputs = node_outputs(self.ctx.properties)
        self.attach(
            output_transport=outputs.get('output_transport'),
            output_transport_summary=self.ctx.get('summary'),
            transport_parameters=outputs.get('output_parameters'),
        )


def validate_temperatures(value: orm.List | None, _: Any) -> str | None:
    """Validate lowest and highest temperature and step."""
    if value is None:
        return None
    numbers = value.get_list()
    if len(numbers) != 3 or not all(isinstance(item, int | float) and item > 0 for item in numbers):
        return f'must be the lowest and highest temperature and a step, K, for example [300, 800, 100], not {numbers}.'
    return None if numbers[0] <= numbers[1] else f'the lowest temperature comes first, not {numbers}.'


def validate_window(value: orm.List | None, _: Any) -> str | None:
    """Validate how far chemical potentials go down (negative) and up."""
    if value is None:
        return None
    window = value.get_list()
    if len(window) != 2 or not all(isinstance(item, int | float) for item in window) or not window[0] < 0 < window[1]:
        return f'must be a negative and a positive number of eV, for example [-1.5, 1.5], not {window}.'
    return None


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Validate the inputs against each other; a wrapping chain gives wavefunction and structure itself."""
    if 'parent_folder' not in ctx:
        return None
    message = check_properties(inputs, 'transport')
    if message is None and 'structure' in inputs and not any(inputs['structure'].pbc):
        return '`structure` is a molecule: it has no bands to carry a current.'
    return message
