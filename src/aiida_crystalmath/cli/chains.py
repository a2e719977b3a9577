"""From what was asked for on the command line to the builder of a work chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.common import fail

if TYPE_CHECKING:
    from aiida.orm import Code, StructureData

DEFAULT_PROTOCOL = 'fast'


def find_code(identifier: str | None, plugin: str, beside: Code | None = None) -> Code:
    """Load a code by label or PK, or find the only sensible one for ``plugin``.

    :param beside: the other program's code; its computer, and being a stand-in or not, must agree.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    if identifier:
        try:
            named = orm.load_code(identifier)
        except (NotExistent, MultipleObjectsError, ValueError) as exception:
            fail(f'no code "{identifier}": {exception}', 'List the codes with "verdi code list".')
        if isinstance(named, orm.InstalledCode) and is_gone(named):
            fail(
                f'the program of code "{identifier}", {named.filepath_executable}, is not there any more.',
                'Run "crystalmath quickstart", or set up another with "verdi code create".',
            )
        return named
    query = orm.QueryBuilder().append(orm.InstalledCode, filters={'attributes.input_plugin': plugin})
    codes = [code for code in query.all(flat=True) if not code.is_hidden]
    if beside is not None and beside.computer is not None:
        computer = beside.computer
        codes = [
            code
            for code in codes
            if code.computer and code.computer.pk == computer.pk and is_standin(code) == is_standin(beside)
        ]
    gone = [code for code in codes if is_gone(code)]
    codes = [code for code in codes if code not in gone]
    codes = [code for code in codes if not is_standin(code)] or codes
    program = 'crystal' if plugin.endswith('crystal23') else 'properties'
    if not codes:
        names = ', '.join(f'{code.full_label} ({code.filepath_executable} is not there any more)' for code in gone)
        fail(
            f'there is no code for the program {program}{f" but {names}" if names else ""}.',
            'Run "crystalmath quickstart", or see "verdi code create".',
        )
    if len(codes) > 1:
        names = ', '.join(code.full_label for code in codes)
        option = '--code' if program == 'crystal' else '--properties-code'
        fail(f'there are several codes for {program}: {names}.', f'Choose one with {option}.')
    return codes[0]  # type: ignore[no-any-return]


def is_standin(code: Code) -> bool:
    """Tell whether a code is one of the stand-in's programs."""
    return Path(str(code.filepath_executable)).name.startswith('crystalmath-')


def is_gone(code: Code) -> bool:
    """Tell whether the program of a code on this machine is missing; of other machines nothing is known."""
    is_here = code.computer is not None and code.computer.transport_type == 'core.local'
    return is_here and not Path(str(code.filepath_executable)).is_file()


def make_builder(file: Path, structure: StructureData, chain: str, options: dict[str, Any]) -> Any:
    """Make the builder of the work chain called ``chain``."""
    from aiida.plugins import WorkflowFactory

    from aiida_crystalmath.workflows.types import ElectronicType, SpinType

    code = find_code(options['code'], 'crystalmath.crystal23')
    job = job_options(options)
    if chain == 'deck':
        from aiida_crystalmath.cli.deck_builder import builder_from_deck

        return builder_from_deck(file, structure, code, job)
    entry_point = {'scf': 'base'}.get(chain, chain)
    process: Any = WorkflowFactory(f'crystalmath.crystal.{entry_point}')
    moments = parse_moments(options['moments'])
    arguments: dict[str, Any] = {
        'protocol': options['protocol'] or DEFAULT_PROTOCOL,
        'overrides': read_overrides(options['overrides']),
        'electronic_type': ElectronicType.METAL if options['metal'] else ElectronicType.INSULATOR,
        'spin_type': SpinType.COLLINEAR if moments else SpinType.NONE,
        'initial_magnetic_moments': moments or None,
        'options': job,
    }
    if chain in ('characterise', 'bands', 'dos'):
        arguments['properties_code'] = find_code(options['properties_code'], 'crystalmath.properties23', beside=code)
    return process.get_builder_from_protocol(code, structure, **arguments)


def job_options(options: dict[str, Any]) -> dict[str, Any] | None:
    """Return the scheduler options asked for on the command line, or ``None``."""
    job: dict[str, Any] = {}
    if options['n_mpi']:
        job['resources'] = {'num_machines': 1, 'num_mpiprocs_per_machine': options['n_mpi']}
    if options['walltime']:
        job['max_wallclock_seconds'] = options['walltime']
    if options['max_memory_gb']:
        job['max_memory_kb'] = int(options['max_memory_gb'] * 1024 * 1024)
    return job or None


def parse_moments(moments: tuple[str, ...]) -> dict[str, float]:
    """Parse ``KIND=MOMENT`` options."""
    parsed = {}
    for item in moments:
        kind, _, value = item.partition('=')
        try:
            parsed[kind.strip()] = float(value)
        except ValueError:
            fail(f'--moment {item}: write KIND=MOMENT, for example Fe=2 or O1=-1.')
    return parsed


def read_overrides(path: Path | None) -> dict[str, Any] | None:
    """Read the YAML file that changes the protocol."""
    if path is None:
        return None
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as exception:
        fail(f'{path}: not valid YAML: {" ".join(str(exception).split())}')
    if not isinstance(content, dict):
        fail(f'{path}: expected a mapping of namespaces to values, as in the protocol files.')
    return content
