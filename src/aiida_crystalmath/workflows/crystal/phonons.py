"""Phonon dispersion: CRYSTAL's own by SCELPHONO, or by finite displacements with phonopy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ToContext, if_

from aiida_crystalmath.workflows import arguments
from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
from aiida_crystalmath.workflows.crystal.chain import base_inputs, node_outputs
from aiida_crystalmath.workflows.crystal.frequencies import (
    DEFAULT_TEMPERATURES,
    LOWEST_TOLDEE,
    validate_temperatures,
)
from aiida_crystalmath.workflows.crystal.phonon_input import (
    HIGHEST_CM1,
    HIGHEST_WITH_HYDROGEN_CM1,
    band_lines,
    default_supercell,
    dos_lines,
    highest_frequency,
    locked_supercell,
    n_primitive_atoms,
    scelphono,
    supercell_mesh,
)
from aiida_crystalmath.workflows.crystal.relaxed_chain import RelaxedWorkChain, check_parts
from aiida_crystalmath.workflows.crystal.validation import positive
from aiida_crystalmath.workflows.functions.phonons import (
    check_phonopy,
    displaced_supercells,
    force_constants,
    full_supercell,
    phonon_properties,
)
from aiida_crystalmath.workflows.protocols.merge import did_you_mean, merge
from aiida_crystalmath.workflows.restart import formatted
from aiida_crystalmath.workflows.types import ElectronicType, RelaxType, SpinType

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = ('CrystalPhononWorkChain',)

SCELPHONO, DISPLACEMENTS = 'scelphono', 'finite_displacements'
METHODS = (SCELPHONO, DISPLACEMENTS)

DEFAULTS: dict[str, Any] = {
    'displacement_angstrom': 0.01,
    'points_distance': 0.03,
    'mesh_length_angstrom': 60.0,
    'dos_maximum_cm1': None,
    'band_points': 41,
}
"""What is taken for an input that is not given; how far a density of states goes, the structure says."""

HANDED_ON = ('output_modes', 'output_thermodynamics')
"""Outputs of CRYSTAL's own dispersion that are handed on beside bands and density of states."""


