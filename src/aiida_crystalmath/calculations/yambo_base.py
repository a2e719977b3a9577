"""What the jobs of p2y, yambo and ypp share: where files lie, what is linked, how the deck is checked.

A job never writes into the folder of another one, and copies no wavefunctions: SAVE is a folder of its own, in which
the databases of DFT (``ns.*``) are links, and the small ones of the set-up (``ndb.gops``, ``ndb.kindx``) copies, since
yambo writes the latter anew when a calculation needs more of the grid (seen with the BSE). All else goes to ``job/``
(-J), and text to ``out/`` (-C), so that any number of jobs may go on from one set-up at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.engine.processes.process_spec import CalcJobProcessSpec
from pydantic import BaseModel, ConfigDict, Field

from aiida_crystalmath.calculations.guarded import GuardedCalcJob
from aiida_crystalmath.yambo.inputs.variables import Program

__all__ = ('YamboCalcJob', 'YamboSettings', 'own_save', 'plain')

SAVE = 'SAVE'
JOB = 'job'
OUT = 'out'
CORE_DATABASES = 'ns.*'
SETUP_DATABASES = ('ndb.gops', 'ndb.kindx')
TRACE = 'fort.0'
"""An empty file: all that yambo leaves where SAVE is missing or not set up."""

LARGE = 'databases and wavefunctions are'
"""What is not moved between machines."""

Entry = tuple[str, str, str]
"""(uuid of the computer, absolute remote path, name here)."""


class YamboSettings(BaseModel):
    """How a job of yambo or ypp is prepared."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    cmdline: list[str] = Field(default_factory=list, description='Further arguments of the program.')
    unknown_variables: list[str] = Field(
        default_factory=list,
        description='Names that are written although the list of Yambo 5.2 lacks them, for newer versions.',
    )
    exciton_database: bool | None = Field(
        None,
        description='Whether ndb.BS_diago_Q1 is retrieved. By default it is, unless WRbsWF makes it grow as the square '
        'of the number of pairs.',
    )


class YamboCalcJob(GuardedCalcJob):
    """Base of the jobs of Yambo's programs."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define what the jobs share."""
        super().define(spec)
        options: Any = spec.inputs['metadata']['options']  # type: ignore[index]
        options['withmpi'].default = True
        spec.inputs['code'].required = True

    @classmethod
    def catalogued_exit_codes(cls) -> Iterable[tuple[int, str, str]]:
        """Give (status, label, message) of the exit codes in the catalogue of Yambo's failures."""
        from aiida_crystalmath.yambo.diagnosis import CATALOGUE

        return CATALOGUE.exit_codes()

    def one_program(self, arguments: list[str], output: str) -> CalcInfo:
        """Return instructions to run the program once.

        :param output: file for stdout and stderr.
        """
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = arguments
        code.stdout_name = output
        code.join_files = True
        info = self.guarded_info()
        info.codes_info = [code]
        return info


def own_save(parent: orm.RemoteData) -> tuple[list[Entry], list[Entry]]:
    """Return what is linked and what is copied from the SAVE folder of another job."""
    computer, path = computer_uuid(parent), parent.get_remote_path()
    links = [(computer, f'{path}/{SAVE}/{CORE_DATABASES}', SAVE)]
    copies = [(computer, f'{path}/{SAVE}/{name}', f'{SAVE}/{name}') for name in SETUP_DATABASES]
    return links, copies


def computer_uuid(folder: orm.RemoteData) -> str:
    """Return the uuid of the computer that a remote folder lies on."""
    computer: Any = folder.computer
    return str(computer.uuid)


def text_files(*patterns: str) -> list[str | tuple[str, str, int]]:
    """Return entries of a retrieve list that keep the folders of the patterns."""
    return [(pattern, '.', pattern.count('/') + 1) if '/' in pattern else pattern for pattern in patterns]


def with_mpi(inputs: Mapping[str, Any]) -> bool:
    """Tell whether a job runs with MPI: as its code says, else as its options do."""
    code = inputs.get('code')
    if code is not None and code.with_mpi is not None:
        return bool(code.with_mpi)
    return bool(((inputs.get('metadata') or {}).get('options') or {}).get('withmpi', True))


def n_processes(inputs: Mapping[str, Any]) -> int | None:
    """Return how many MPI processes a job is to have; None if it is not said."""
    options = (inputs.get('metadata') or {}).get('options') or {}
    resources = options.get('resources') or {}
    if not with_mpi(inputs):
        return 1
    if resources.get('tot_num_mpiprocs') is not None:
        return int(resources['tot_num_mpiprocs'])
    if resources.get('num_mpiprocs_per_machine') is not None and resources.get('num_machines') is not None:
        return int(resources['num_mpiprocs_per_machine']) * int(resources['num_machines'])
    return None


def deck_message(parameters: Mapping[str, Any], settings: Mapping[str, Any], program: Program) -> str | None:
    """Return what is wrong with parameters and settings; None if nothing is."""
    from aiida_crystalmath.calculations.base import model_message
    from aiida_crystalmath.yambo.inputs import YamboInputError, deck_from_parameters

    message = model_message(YamboSettings, settings)
    if message is not None:
        return f'`settings`: {message}'
    allowed = YamboSettings.model_validate(dict(settings)).unknown_variables
    try:
        deck_from_parameters(parameters, program, allowed)
    except YamboInputError as exception:
        return f'`parameters`: {exception}'
    return None


def plain(node: orm.Dict | None) -> dict[str, Any]:
    """Return the content of an optional ``Dict``."""
    return {} if node is None else dict(node.get_dict())
