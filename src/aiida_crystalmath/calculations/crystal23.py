"""The calculation job of ``crystal``: one self-consistent field, and what the input asks for around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine.processes.process_spec import CalcJobProcessSpec
from aiida.plugins import DataFactory

from aiida_crystalmath.calculations.base import (
    ERROR_FILENAME,
    WAVEFUNCTION,
    CrystalCalcJob,
    join_validators,
    model_validator,
)
from aiida_crystalmath.calculations.crystal_outputs import define_outputs
from aiida_crystalmath.calculations.imported import name_in
from aiida_crystalmath.calculations.monitors.crystal23 import validate_early_warning
from aiida_crystalmath.calculations.remote_folder import remote_message
from aiida_crystalmath.calculations.settings import CrystalSettings

if TYPE_CHECKING:
    from aiida_crystalmath.calculations.deck import Deck
    from aiida_crystalmath.crystal.inputs.parameters import CrystalParameters
    from aiida_crystalmath.crystal.symmetry import ReducedGeometry

__all__ = ('Crystal23Calculation', 'build_deck_from_inputs', 'reduced_from_inputs', 'validate_inputs')

GEOMETRY_FILENAME = 'fort.34'
GUESS = 'fort.20'
RETRIEVED = (GEOMETRY_FILENAME, ERROR_FILENAME)
TEMPORARY = ('SCFOUT.LOG', 'optc*', 'opta*')
"""Files of an optimisation that the parser may read and nobody needs to keep."""

SPECTRA = ('IRSPEC.DAT', 'RAMSPEC.DAT')
HESSIAN = 'HESSFREQ.DAT'
MAX_HESSIAN_ATOMS = 200
"""Of a larger structure the Hessian, nine numbers a pair of atoms, stays in the remote folder."""


class Crystal23Calculation(CrystalCalcJob):
    """Run ``crystal`` (or ``Pcrystal``, ``MPPcrystal``, or the stand-in) of CRYSTAL17 to CRYSTAL23.

    The wavefunction, fort.9, stays in the remote folder: properties and restarts take it from there.
    """

    CACHE_VERSION = 2

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define inputs, outputs and exit codes."""
        from aiida_crystalmath.data.basis_set import BasisSetData

        super().define(spec)
        monitors: Any = spec.inputs['monitors']
        monitors.validator = join_validators(monitors.validator, validate_early_warning)
        structure_class = DataFactory('core.structure')
        spec.input('metadata.options.parser_name', valid_type=str, default='crystalmath.crystal23')
        spec.input('metadata.options.output_filename', valid_type=str, default='crystal.out')
        spec.input('structure', valid_type=structure_class, help='Any cell; results come back in it, atom by atom.')
        spec.input(
            'parameters',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=validate_parameters,
            help='All of the input but geometry and basis sets: `title`, `geometry`, `basis`, `hamiltonian`, `scf` '
            '(``crystal.inputs.parameters.CrystalParameters``).',
        )
        spec.input_namespace(
            'basis_sets',
            valid_type=BasisSetData,
            dynamic=True,
            required=False,
            help='Basis set of each kind of the structure, unless `basis.library` names an internal one.',
        )
        spec.input(
            'kinds',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_kinds,
            help='What is special about a kind: `{"Ni1": {"spin": 1}, "H2": {"ghost": true}}`; `spin` is the sign of '
            'the starting moment (ATOMSPIN).',
        )
        spec.input(
            'parent_folder',
            valid_type=orm.RemoteData,
            required=False,
            help='Remote folder of an earlier run to go on from: its wavefunction with `scf.guessp`, its optimisation '
            'with `geometry.optgeom.restart`.',
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=model_validator(CrystalSettings),
            help='How the job is prepared (``calculations.settings.CrystalSettings``).',
        )
        spec.inputs.validator = join_validators(spec.inputs.validator, validate_inputs)
        define_outputs(spec, structure_class)

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the input (and fort.34 if the geometry goes there) and say what to bring and what to keep."""
        if self.is_import:
            return self.import_info(folder, 'crystal', retrieve=RETRIEVED, temporary=self._temporary_files())
        deck = build_deck_from_inputs(self.inputs)
        with folder.open(self.inputs.metadata.options.input_filename, 'w', encoding='utf-8') as handle:
            handle.write(deck.text)
        if deck.external is not None:
            with folder.open(GEOMETRY_FILENAME, 'w', encoding='utf-8') as handle:
                handle.write(deck.external)
        settings = CrystalSettings.model_validate(_dict(self.inputs.get('settings')))
        links, copies = self._restart_files(settings)
        return self.calc_info(
            stdin=settings.stdin,
            retrieve=RETRIEVED,
            temporary=self._temporary_files(),
            copies=copies,
            links=links,
        )

    def _temporary_files(self) -> list[str]:
        """Return the files that only the parser sees."""
        geometry = self.inputs.parameters.get_dict().get('geometry') or {}
        if geometry.get('freqcalc') is None:
            return [*TEMPORARY]
        small = len(self.inputs.structure.sites) <= MAX_HESSIAN_ATOMS and geometry.get('scelphono') is None
        return [*TEMPORARY, *SPECTRA, *([HESSIAN] if small else [])]

    def _restart_files(
        self, settings: CrystalSettings
    ) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]]:
        """Return what is linked and what is copied from the parent folder.

        The wavefunction is only read, so that a link does; the files that CRYSTAL goes on writing are copied.
        """
        links: list[tuple[str, str, str]] = []
        copies: list[tuple[str, str, str]] = []
        parent = self.inputs.get('parent_folder')
        if parent is None:
            return links, copies
        for source, target in restart_files(self.inputs.parameters.get_dict(), settings.guess_file):
            entry = (parent.computer.uuid, f'{parent.get_remote_path()}/{name_in(parent, source)}', target)
            linked = target == GUESS and settings.parent_link == 'symlink'
            (links if linked else copies).append(entry)
        return links, copies


def restart_files(parameters: Mapping[str, Any], guess: str = WAVEFUNCTION) -> list[tuple[str, str]]:
    """Return (file of the parent, name here) of everything the parameters want from an earlier run.

    Sources: CRYSTAL User's Manual, GUESSP, SAVEWF and the RESTART options of OPTGEOM, FREQCALC, ELASTCON and EOS. Files
    of intensities that the run before did not come to are not missed: AiiDA copies what is there.

    :param guess: the file that GUESSP starts from.
    """
    geometry = parameters.get('geometry') or {}
    files: list[tuple[str, str]] = []
    if (parameters.get('scf') or {}).get('guessp'):
        files.append((guess, GUESS))
    optgeom = geometry.get('optgeom') or {}
    if optgeom.get('restart'):
        files.append(('OPTINFO.DAT', 'OPTINFO.DAT'))
    if optgeom.get('hessian') == 'HESSOPT':
        files.append(('HESSOPT.DAT', 'HESSOPT.DAT'))
    frequencies = geometry.get('freqcalc') or {}
    if frequencies.get('restart'):
        names = ['FREQINFO.DAT', 'fort.13']
        names += ['fort.28', 'fort.80', 'TENS_IR.DAT'] if frequencies.get('intens') else []
        names += ['TENS_RAMAN.DAT'] if frequencies.get('intraman') else []
        files += [(name, name) for name in names]
    for block, name in (('elastcon', 'ELASINFO.DAT'), ('eos', 'EOSINFO.DAT')):
        if (geometry.get(block) or {}).get('restart'):
            files.append((name, name))
    return files


def build_deck_from_inputs(inputs: Mapping[str, Any]) -> Deck:
    """Write the input of a job from its input nodes.

    :param inputs: ``structure``, ``parameters``, and optionally ``basis_sets``, ``kinds``, ``settings``.
    :raises ValueError: if they do not make a CRYSTAL calculation.
    """
    from aiida_crystalmath.calculations.deck import build_deck
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(inputs['structure'], _dict(inputs.get('kinds')))
    basis_sets = {kind: node.basis_set for kind, node in (inputs.get('basis_sets') or {}).items()}
    return build_deck(geometry, inputs['parameters'].get_dict(), basis_sets, _dict(inputs.get('settings')))


def reduced_from_inputs(inputs: Mapping[str, Any]) -> ReducedGeometry:
    """Find anew how the structure of a job was written, from its input nodes.

    The structure of an imported run is CRYSTAL's own primitive cell, whatever translations it may have left.

    :param inputs: ``structure``, and optionally ``basis_sets``, ``kinds``, ``settings``.
    """
    from aiida_crystalmath.calculations.deck import number_sites, reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    geometry = to_geometry(inputs['structure'], _dict(inputs.get('kinds')))
    basis_sets = {kind: node.basis_set for kind, node in (inputs.get('basis_sets') or {}).items()}
    settings = {'symmetry': 'none'} if 'remote_folder' in inputs else _dict(inputs.get('settings'))
    return reduce_geometry(number_sites(geometry, basis_sets)[0], settings)


def validate_parameters(value: orm.Dict | None, _: Any) -> str | None:
    """Check the parameters against CRYSTAL's keywords."""
    from aiida_crystalmath.crystal.inputs import parameters

    return None if value is None else parameters.validate_parameters(value.get_dict())


