"""From what was asked for on the command line to the builder of a work chain."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli import many_body
from aiida_crystalmath.cli.common import fail
from aiida_crystalmath.machines.codes import is_gone, is_standin

if TYPE_CHECKING:
    from aiida.orm import Code, StructureData

DEFAULT_PROTOCOL = 'fast'

CHAINS = {
    'characterise': 'optimisation, single point, bands and density of states',
    'geopt': 'geometry optimisation and a final single point',
    'scf': 'single point',
    'bands': 'single point and band structure',
    'dos': 'single point and density of states',
    'eos': 'equation of state',
    'elastic': 'elastic constants',
    'frequencies': 'vibrations at Gamma',
    'phonons': 'phonon dispersion',
    'quasi_harmonic': 'thermodynamics of a crystal that expands',
    'convergence': 'numerical parameters, and which to take',
    'magnetic': 'spin orderings compared',
    'slab': 'slab cut from a crystal, surface energy',
    'counterpoise': 'interaction energy without superposition error',
    'maps': 'maps and cubes of the charge density',
    'cohp': 'bonding analysis',
    'transport': 'transport coefficients',
    **many_body.CHAINS,
    'preflight': 'dry run, input read and nothing computed',
    'deck': 'the input file as it stands (.d12 only; the default for it)',
}
"""What can be run on a file, by the name of its work chain, and what it is."""


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


def make_builder(file: Path, structure: StructureData, chain: str, options: dict[str, Any]) -> Any:
    """Make the builder of the work chain called ``chain``."""
    from aiida_crystalmath.workflows.types import ElectronicType, SpinType

    if chain in many_body.CHAINS:
        return many_body.make_builder(structure, chain, options)
    job = job_options(options)
    code = find_code(options['code'], 'crystalmath.crystal23')
    if chain == 'deck':
        from aiida_crystalmath.cli.deck_builder import builder_from_deck

        if isinstance(job, str):
            raise ValueError(
                '--resources auto is for chains made by a protocol: for a .d12 as it stands use --walltime.'
            )
        return builder_from_deck(file, structure, code, job)
    moments = parse_moments(options['moments'])
    arguments: dict[str, Any] = {
        'protocol': options['protocol'] or DEFAULT_PROTOCOL,
        'overrides': read_overrides(options['overrides']),
        'electronic_type': ElectronicType.METAL if options['metal'] else ElectronicType.INSULATOR,
        'spin_type': SpinType.COLLINEAR if moments else SpinType.NONE,
        'initial_magnetic_moments': moments or None,
        'options': job,
    }
    if options['sequence']:
        process = load_chain('sequence')
        arguments |= sequence_arguments(options, code)
    else:
        process = load_chain({'scf': 'base'}.get(chain, chain))
        known = inspect.signature(process.get_builder_from_protocol).parameters
        own = {name: item for name, item in known.items() if name not in (*arguments, *GIVEN)}
        arguments |= own_arguments(options['arguments'], own)
        if 'properties_code' in known:
            arguments['properties_code'] = properties_code(options, code, known['properties_code'])
    try:
        return process.get_builder_from_protocol(code, structure, **arguments)
    except ValueError as exception:
        # AiiDA says neither which port a value was for nor where it came from.
        given = f'--set {", ".join(options["arguments"])}:'
        raise ValueError(str(exception).replace('invalid attribute value', given, 1)) from exception
    except (TypeError, AttributeError) as exception:
        if not options['arguments']:
            raise
        raise ValueError(
            f'--set {", ".join(options["arguments"])}: a value is not of the kind expected ({exception}). This chain '
            f'takes {"; ".join(f"{name}: {item.annotation}" for name, item in own.items())}.'
        ) from exception


GIVEN = ('code', 'structure', 'properties_code', 'parent_folder')
"""Arguments of builders that have options of their own, or none."""


def load_chain(name: str) -> Any:
    """Return the class of the work chain ``crystalmath.crystal.NAME``; exits with an explanation if it is missing."""
    from aiida.common.exceptions import EntryPointError
    from aiida.plugins import WorkflowFactory

    try:
        return WorkflowFactory(f'crystalmath.crystal.{name}')
    except EntryPointError as exception:
        reason = str(exception).splitlines()[0].rstrip(':')
        fail(f'the work chain crystalmath.crystal.{name} cannot be loaded: {reason}')


def properties_code(options: dict[str, Any], code: Code, parameter: inspect.Parameter) -> Code | None:
    """Return the code for ``properties``; ``None`` if there is none and the chain can do without."""
    is_needed = parameter.default is inspect.Parameter.empty
    if options['properties_code'] or is_needed or has_code('crystalmath.properties23'):
        return find_code(options['properties_code'], 'crystalmath.properties23', beside=code)
    return None


def has_code(plugin: str) -> bool:
    """Tell whether any code is set up for ``plugin``."""
    from aiida import orm

    return bool(orm.QueryBuilder().append(orm.InstalledCode, filters={'attributes.input_plugin': plugin}).count())


def sequence_arguments(options: dict[str, Any], code: Code) -> dict[str, Any]:
    """Return the arguments of a sequence; what was not asked for is left to its file.

    :raises ValueError: if there is no such sequence, or it is not right.
    """
    from aiida_crystalmath.workflows.sequences.files import read_sequence

    _, sequence = read_sequence(options['sequence'])
    arguments: dict[str, Any] = {'sequence': options['sequence']}
    if not options['protocol'] and sequence.defaults.protocol:
        arguments['protocol'] = None
    if not options['metal']:
        arguments['electronic_type'] = None
    if not options['moments']:
        arguments['spin_type'] = None
    if any(step.definition.needs_properties for step in sequence.steps):
        arguments['properties_code'] = find_code(options['properties_code'], 'crystalmath.properties23', beside=code)
    return arguments


def own_arguments(given: tuple[str, ...], known: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Parse ``NAME=VALUE`` options, the values YAML.

    Exits with an explanation for one that the chain does not have, and for one that is missing.
    """
    import yaml

    from aiida_crystalmath.workflows.protocols.merge import did_you_mean

    parsed = {}
    for item in given:
        name, equals, text = item.partition('=')
        if not equals:
            fail(f'--set {item}: write NAME=VALUE, for example relax_type=positions.')
        if name not in known:
            fail(f'--set {item}: this chain has no argument "{name}": {did_you_mean(name, list(known))}')
        try:
            parsed[name] = yaml.safe_load(text)
        except yaml.YAMLError as exception:
            fail(f'--set {item}: the value is not YAML: {" ".join(str(exception).split())}')
        if known[name].annotation in ('bool', 'bool | None') and not isinstance(parsed[name], bool):
            fail(f'--set {item}: write {name}=true or {name}=false.')
    missing = [
        f'--set {name}=... ({item.annotation})'
        for name, item in known.items()
        if item.default is inspect.Parameter.empty and name not in parsed
    ]
    if missing:
        fail(f'this chain needs {" and ".join(missing)}.')
    return parsed


def job_options(options: dict[str, Any]) -> dict[str, Any] | str | None:
    """Return the scheduler options asked for on the command line, ``'auto'``, or ``None``."""
    if options.get('resources'):
        return str(options['resources'])
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
