"""Vibrational frequencies at Gamma, infrared and Raman intensities, thermodynamic functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiida import orm
from aiida.engine import if_

from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.chain import node_outputs
from aiida_crystalmath.workflows.crystal.frequency_input import freqcalc_block
from aiida_crystalmath.workflows.crystal.relaxed_chain import RelaxedWorkChain, check_parts
from aiida_crystalmath.workflows.crystal.validation import positive
from aiida_crystalmath.workflows.functions.vibrations import (
    infrared_spectrum,
    raman_spectrum,
    summarise_vibrations,
    thermal_properties,
)
from aiida_crystalmath.workflows.types import ElectronicType, RelaxType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalFrequenciesWorkChain',)

LOWEST_TOLDEE = 10
"""Below it CRYSTAL itself warns: ``PROBABLE LOSS IN FREQCALC ACCURACY; SCF TOL LT 10``."""

HANDED_ON: dict[str, tuple[type, str]] = {
    'output_modes': (orm.ArrayData, 'Frequencies, symmetry, intensities and eigenvectors.'),
    'output_hessian': (orm.ArrayData, 'Second derivatives of the energy.'),
    'output_born_charges': (orm.ArrayData, 'Born charges, with infrared intensities.'),
    'output_dielectric': (orm.ArrayData, 'Dielectric tensors, where computed or given.'),
    'output_thermodynamics': (orm.ArrayData, "CRYSTAL's own table of thermodynamic functions."),
    'output_ir_spectrum': (orm.XyData, "CRYSTAL's own infrared spectrum (IRSPEC)."),
    'output_raman_spectrum': (orm.XyData, "CRYSTAL's own Raman spectrum (RAMSPEC)."),
}
"""Outputs of the run that this chain hands on: type and help."""

DEFAULT_TEMPERATURES = [0.0, 1000.0, 101]
DEFAULT_FWHM = 10.0


class CrystalFrequenciesWorkChain(RelaxedWorkChain):
    """Relax a structure tightly, then compute its harmonic vibrations at Gamma.

    Imaginary frequencies do not make the chain fail: they are told in ``output_vibrations``, where translations and
    rotations are known by their eigenvectors and kept apart.
    """

    part = 'frequencies'
    part_help = 'The frequency calculation; `geometry.freqcalc` must be in its parameters.'
    _protocol_file: ClassVar[str] = 'crystal/frequencies.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline and outputs."""
        super().define(spec)
        spec.input(
            'temperatures_k',
            valid_type=orm.List,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_temperatures,
            help=f'Lowest and highest temperature (K) of `output_thermal`, and their number '
            f'(default {DEFAULT_TEMPERATURES}).',
        )
        spec.input(
            'spectrum_fwhm_cm1',
            valid_type=orm.Float,
            required=False,
            serializer=orm.to_aiida_type,
            validator=positive,
            help=f'Full width of the lines of the broadened spectra at half maximum (default {DEFAULT_FWHM}).',
        )
        spec.inputs.validator = validate_inputs
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_geopt)(
                steps.run_geopt,
                steps.inspect_geopt,
            ),
            steps.run_part,
            steps.inspect_part,
            steps.analyse,
            steps.results,
        )
        for name, (valid_type, text) in HANDED_ON.items():
            spec.output(name, valid_type=valid_type, required=False, help=text)
        spec.output(
            'output_vibrations',
            valid_type=orm.Dict,
            required=False,
            help='Rigid motions and imaginary modes told apart, zero-point energy, warnings.',
        )
        spec.output(
            'output_thermal',
            valid_type=orm.XyData,
            required=False,
            help='Harmonic free energy, internal energy, entropy and heat capacity against temperature, per mole of '
            'the cell (molecule), of the vibrations only.',
        )
        spec.output('output_ir_broadened', valid_type=orm.XyData, required=False, help='Lorentzians, powder.')
        spec.output('output_raman_broadened', valid_type=orm.XyData, required=False, help='Lorentzians, powder.')

    def analyse(self) -> None:
        """Derive from the modes what users ask of them."""
        outputs = node_outputs(self.ctx.run)
        modes = outputs.get('output_modes')
        if modes is None or 'masses_amu' not in modes.get_arraynames():
            self.report('no complete modes with their atoms were found: nothing is derived from them')
            return
        given = {'forces': outputs['output_forces']} if 'output_forces' in outputs else {}
        summary = summarise_vibrations(modes=modes, parameters=outputs['output_parameters'], **given)
        self.out('output_vibrations', summary)
        for warning in summary['warnings']:
            self.report(f'warning: {warning}')
        temperatures = self.inputs.get('temperatures_k', orm.List(DEFAULT_TEMPERATURES))
        fwhm = self.inputs.get('spectrum_fwhm_cm1', orm.Float(DEFAULT_FWHM))
        self.out('output_thermal', thermal_properties(modes, temperatures))
        if 'ir_intensities_km_per_mol' in modes.get_arraynames():
            self.out('output_ir_broadened', infrared_spectrum(modes, fwhm))
        if 'raman_intensities' in modes.get_arraynames():
            self.out('output_raman_broadened', raman_spectrum(modes, fwhm))

    def results(self) -> None:
        """Attach the outputs that there are."""
        super().results()
        outputs = node_outputs(self.ctx.run)
        self.attach(**{name: outputs.get(name) for name in HANDED_ON})

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        relax_type: RelaxType | str = RelaxType.POSITIONS_CELL,
        infrared: bool | None = None,
        raman: bool = False,
        temperatures: tuple[int, float, float] | None = None,
        pressures: tuple[int, float, float] | None = None,
        isotopes: Mapping[str, float] | None = None,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param relax_type: of the optimisation before, by tight thresholds; ``NONE`` takes the structure as it is.
        :param infrared: infrared intensities and Born charges (INTENS); ``None``: yes, but for a metal.
        :param raman: Raman intensities (INTRAMAN with INTCPHF, which also gives the dielectric tensor), by
            coupled-perturbed equations, at several times the cost, for closed shells.
        :param temperatures: number, lowest and highest (K) of CRYSTAL's own table (TEMPERAT); 298.15 K without it.
        :param pressures: number, lowest and highest (MPa) of that table (PRESSURE).
        :param isotopes: masses (amu) by kind, ``{'H': 2.014}``, of every atom of the kind (ISOTOPES).

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong.
        """
        arguments.check_structure(structure)
        electronic_type = arguments.check_electronic_type(electronic_type)
        block = freqcalc_block(
            structure,
            metal=electronic_type is ElectronicType.METAL,
            infrared=infrared,
            raman=raman,
            temperatures=temperatures,
            pressures=pressures,
            isotopes=isotopes,
        )
        builder: ProcessBuilder = cls.relaxed_builder(
            code,
            structure,
            protocol,
            overrides,
            {'geometry': {'freqcalc': block}},
            relax_type=relax_type,
            electronic_type=electronic_type,
            spin_type=spin_type,
            initial_magnetic_moments=initial_magnetic_moments,
            options=options,
        )
        inputs = cls.get_protocol_inputs(protocol, overrides)
        for name in ('temperatures_k', 'spectrum_fwhm_cm1'):
            if name in inputs:
                builder[name] = orm.to_aiida_type(inputs[name])
        return builder


def validate_temperatures(value: orm.List | None, _: Any) -> str | None:
    """Validate a range of temperatures: two rising numbers and how many points."""
    if value is None:
        return None
    found = value.get_list()
    if len(found) != 3 or not all(isinstance(item, int | float) for item in found):
        return f'must be the lowest and the highest temperature (K) and their number, as [0, 1000, 101], not {found}.'
    if not 0 <= found[0] < found[1] or int(found[2]) != found[2] or found[2] < 2:
        return f'must rise from 0 K or more, with at least two points, as [0, 1000, 101], not {found}.'
    return None


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Validate the inputs against each other."""
    message = check_parts(inputs, 'frequencies', 'freqcalc')
    parameters = ((inputs.get('frequencies') or {}).get('crystal') or {}).get('parameters')
    if message is not None or parameters is None:
        return message
    toldee = (parameters.get_dict().get('scf') or {}).get('toldee')
    if toldee is None or toldee < LOWEST_TOLDEE:
        return (
            f'frequencies.crystal.parameters: `scf.toldee` is {toldee}; second derivatives by differences of gradients '
            f'need at least {LOWEST_TOLDEE} (11 is usual), or CRYSTAL warns of a loss of accuracy.'
        )
    return None