class CrystalPhononWorkChain(RelaxedWorkChain):
    """Relax a crystal or slab tightly, then compute its phonons.

    ``method`` ``scelphono``: two runs of ``crystal``, one that computes the Hessian of a supercell and from it the
    density of states, and one that goes on from it (RESTART) to the bands. ``finite_displacements``: phonopy makes
    supercells with one atom displaced, ``crystal`` gives their forces (GRADCAL) side by side, and phonopy the rest.
    Neither splits longitudinal from transverse optical modes at Gamma.
    """

    part = 'phonons'
    part_help = (
        'The frequency calculation with `geometry.freqcalc.dispersi`, or the single points of the displaced supercells.'
    )
    PLACES: ClassVar[int] = 81  # forty supercells
    _protocol_file: ClassVar[str] = 'crystal/phonons.yaml'

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Define inputs, outline and outputs."""
        super().define(spec)
        spec.input(
            'method',
            valid_type=orm.Str,
            default=lambda: orm.Str(SCELPHONO),
            serializer=orm.to_aiida_type,
            validator=validate_method,
            help=f'One of {", ".join(METHODS)}.',
        )
        spec.input(
            'supercell',
            valid_type=orm.List,
            serializer=orm.to_aiida_type,
            help='Three numbers or a 3 x 3 matrix of rows: in units of the cell of the structure for finite '
            "displacements, of CRYSTAL's primitive cell for SCELPHONO.",
        )
        optional = {'required': False, 'serializer': orm.to_aiida_type, 'validator': positive}
        for name, kind, text in (
            ('displacement_angstrom', orm.Float, 'Length of the finite displacements'),
            ('points_distance', orm.Float, 'Largest distance between points of the path with phonopy, 1/Å'),
            ('mesh_length_angstrom', orm.Float, "phonopy's length of the mesh for the density of states"),
            ('dos_maximum_cm1', orm.Float, "Highest frequency of CRYSTAL's density of states (PDOS)"),
            ('band_points', orm.Int, "Points on every line of CRYSTAL's bands (BANDS)"),
        ):
            default = DEFAULTS[name] or f'{HIGHEST_CM1}, with hydrogen {HIGHEST_WITH_HYDROGEN_CM1}'
            spec.input(name, valid_type=kind, help=f'{text} (default {default}).', **optional)
        spec.input(
            'temperatures_k',
            valid_type=orm.List,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_temperatures,
            help=f'Lowest and highest temperature (K) of `output_thermal` and their number, with phonopy '
            f'(default {DEFAULT_TEMPERATURES}).',
        )
        spec.inputs.validator = validate_inputs
        cls._define_outline(spec)
        spec.output('output_phonon_bands', valid_type=orm.BandsData, required=False, help='Frequencies in cm^-1.')
        spec.output('output_phonon_dos', valid_type=orm.XyData, required=False, help='states cm per primitive cell.')
        spec.output('output_thermal', valid_type=orm.XyData, required=False, help='phonopy: functions of temperature.')
        spec.output('output_force_constants', valid_type=orm.ArrayData, required=False, help='phonopy: eV/Å^2.')
        spec.output('output_modes', valid_type=orm.ArrayData, required=False, help='SCELPHONO: modes at Gamma.')
        spec.output('output_thermodynamics', valid_type=orm.ArrayData, required=False, help='SCELPHONO: its table.')
        spec.exit_code(206, 'ERROR_NO_PHONON_INPUT', message='No input could be made for the phonons: {reason}')
        spec.exit_code(
            429,
            'ERROR_SUB_PROCESS_FAILED_SUPERCELLS',
            message='The displaced supercell <{pk}> failed with exit status {status}: {reason}',
        )
        spec.exit_code(
            430,
            'ERROR_SUB_PROCESS_FAILED_BANDS',
            message='The run for the phonon bands <{pk}> failed with exit status {status}: {reason}',
        )
        spec.exit_code(431, 'ERROR_NO_FORCES', message='No phonons came of the displaced supercells: {reason}')

    @classmethod
    def _define_outline(cls, spec: WorkChainSpec) -> None:
        steps: Any = cls  # the core's types know steps of WorkChain only, not of its subclasses
        spec.outline(
            steps.setup,
            if_(steps.should_run_geopt)(
                steps.run_geopt,
                steps.inspect_geopt,
            ),
            if_(steps.is_by_displacements)(
                steps.run_supercells,
                steps.inspect_supercells,
                steps.derive,
            ).else_(
                steps.run_part,
                steps.inspect_part,
                steps.run_bands,
                steps.inspect_bands,
            ),
            steps.results,
        )

    def setup(self) -> None:
        """Initialise the context."""
        super().setup()
        self.ctx.bands = None
        self.ctx.launched = AttributeDict()

    def is_by_displacements(self) -> bool:
        """Tell which method is used."""
        return bool(self.inputs.method.value == DISPLACEMENTS)

    def _value(self, name: str) -> Any:
        """Return an input, or what is taken for it."""
        return self.inputs[name].value if name in self.inputs else DEFAULTS[name]

    # ------------------------------------------------------------------------------------- finite displacements

    def run_supercells(self) -> Any:
        """Make the displaced supercells and compute their forces side by side."""
        structure = self.ctx.structure
        self.ctx.settings = orm.Dict(
            {
                'supercell': full_supercell(self.inputs.supercell.get_list(), structure.pbc),
                'displacement_angstrom': self._value('displacement_angstrom'),
                'symprec': 1e-5,
                'points_distance_per_angstrom': self._value('points_distance'),
                'mesh_length_angstrom': self._value('mesh_length_angstrom'),
                'temperatures_k': self.inputs.get('temperatures_k', orm.List(DEFAULT_TEMPERATURES)).get_list(),
            }
        )
        try:
            supercells: Any = displaced_supercells(structure, self.ctx.settings)
        except ValueError as exception:
            self.results()
            return formatted(self.exit_codes.ERROR_NO_PHONON_INPUT, reason=exception)
        exposed = self.exposed_inputs(CrystalBaseWorkChain, namespace=self.part)
        parameters = exposed['crystal']['parameters'].get_dict()
        extra = list((parameters.get('scf') or {}).get('extra') or [])
        changes = {'scf': {'extra': extra if 'GRADCAL' in extra else [*extra, 'GRADCAL']}}
        n_atoms = len(supercells['supercell_001'].sites)
        changes = merge(changes, locked_supercell(parameters, n_atoms // n_primitive_atoms(structure, exposed)))
        self.report(f'{len(supercells)} displaced supercells of {n_atoms} atoms')
        return self.launch_many(
            CrystalBaseWorkChain,
            {name: base_inputs(exposed, supercell, changes) for name, supercell in supercells.items()},
        )

    def inspect_supercells(self) -> ExitCode | None:
        """All must have ended well: each displacement gives force constants that no other gives."""
        failure = self.check_launched(self.exit_codes.ERROR_SUB_PROCESS_FAILED_SUPERCELLS)
        if failure is not None:
            self.results()
        return failure

    def derive(self) -> ExitCode | None:
        """Turn forces into force constants, and those into phonons."""
        forces: dict[str, Any] = {
            name: node_outputs(node).get('output_forces') for name, node in self.launched().items()
        }
        missing = [name for name, node in forces.items() if node is None]
        if missing:
            reason = f'no forces were printed for {", ".join(missing)}'
            self.results()
            return formatted(self.exit_codes.ERROR_NO_FORCES, reason=reason)
        first = next(iter(self.launched().values())).outputs.output_parameters
        try:
            constants: Any = force_constants(self.ctx.structure, self.ctx.settings, **forces)
            self.out('output_force_constants', constants)
            found: Any = phonon_properties(self.ctx.structure, self.ctx.settings, constants, first)
        except ValueError as exception:
            self.results()
            return formatted(self.exit_codes.ERROR_NO_FORCES, reason=exception)
        self.attach(
            output_phonon_bands=found['bands'],
            output_phonon_dos=found['dos'],
            output_thermal=found['thermal'],
            output_parameters=found['summary'],
        )
        for warning in found['summary']['warnings']:
            self.report(f'warning: {warning}')
        return None

    # ------------------------------------------------------------------------------------------------ SCELPHONO

    def run_part(self) -> Any:
        """Compute the Hessian of the supercell, and the density of states."""
        maximum = self._value('dos_maximum_cm1') or highest_frequency(self.ctx.structure)
        block = self._block(dos_lines(maximum))
        inputs = base_inputs(self._exposed(), self.ctx.structure, block)
        return ToContext(run=self.launch(CrystalBaseWorkChain, inputs, self.part))

    def run_bands(self) -> Any:
        """Go on from the Hessian to the bands."""
        exposed = self._exposed()
        settings = exposed['crystal']['settings'].get_dict() if 'settings' in exposed['crystal'] else {}
        try:
            lines = band_lines(self.ctx.structure, settings, self._value('band_points'))
        except ValueError as exception:
            return formatted(self.exit_codes.ERROR_NO_PHONON_INPUT, reason=exception)
        inputs = base_inputs(exposed, self.ctx.structure, self._block(lines, restart=True))
        inputs.crystal.parent_folder = self.ctx.run.outputs.remote_folder
        return ToContext(bands=self.launch(CrystalBaseWorkChain, inputs, 'bands'))

    def _exposed(self) -> Any:
        return self.exposed_inputs(CrystalBaseWorkChain, namespace=self.part)

    def _block(self, lines: list[str], *, restart: bool = False) -> dict[str, Any]:
        """Return the parameters of one of the two runs, to be laid over those given."""
        exposed = self._exposed()
        given = exposed['crystal']['parameters'].get_dict()
        extra = given['geometry']['freqcalc'].get('extra') or []
        block: dict[str, Any] = {'dispersi': True, 'extra': [*extra, *lines]}
        if restart:
            block['restart'] = True
        matrix = scelphono(full_supercell(self.inputs.supercell.get_list(), self.ctx.structure.pbc), self.ctx.structure)
        n_cells = round(abs(np.linalg.det(matrix)))
        changes = merge(locked_supercell(given, n_cells), supercell_mesh(exposed, self.ctx.structure, matrix))
        return merge(changes, {'geometry': {'scelphono': matrix, 'freqcalc': block}})

    def inspect_bands(self) -> ExitCode | None:
        """Check the second run; the density of states of the first is handed on anyway."""
        failure = self.failure(self.ctx.bands, self.exit_codes.ERROR_SUB_PROCESS_FAILED_BANDS)
        if failure is not None:
            self.results()
        return failure

    def results(self) -> None:
        """Attach the outputs that there are."""
        super().results()
        run, bands = node_outputs(self.ctx.run), node_outputs(self.ctx.bands)
        self.attach(
            output_phonon_bands=bands.get('output_phonon_bands'),
            output_phonon_dos=run.get('output_phonon_dos'),
            **{name: run.get(name) for name in HANDED_ON},
        )
        self.attach_recovery_reports(bands=self.ctx.bands)

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode | str,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        *,
        supercell: Sequence[Any] | None = None,
        method: str = SCELPHONO,
        relax_type: RelaxType | str = RelaxType.POSITIONS_CELL,
        electronic_type: ElectronicType | str = ElectronicType.INSULATOR,
        spin_type: SpinType | str = SpinType.NONE,
        initial_magnetic_moments: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | str | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param supercell: three numbers or a 3 x 3 matrix; see the input of that name. Force constants must have died
            away within half of it: 8 to 12 Å is usual. ``None``: at least 8 Å along every periodic direction.
        :param method: ``scelphono`` or ``finite_displacements`` (needs the extra ``phonons``).
        :param relax_type: of the optimisation before; ``NONE`` takes the structure as it is.

        The other arguments are those of :meth:`CrystalBaseWorkChain.get_builder_from_protocol`.

        :raises ValueError: for any argument that is wrong, and for a molecule.
        :raises ImportError: if phonopy is needed and not installed.
        """
        if arguments.check_structure(structure) == 0:
            raise ValueError('a molecule has no phonon dispersion: use CrystalFrequenciesWorkChain.')
        arguments.refuse_auto(options, 'jobs on its supercells are larger')
        message = validate_method(orm.Str(method), None)
        if message:
            raise ValueError(f'method: {message}')
        chosen = list(supercell or default_supercell(structure, primitive=method == SCELPHONO))
        full_supercell(chosen, structure.pbc)
        if method == DISPLACEMENTS:
            check_phonopy()
        block = {'geometry': {'freqcalc': {'dispersi': True}}} if method == SCELPHONO else {}
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder: Any = cls.relaxed_builder(
            code,
            structure,
            protocol,
            overrides,
            block,
            relax_type=relax_type,
            electronic_type=electronic_type,
            spin_type=spin_type,
            initial_magnetic_moments=initial_magnetic_moments,
            options=options,
        )
        builder.method = orm.Str(method)
        builder.supercell = orm.List(chosen)
        for name in (*DEFAULTS, 'temperatures_k'):
            if name in inputs:
                builder[name] = orm.to_aiida_type(inputs[name])
        filled: ProcessBuilder = builder
        return filled


