"""``crystalmath setup profile``: a profile whose data are in PostgreSQL."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from aiida_crystalmath.cli.common import PROFILE_NAME, console, echo_json, fail
from aiida_crystalmath.cli.steps import Step, carry_out, family_steps, print_steps
from aiida_crystalmath.machines import profiles, services
from aiida_crystalmath.machines.daemon import daemon_runs, start_daemon

if TYPE_CHECKING:
    from aiida.manage.configuration.profile import Profile

BROKERS = {'rabbitmq': 'core.rabbitmq', 'zeromq': 'core.zeromq'}
STORAGES = {'postgresql': 'core.psql_dos', 'sqlite': 'core.sqlite_dos'}


@click.command()
@click.option('--profile', default=None, help=f'Name of the profile (default: {PROFILE_NAME}).')
@click.option('--db', type=click.Choice(list(STORAGES)), default='postgresql', show_default=True, help='Storage.')
@click.option('--db-host', default='127.0.0.1', show_default=True)
@click.option('--db-port', default=5432, show_default=True)
@click.option('--db-user', default='aiida', show_default=True)
@click.option('--db-name', help='The database (default: aiida); it must be there, and empty.')
@click.option('--db-password-file', type=click.Path(path_type=Path), help='Or: CRYSTALMATH_DB_PASSWORD, or a prompt.')
@click.option('--repository', type=click.Path(path_type=Path), help="Folder of files (default: below AiiDA's own).")
@click.option('--broker', type=click.Choice(list(BROKERS)), default='rabbitmq', show_default=True)
@click.option('--broker-host', default='127.0.0.1', show_default=True)
@click.option('--broker-port', default=5672, show_default=True)
@click.option('--broker-user', default='aiida', show_default=True)
@click.option('--broker-vhost', default='/', show_default=True)
@click.option(
    '--broker-password-file', type=click.Path(path_type=Path), help='Or: CRYSTALMATH_BROKER_PASSWORD, or a prompt.'
)
@click.option(
    '--stack',
    type=click.Path(path_type=Path),
    help='stack.env of setup_scripts/stack.sh, in place of what is about database and broker.',
)
@click.option('--email', default=profiles.EMAIL, show_default=True, help='Whose data they are.')
@click.option('--default/--no-default', default=False, help='Make it the default profile of verdi.')
@click.option('--daemon/--no-daemon', default=True, show_default=True, help='Start the daemon as well.')
@click.option('--workers', type=click.IntRange(1), default=2, show_default=True, help='Processes of the daemon.')
@click.option('--json', 'as_json', is_flag=True, help='Print the steps as JSON.')
@click.pass_context
def profile(ctx: click.Context, /, **options: Any) -> None:
    """Make a profile on PostgreSQL, with RabbitMQ or ZeroMQ.

    Storage and broker must answer before anything is made, and once more through the new profile. Passwords are never
    taken from the command line, where others on the machine would see them. Run it again to see that all is there.
    """
    name = options['profile'] or (ctx.find_root().obj or {}).get('profile') or PROFILE_NAME
    steps = plan(name, options)
    carry_out(steps, quiet=options['as_json'])
    if options['as_json']:
        echo_json({'profile': name, 'steps': [step.as_dict(False) for step in steps]})
        return
    print_steps(steps, console())
    prefix = '' if name == PROFILE_NAME else f'-p {name} '
    click.echo(f'\nNext: crystalmath {prefix}setup computer USER@HOST, or on this machine: crystalmath quickstart')


def plan(name: str, options: dict[str, Any]) -> list[Step]:
    """List the steps; the services are asked at once, since without them nothing is begun."""
    there = profiles.exists(name)
    if there:
        check_backends(name, options)
    storage, broker, steps = ask_services(name, options, new=not there)
    if there:
        check_database(name, storage)
    steps.append(
        Step(
            'profile',
            there,
            services.check_profile(name) if there else f'{name}: {storage.backend}, {broker.backend}',
            f'verdi profile delete {name}',
            lambda: make(name, storage, broker, options),
        )
    )
    steps += family_steps(name, there)
    if options['daemon']:
        steps.append(
            Step(
                'daemon',
                there and daemon_runs(name),
                f'{options["workers"]} workers',
                f'verdi -p {name} daemon stop',
                lambda: start_daemon(name, options['workers']),
            )
        )
    return steps


def make(name: str, storage: profiles.Storage, broker: profiles.Broker, options: dict[str, Any]) -> str:
    """Make the profile, and see that it works."""
    profiles.make_profile(name, storage, broker, options['email'], options['default'])
    profiles.set_workers(name, options['workers'])
    return f'{name}: {services.check_profile(name)}'


def ask_services(name: str, options: dict[str, Any], new: bool) -> tuple[profiles.Storage, profiles.Broker, list[Step]]:
    """Return storage and broker, and a step for each service that answered.

    :param new: the profile does not exist yet, so that its database must be empty.
    """
    steps = []
    storage, broker = profiles.Storage(), profiles.Broker()
    stack = services.read_stack(options['stack']) if options['stack'] else None
    if options['db'] == 'postgresql':
        database = stack[0] if stack else None
        if database is None:
            database = services.PostgreSql(
                password(options['db_password_file'], 'CRYSTALMATH_DB_PASSWORD', 'PostgreSQL', '--db-password-file'),
                *(options[key] for key in ('db_host', 'db_port', 'db_user')),
            )
        if options['db_name']:
            database = replace(database, database=options['db_name'])
        steps.append(Step('database', True, services.check_postgresql(database, empty=new)))
        folder = options['repository'] or Path(profiles.config_folder()) / 'repository' / name
        storage = database.storage(folder)
    if options['broker'] == 'rabbitmq':
        server = stack[1] if stack else None
        if server is None:
            server = services.RabbitMq(
                password(
                    options['broker_password_file'],
                    'CRYSTALMATH_BROKER_PASSWORD',
                    'RabbitMQ',
                    '--broker-password-file',
                ),
                *(options[key] for key in ('broker_host', 'broker_port', 'broker_user', 'broker_vhost')),
            )
        steps.append(Step('broker', True, services.check_rabbitmq(server)))
        broker = server.broker()
    return storage, broker, steps


def password(file: Path | None, variable: str, service: str, option: str) -> str:
    """Return a password: of a file, of the environment, or of a person."""
    if file is not None:
        try:
            return file.read_text(encoding='utf-8').strip()
        except (OSError, UnicodeDecodeError) as exception:
            fail(f'{option} {file}: {getattr(exception, "strerror", None) or exception}')
    if variable in os.environ:
        return os.environ[variable]
    if not sys.stdin.isatty():
        fail(f'the password of {service} is not known.', f'Give a file with {option}, or set {variable}.')
    return str(click.prompt(f'Password of {service}', hide_input=True))


def check_backends(name: str, options: dict[str, Any]) -> None:
    """Exit if the profile ``name`` is there, but of another kind than asked for."""
    found = existing(name)
    if (found.storage_backend, found.process_control_backend) != (STORAGES[options['db']], BROKERS[options['broker']]):
        refuse_other(name, f'{found.storage_backend} with {found.process_control_backend or "no broker"}')


def check_database(name: str, storage: profiles.Storage) -> None:
    """Exit if the profile ``name`` is there, but in another database than asked for."""
    found = existing(name).storage_config
    parts = ('database_hostname', 'database_port', 'database_name')
    if any(storage.config.get(part) not in (None, found.get(part)) for part in parts):
        refuse_other(name, 'the database {2} at {0}:{1}'.format(*(found.get(part) for part in parts)))


def existing(name: str) -> Profile:
    """Return the profile ``name``, which exists."""
    config = profiles.aiida_config()
    assert config is not None
    return config.get_profile(name)


def refuse_other(name: str, where: str) -> NoReturn:
    """Exit since the profile ``name`` has its data elsewhere."""
    fail(
        f'the profile "{name}" is there already, on {where}.',
        'Take another name with --profile; "crystalmath -p NAME ..." then uses it. What is in the old one comes over '
        'with "verdi archive create" and "verdi archive import".',
    )
