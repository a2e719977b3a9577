"""The calculation job of ``yambo``: self-energies, and optics with or without excitons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine.processes.process_spec import CalcJobProcessSpec

from aiida_crystalmath.calculations.base import join_validators
from aiida_crystalmath.calculations.remote_folder import remote_message
from aiida_crystalmath.calculations.yambo_base import (
    JOB,
    LARGE,
    OUT,
    SAVE,
    TRACE,
    YamboCalcJob,
    YamboSettings,
    deck_message,
    n_processes,
    own_save,
    plain,
    text_files,
)

if TYPE_CHECKING:
    from aiida_crystalmath.yambo.inputs import Deck

__all__ = ('YamboCalculation', 'deck_of_inputs')

INPUT = 'yambo.in'
QP_FOLDER = 'qp'
QP_DATABASE = 'ndb.QP'
EXCITON_DATABASE = 'ndb.BS_diago_Q1'

PARAMETERS_HELP = (
    'What to calculate: `{"kind": "g0w0_ppa", ...}` (also `setup`, `hf`, `cohsex`, `evgw_ppa`, `bse`, `optics`; fields '
    "in ``yambo.inputs.models``), or Yambo's own words, `{'arguments': [...], 'variables': {...}}`."
)


class YamboCalculation(YamboCalcJob):
    """Run ``yambo`` 5 on a SAVE folder that has been set up.

    Wavefunctions stay where they are; large databases stay in the remote folder (``job/``), where restarts and ``ypp``
    take them from. Only ``ndb.QP`` is retrieved, and the list of excitons where it is small.
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define inputs and outputs."""
        super().define(spec)
        spec.input('metadata.options.parser_name', valid_type=str, default='crystalmath.yambo')
        spec.input('metadata.options.input_filename', valid_type=str, default=INPUT)
        spec.input('metadata.options.output_filename', valid_type=str, default='yambo.out')
        spec.input(
            'parent_folder',
            valid_type=orm.RemoteData,
            help='Remote folder with the SAVE of a finished `crystalmath.p2y` (or of another job of yambo).',
        )
        spec.input('parameters', valid_type=orm.Dict, serializer=orm.to_aiida_type, help=PARAMETERS_HELP)
        spec.input(
            'qp_database',
            valid_type=orm.SinglefileData,
            required=False,
            help='`qp_database` of a GW calculation on the same SAVE: what the BSE (or the optics) starts from.',
        )
        spec.input(
            'restart_folder',
            valid_type=orm.RemoteData,
            required=False,
            help='Remote folder of a run of the same that was cut short: its databases are copied and gone on from.',
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            help='How the job is prepared (``calculations.yambo_base.YamboSettings``).',
        )
        define_outputs(spec)
        spec.inputs.validator = join_validators(spec.inputs.validator, validate_inputs)

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the deck and say what to bring and what to keep."""
        from aiida_crystalmath.yambo.inputs import write_deck

        settings = YamboSettings.model_validate(plain(self.inputs.get('settings')))
        options = self.inputs.metadata.options
        deck = deck_of_inputs(self.inputs)
        with folder.open(options.input_filename, 'w', encoding='utf-8') as handle:
            handle.write(write_deck(deck))
        folder.get_subfolder(SAVE, create=True)
        arguments = ['-F', options.input_filename, '-J', JOB, '-C', OUT, *settings.cmdline]
        info = self.one_program(arguments, options.output_filename)
        info.remote_symlink_list, info.remote_copy_list = own_save(self.inputs.parent_folder)
        if 'restart_folder' in self.inputs:
            restart = self.inputs.restart_folder
            info.remote_copy_list.append((restart.computer.uuid, f'{restart.get_remote_path()}/{JOB}', JOB))
        if 'qp_database' in self.inputs:
            database = self.inputs.qp_database
            folder.get_subfolder(QP_FOLDER, create=True)
            info.local_copy_list = [(database.uuid, database.filename, f'{QP_FOLDER}/{QP_DATABASE}')]
        patterns = [f'{OUT}/{beginning}-*' for beginning in 'orl']
        patterns += [f'{OUT}/LOG/l-*_CPU_1', f'{OUT}/LOG/l-*_CPU_1_[0-9][0-9]', f'{JOB}/{QP_DATABASE}']
        keep_excitons = settings.exciton_database
        if keep_excitons or (keep_excitons is None and deck.is_bse and 'WRbsWF' not in deck.flags):
            patterns.append(f'{JOB}/{EXCITON_DATABASE}')
        info.retrieve_list = text_files(*patterns, options.output_filename, TRACE)
        info.retrieve_temporary_list = text_files(f'{OUT}/LOG/l-*')
        return info


def define_outputs(spec: CalcJobProcessSpec) -> None:
    """Define the outputs beside ``output_parameters``."""
    spec.output(
        'output_quasiparticles',
        valid_type=orm.ArrayData,
        required=False,
        help='Corrected states, one entry each: `kpoints`, `bands` (numbers, from 1), `spin`, `e0_ev`, `de_ev`, `z`; '
        'and `kpoints_rlu`, by those numbers (fractions of the reciprocal lattice vectors), where they are known.',
    )
    spec.output(
        'output_bands', valid_type=orm.BandsData, required=False, help='The corrected energies (eV) at their k-points.'
    )
    spec.output(
        'qp_database',
        valid_type=orm.SinglefileData,
        required=False,
        help='ndb.QP: the corrected states in full, for a BSE on the same SAVE.',
    )
    spec.output(
        'output_spectrum',
        valid_type=orm.ArrayData,
        required=False,
        help='`energy_ev`, `eps_im`, `eps_re`, the same without excitons or local fields (`eps_im_ip`, `eps_re_ip`), '
        'and the energy loss likewise (`eel`, `eel_ip`).',
    )
    spec.output(
        'output_excitons',
        valid_type=orm.ArrayData,
        required=False,
        help='`energies_ev`, `strengths` (the strongest: 1), `indices`, and `bright` (at least a hundredth of it).',
    )


