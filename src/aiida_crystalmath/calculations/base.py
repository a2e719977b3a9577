"""What the calculation jobs of CRYSTAL's programs share: exit codes from the one catalogue, options, validation."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.common.typing import FilePath
from aiida.engine import ExitCode
from aiida.engine.processes.process_spec import CalcJobProcessSpec
from plumpy.process_states import Wait
from pydantic import BaseModel

from aiida_crystalmath.calculations.guarded import GuardedCalcJob
from aiida_crystalmath.crystal.inputs.errors import reasons
from aiida_crystalmath.data.imported_folder import ImportedFolderData

__all__ = ('CrystalCalcJob', 'join_validators', 'model_message', 'model_validator')

INPUT_FILENAME = 'INPUT'
"""The name that CRYSTAL's parallel programs insist on."""

WAVEFUNCTION = 'fort.9'
ERROR_FILENAME = 'fort.87'


class CrystalCalcJob(GuardedCalcJob):
    """Base of the jobs of CRYSTAL's two programs."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define options and exit codes."""
        super().define(spec)
        options: Any = spec.inputs['metadata']['options']  # type: ignore[index]
        options['input_filename'].default = INPUT_FILENAME
        options['withmpi'].default = False
        spec.input(
            'metadata.options.import_from',
            valid_type=dict,
            required=False,
            help='Of a finished run that is imported (input `remote_folder`): the names of its files '
            '(``calculations.imported.Imported``).',
        )

    @classmethod
    def catalogued_exit_codes(cls) -> Iterable[tuple[int, str, str]]:
        """Give (status, label, message) of the exit codes in the catalogue of CRYSTAL's failures."""
        from aiida_crystalmath.crystal.diagnosis import exit_codes

        return exit_codes()

    def read_input_from_stdin(self, stdin: bool | None) -> bool:
        """Tell whether the input goes to stdin: as the settings say, by default for serial programs."""
        if stdin is not None:
            return stdin
        with_mpi = self.inputs.code.with_mpi
        return not (self.inputs.metadata.options.withmpi if with_mpi is None else with_mpi)

    def calc_info(
        self,
        *,
        stdin: bool | None,
        retrieve: Sequence[str],
        temporary: Sequence[str],
        copies: list[tuple[str, str, str]],
        links: list[tuple[str, str, str]],
    ) -> CalcInfo:
        """Return the instructions to run one program, once in its directory, its stdout and stderr joined in one file.

        :param stdin: setting of the same name.
        :param retrieve: files kept in the repository; those that are not there are skipped.
        :param temporary: files that only the parser sees.
        :param copies: (computer uuid, absolute remote path, name here) of files to copy.
        :param links: likewise, of files to link to.
        """
        options = self.inputs.metadata.options
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.stdout_name = options.output_filename
        code.join_files = True
        if self.read_input_from_stdin(stdin):
            code.stdin_name = options.input_filename
        info = self.guarded_info()
        info.codes_info = [code]
        info.remote_copy_list = copies
        info.remote_symlink_list = links
        info.retrieve_list = [options.output_filename, *retrieve]
        info.retrieve_temporary_list = [*temporary]
        return info

    def parse(
        self, retrieved_temporary_folder: FilePath | None = None, existing_exit_code: ExitCode | None = None
    ) -> ExitCode | Wait:
        """Parse the retrieved files; of an imported run, give its folder as output too.

        AiiDA has the folder of an imported run as input only. As output it is where ``properties`` and restarts go on
        from, and the provenance is that of a run.
        """
        if self.is_import:
            path = self.inputs.remote_folder.get_remote_path()
            self.out('remote_folder', ImportedFolderData(computer=self.node.computer, remote_path=path))
        return super().parse(retrieved_temporary_folder, existing_exit_code)

    def parse_scheduler_output(self, retrieved: orm.Node) -> ExitCode | None:
        """Read how the scheduler ended the job.

        Of an imported run what the scheduler wrote is read only if it is there: its lack is no reason to warn.
        """
        names = {self.node.get_option('scheduler_stdout'), self.node.get_option('scheduler_stderr')}
        if self.is_import and names.isdisjoint(retrieved.base.repository.list_object_names()):
            return None
        return super().parse_scheduler_output(retrieved)

    @property
    def is_import(self) -> bool:
        """Whether nothing is run: the files of a finished run lie in the input ``remote_folder``."""
        return 'remote_folder' in self.inputs

    def import_info(
        self, folder: Folder, program: str, *, retrieve: Sequence[str], temporary: Sequence[str]
    ) -> CalcInfo:
        """Return the instructions to import a finished run, and keep its deck, if there is one, as the input file.

        :param program: ``crystal`` or ``properties``; the others as for :meth:`calc_info`.
        """
        from aiida_crystalmath.calculations.imported import Imported, imported_deck, retrieve_entries

        options = self.inputs.metadata.options
        imported = Imported.model_validate(dict(options.get('import_from') or {}))
        directory = Path(self.inputs.remote_folder.get_remote_path())
        deck = imported_deck(directory, imported, program, options.output_filename)
        if deck is not None:
            with folder.open(options.input_filename, 'w', encoding='utf-8') as handle:
                handle.write(deck)
            # Of a job that runs, the upload does this, past the lock on stored nodes; an import has no upload.
            repository = self.node.base.repository
            repository._repository.put_object_from_filelike(io.BytesIO(deck.encode()), options.input_filename)
            repository._update_repository_metadata()
        info = CalcInfo()
        info.uuid = str(self.uuid)
        info.codes_info = []
        info.retrieve_list = retrieve_entries([options.output_filename, *retrieve], imported)
        info.retrieve_temporary_list = retrieve_entries(temporary, imported)
        return info


def model_message(model: type[BaseModel], value: Mapping[str, Any]) -> str | None:
    """Return what is wrong with ``value`` in the words of a pydantic model, one line a problem; None if nothing is."""
    try:
        model.model_validate(dict(value))
    except ValueError as exception:
        known = f' (known are {", ".join(model.model_fields)})' if 'Extra inputs' in str(exception) else ''
        return f'{reasons(exception)}{known}'
    return None


def model_validator(model: type[BaseModel]) -> Any:
    """Return a port validator for ``orm.Dict`` ports: the message of a pydantic model, or None."""

    def validate(value: orm.Dict | None, _: Any) -> str | None:
        return None if value is None else model_message(model, value.get_dict())

    validate.__doc__ = f'Check the value against {model.__name__}.'
    return validate


def join_validators(*validators: Any) -> Any:
    """Join namespace validators: the first message counts."""

    def joined(inputs: Any, ctx: Any) -> str | None:
        for validator in validators:
            message: str | None = validator(inputs, ctx) if validator is not None else None
            if message is not None:
                return message
        return None

    return joined