def validate_method(value: orm.Str | None, _: Any) -> str | None:
    """Validate the name of the method."""
    if value is not None and value.value not in METHODS:
        return f'"{value.value}" is not known: {did_you_mean(value.value, list(METHODS))}'
    return None


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Validate the inputs against each other."""
    if any(name not in inputs for name in ('structure', 'supercell', 'phonons')):
        return None
    structure = inputs['structure']
    if not any(structure.pbc):
        return '`structure` is a molecule, which has no phonon dispersion: use CrystalFrequenciesWorkChain.'
    try:
        full_supercell(inputs['supercell'].get_list(), structure.pbc)
    except ValueError as exception:
        return f'`supercell`: {exception}'
    by_displacements = 'method' in inputs and inputs['method'].value == DISPLACEMENTS
    if by_displacements:
        try:
            check_phonopy()
        except ImportError as exception:
            return str(exception)
    message = check_parts(inputs, 'phonons', None if by_displacements else 'freqcalc')
    parameters = (inputs['phonons'].get('crystal') or {}).get('parameters')
    if message is not None or parameters is None:
        return message
    return _check_run(parameters.get_dict(), by_displacements=by_displacements)


def _check_run(parameters: Mapping[str, Any], *, by_displacements: bool) -> str | None:
    """Return what is wrong with the parameters of the runs."""
    geometry = parameters.get('geometry') or {}
    tasks = [name for name in ('optgeom', 'freqcalc', 'elastcon', 'eos', 'scelphono') if geometry.get(name)]
    if by_displacements and tasks:
        return f'phonons.crystal.parameters: `geometry.{tasks[0]}`: forces come from single points, leave it out.'
    if not by_displacements and geometry.get('scelphono'):
        return 'phonons.crystal.parameters: give the supercell in `supercell`, not in `geometry.scelphono`.'
    toldee = (parameters.get('scf') or {}).get('toldee')
    if toldee is None or toldee < LOWEST_TOLDEE:
        return (
            f'phonons.crystal.parameters: `scf.toldee` is {toldee}; force constants are differences of forces and need '
            f'at least {LOWEST_TOLDEE}.'
        )
    return None