def deck_of_inputs(inputs: Mapping[str, Any]) -> Deck:
    """Return the deck of a job from its input nodes.

    :param inputs: ``parameters``, and optionally ``qp_database`` and ``settings``.
    :raises YamboInputError: they make none.
    """
    from aiida_crystalmath.yambo.inputs import Text, deck_from_parameters

    settings = YamboSettings.model_validate(plain(inputs.get('settings')))
    deck = deck_from_parameters(inputs['parameters'].get_dict(), 'yambo', settings.unknown_variables)
    if inputs.get('qp_database') is None:
        return deck
    name = 'KfnQPdb' if deck.is_bse else 'XfnQPdb'
    return replace(deck, variables={**deck.variables, name: Text(f'E < ./{QP_FOLDER}/{QP_DATABASE}')})


def validate_inputs(inputs: Mapping[str, Any], ctx: Any) -> str | None:
    """Check the inputs against each other; what a wrapping work chain leaves out is not missed."""
    if 'parameters' not in inputs:
        return None
    message = deck_message(inputs['parameters'].get_dict(), plain(inputs.get('settings')), 'yambo')
    if message is not None:
        return message
    for port in ('parent_folder', 'restart_folder'):
        if port in inputs:
            message = remote_message(port, inputs[port], inputs, LARGE)
            if message is not None:
                return message
    return _parallel_message(inputs) or _energies_message(inputs) or _size_message(inputs)


def _parallel_message(inputs: Mapping[str, Any]) -> str | None:
    """Check that roles share out as many processes as there are."""
    from aiida_crystalmath.yambo.inputs import parallel_message

    processes = n_processes(inputs)
    if processes is None:
        return None
    message = parallel_message(deck_of_inputs({**inputs, 'qp_database': None}), processes)
    return None if message is None else f'`parameters`: {message}'


def _energies_message(inputs: Mapping[str, Any]) -> str | None:
    """Check that quasi-particle energies come from one place, and that it is there."""
    deck = deck_of_inputs({**inputs, 'qp_database': None})
    named = [name for name in ('KfnQPdb', 'XfnQPdb', 'GfnQPdb') if name in deck.variables]
    if named:
        return (
            f'`parameters`: `{named[0]}` is set by the input `qp_database`; a path that is wrong would give a spectrum '
            'with the energies of DFT, and no error'
        )
    if inputs.get('qp_database') is None:
        return None
    if not deck.wants_spectrum:
        return '`qp_database` is for optics and the BSE; this calculation would not use it'
    if any(name in deck.variables for name in ('KfnQP_E', 'XfnQP_E')):
        return '`qp_database` and a scissor exclude each other'
    return None


def _size_message(inputs: Mapping[str, Any]) -> str | None:
    """Check bands and k-points against what the set-up found, where the parent says it."""
    parent = inputs.get('parent_folder')
    if parent is None:
        return None
    found = _facts_of(parent)
    deck = deck_of_inputs(inputs)
    n_bands, n_kpoints = found.get('n_bands'), found.get('n_kpoints')
    if n_bands is not None and deck.max_band is not None and deck.max_band > n_bands:
        return (
            f'`parameters` ask for band {deck.max_band}, and there are {n_bands}: repeat the NSCF with '
            f'nbnd = {deck.max_band} at least, and p2y after it'
        )
    if n_kpoints is not None and deck.max_kpoint is not None and deck.max_kpoint > n_kpoints:
        return f'`parameters` ask for k-point {deck.max_kpoint}, and there are {n_kpoints} irreducible ones'
    if n_kpoints is not None and deck.iterates and not _corrects_all(deck, n_kpoints):
        return (
            f'`parameters`: GW that iterates needs the same bands corrected at every k-point: `QPkrange` from 1 to '
            f'{n_kpoints}'
        )
    pairs, filled = deck.row('BSEBands') if deck.is_bse else None, found.get('filled_bands')
    if pairs is not None and filled is not None and not pairs[0] <= filled < pairs[1]:
        return (
            f'`parameters`: `BSEBands` are {pairs[0]} to {pairs[1]}, and {filled} bands are filled: pairs need valence '
            'and conduction bands'
        )
    return None


def _corrects_all(deck: Deck, n_kpoints: int) -> bool:
    """Tell whether one row of states has every k-point."""
    row = deck.row('QPkrange')
    return row is not None and tuple(row[:2]) == (1, n_kpoints)


def _facts_of(parent: orm.RemoteData) -> dict[str, Any]:
    """Return the results of the job whose folder it is, empty if there is none."""
    creator: Any = parent.creator
    if creator is None or 'output_parameters' not in creator.outputs:
        return {}
    return plain(creator.outputs.output_parameters)
