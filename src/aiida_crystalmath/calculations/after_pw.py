"""What the jobs of Quantum ESPRESSO's programs share that go on from a run of pw.x: pw2wannier90.x and pw2bgw.x."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine.processes.process_spec import CalcJobProcessSpec

from aiida_crystalmath.calculations.guarded import GuardedCalcJob
from aiida_crystalmath.calculations.pw_run import OUTPUT_FOLDER, saved_run, validate_pw_folder

__all__ = ('AfterPwCalcJob',)


class AfterPwCalcJob(GuardedCalcJob):
    """Base of the jobs that read what pw.x saved, which is linked to, not copied, and write nothing beside it."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define what the jobs share."""
        super().define(spec)
        options: Any = spec.inputs['metadata']['options']  # type: ignore[index]
        options['withmpi'].default = False
        spec.input(
            'parent_folder',
            valid_type=orm.RemoteData,
            validator=validate_pw_folder,
            help='Remote folder of a run of pw.x.',
        )

    def one_program(self, folder: Folder, deck: str) -> CalcInfo:
        """Write a deck, and return instructions to run the program once on it, and on what pw.x saved."""
        options = self.inputs.metadata.options
        with folder.open(options.input_filename, 'w', encoding='utf-8') as handle:
            handle.write(deck)
        folder.get_subfolder(OUTPUT_FOLDER, create=True)
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.stdin_name, code.stdout_name, code.join_files = options.input_filename, options.output_filename, True
        info = self.guarded_info()
        info.codes_info = [code]
        info.retrieve_list = [options.output_filename]
        info.remote_symlink_list = [saved_run(self.inputs.parent_folder)]
        return info
