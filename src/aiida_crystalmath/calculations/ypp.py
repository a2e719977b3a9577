"""The calculation job of ``ypp``, Yambo's postprocessor: the list of excitons, mostly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    own_save,
    plain,
    text_files,
)

__all__ = ('SORTED_EXCITONS', 'YppCalculation')

INPUT = 'ypp.in'

SORTED_EXCITONS: Mapping[str, Any] = {'arguments': ['excitons'], 'variables': {'States': '0 - 0', 'BSQindex': 1}}
"""Parameters for the list of all excitons: what ``ypp -e s`` writes, as recorded runs echo it."""


class YppCalculation(YamboCalcJob):
    """Run ``ypp`` on the databases of a finished job of yambo, which are linked, never written."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define inputs and outputs."""
        super().define(spec)
        options: Any = spec.inputs['metadata']['options']  # type: ignore[index]
        options['withmpi'].default = False
        spec.input('metadata.options.parser_name', valid_type=str, default='crystalmath.ypp')
        spec.input('metadata.options.input_filename', valid_type=str, default=INPUT)
        spec.input('metadata.options.output_filename', valid_type=str, default='ypp.out')
        spec.input(
            'parent_folder',
            valid_type=orm.RemoteData,
            help='Remote folder of a finished job of yambo; for excitons, of a BSE with the solver `diago` or `slepc`.',
        )
        spec.input(
            'parameters',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Dict(dict(SORTED_EXCITONS)),
            help="What to do, in Yambo's own words; by default, list the excitons.",
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            help='How the job is prepared (``calculations.yambo_base.YamboSettings``).',
        )
        spec.output(
            'output_excitons',
            valid_type=orm.ArrayData,
            required=False,
            help='`energies_ev`, `strengths` (the strongest: 1), `indices`, and `bright` (at least a hundredth of it).',
        )
        spec.inputs.validator = join_validators(spec.inputs.validator, validate_inputs)

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the deck and say what to link and what to keep."""
        from aiida_crystalmath.yambo.inputs import deck_from_parameters, write_deck

        settings = YamboSettings.model_validate(plain(self.inputs.get('settings')))
        options = self.inputs.metadata.options
        deck = deck_from_parameters(self.inputs.parameters.get_dict(), 'ypp', settings.unknown_variables)
        with folder.open(options.input_filename, 'w', encoding='utf-8') as handle:
            handle.write(write_deck(deck))
        for name in (SAVE, JOB):
            folder.get_subfolder(name, create=True)
        arguments = ['-F', options.input_filename, '-J', JOB, '-C', OUT, *settings.cmdline]
        info = self.one_program(arguments, options.output_filename)
        parent = self.inputs.parent_folder
        links, info.remote_copy_list = own_save(parent)
        info.remote_symlink_list = [*links, (parent.computer.uuid, f'{parent.get_remote_path()}/{JOB}/ndb.*', JOB)]
        patterns = [f'{OUT}/{beginning}-*' for beginning in 'orl']
        info.retrieve_list = text_files(*patterns, f'{OUT}/LOG/l-*_CPU_1', options.output_filename, TRACE)
        info.retrieve_temporary_list = text_files(f'{OUT}/LOG/l-*')
        return info


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Check the inputs; what a wrapping work chain leaves out is not missed."""
    if 'parameters' in inputs:
        message = deck_message(inputs['parameters'].get_dict(), plain(inputs.get('settings')), 'ypp')
        if message is not None:
            return message
    if 'parent_folder' not in inputs:
        return None
    return remote_message('parent_folder', inputs['parent_folder'], inputs, LARGE)