def validate_kinds(value: orm.Dict | None, _: Any) -> str | None:
    """Check the form of what is said of the kinds."""
    from aiida_crystalmath.data.structure import check_kinds

    if value is None:
        return None
    try:
        check_kinds(value.get_dict())
    except ValueError as exception:
        return str(exception)
    return None


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Check the inputs against each other; what a wrapping work chain leaves out is not missed.

    :param ctx: the port namespace; its name is ``inputs`` only at the top level of the job. Exposed in a work chain,
        basis sets and k-mesh may be absent, since the chain may add them. What is imported has run: it is not judged.
    """
    if 'remote_folder' in inputs or any(name not in inputs for name in ('structure', 'parameters')):
        return None
    return _validate_system(inputs, complete=ctx.name == 'inputs') or _validate_parent(inputs, ctx.name == 'inputs')


def _validate_system(inputs: Mapping[str, Any], complete: bool) -> str | None:
    """Check structure, kinds, parameters, basis sets and settings together."""
    from aiida_crystalmath.calculations.deck import DeckInputError, check_inputs
    from aiida_crystalmath.crystal.inputs.parameters import CrystalParameters
    from aiida_crystalmath.data.structure import to_geometry

    try:
        parameters: CrystalParameters = CrystalParameters.model_validate(inputs['parameters'].get_dict())
        geometry = to_geometry(inputs['structure'], _dict(inputs.get('kinds')))
        basis_sets = {kind: node.basis_set for kind, node in (inputs.get('basis_sets') or {}).items()}
        check_inputs(geometry, parameters, basis_sets, complete=complete)
        stray = sorted(set(basis_sets) - {*geometry.kinds, *geometry.symbols})
        if stray:
            return f'`basis_sets`: {", ".join(stray)} is no kind of the structure, which has {_words(geometry.kinds)}'
    except DeckInputError as exception:
        return f'`{exception.port}`: {exception}'
    except ValueError as exception:
        return f'`structure`: {exception}'
    return None


def _validate_parent(inputs: Mapping[str, Any], complete: bool) -> str | None:
    """Check that a parent folder is there when wanted, wanted when there, and on the same machine."""
    wanted = restart_files(
        inputs['parameters'].get_dict(), _dict(inputs.get('settings')).get('guess_file', WAVEFUNCTION)
    )
    parent = inputs.get('parent_folder')
    if not complete:
        return None
    if parent is None:
        if wanted:
            names = ', '.join(source for source, _ in wanted)
            return f'`parent_folder`: the parameters ask for files of an earlier run ({names}); give its remote folder'
        return None
    if not wanted:
        return (
            '`parent_folder` is given, but nothing is taken from it: set `scf.guessp: true` to start from its '
            'wavefunction, or `geometry.optgeom.restart: true` to go on with its optimisation'
        )
    return remote_message('parent_folder', parent, inputs, 'a wavefunction is')


def _dict(node: orm.Dict | None) -> dict[str, Any]:
    """Return the content of an optional ``Dict``."""
    return {} if node is None else node.get_dict()


def _words(names: list[str]) -> str:
    """Return distinct names in one phrase."""
    return ', '.join(dict.fromkeys(names))
