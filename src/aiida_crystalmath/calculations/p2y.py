"""The calculation job of ``p2y`` and of the set-up by ``yambo``, which every other calculation needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine.processes.process_spec import CalcJobProcessSpec
from pydantic import BaseModel, ConfigDict, Field

from aiida_crystalmath.calculations.base import join_validators, model_validator
from aiida_crystalmath.calculations.remote_folder import remote_message
from aiida_crystalmath.calculations.yambo_base import LARGE, TRACE, YamboCalcJob, plain, text_files

__all__ = ('P2yCalculation', 'P2ySettings')

QE_SAVE = 'qe.save'
SETUP_OUTPUT = 'setup.out'


class P2ySettings(BaseModel):
    """How a job of p2y is prepared."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    qe_save: str = Field('out/aiida.save', description='Where pw.x saved, in `parent_folder`.')


class P2yCalculation(YamboCalcJob):
    """Turn what pw.x saved into Yambo's SAVE folder, and set it up.

    The folder of pw.x is linked and stays as it is. Both programs run one after the other in one job; the second needs
    what the first has made.
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define inputs and outputs."""
        super().define(spec)
        options: Any = spec.inputs['metadata']['options']  # type: ignore[index]
        options['withmpi'].default = False
        spec.input('metadata.options.parser_name', valid_type=str, default='crystalmath.p2y')
        spec.input('metadata.options.output_filename', valid_type=str, default='p2y.out')
        spec.input('code_yambo', valid_type=orm.AbstractCode, help='`yambo`, for the set-up; on the same computer.')
        spec.input(
            'parent_folder',
            valid_type=orm.RemoteData,
            help='Remote folder of a finished NSCF of pw.x with norm-conserving pseudopotentials and '
            '`force_symmorphic = .true.`.',
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=model_validator(P2ySettings),
            help='How the job is prepared (``calculations.p2y.P2ySettings``).',
        )
        spec.output(
            'output_kpoints',
            valid_type=orm.KpointsData,
            required=False,
            help='The irreducible k-points with their weights, in the order of their numbers in Yambo (from 1).',
        )
        spec.inputs.validator = join_validators(spec.inputs.validator, validate_inputs)

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Say what to link, what to run and what to keep."""
        settings = P2ySettings.model_validate(plain(self.inputs.get('settings')))
        parent = self.inputs.parent_folder
        info = self.one_program(['-I', f'./{QE_SAVE}', '-O', '.'], self.inputs.metadata.options.output_filename)
        setup = CodeInfo()
        setup.code_uuid = self.inputs.code_yambo.uuid
        setup.cmdline_params = []
        setup.stdout_name = SETUP_OUTPUT
        setup.join_files = True
        info.codes_info = [*(info.codes_info or []), setup]
        info.codes_run_mode = CodeRunMode.SERIAL
        saved = str(PurePosixPath(parent.get_remote_path()) / settings.qe_save)
        info.remote_symlink_list = [(parent.computer.uuid, saved, QE_SAVE)]
        patterns = ('l_p2y*', 'l_setup*', 'r_setup*', 'LOG/l_*_CPU_1', TRACE, '*.out')
        info.retrieve_list = text_files(*patterns)
        info.retrieve_temporary_list = text_files('LOG/l_*')
        return info


def validate_inputs(inputs: Mapping[str, Any], _: Any) -> str | None:
    """Check the inputs against each other; what a wrapping work chain leaves out is not missed."""
    if 'parent_folder' not in inputs:
        return None
    message = remote_message('parent_folder', inputs['parent_folder'], inputs, LARGE)
    code, yambo = inputs.get('code'), inputs.get('code_yambo')
    if message is None and code is not None and yambo is not None and code.computer.uuid != yambo.computer.uuid:
        return f'`code_yambo` is on {yambo.computer.label}, and `code` on {code.computer.label}: they run in one job'
    return message
