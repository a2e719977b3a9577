"""Backups and archives hold all of ours: every node, file, link, group and extra, on both kinds of storage.

What is typed by hand is in docs/howto/backup.md; the calls here are those behind the commands.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.manage import get_manager
from aiida.manage.configuration import create_profile, profile_context
from aiida.plugins import WorkflowFactory
from aiida.tools.archive import create_archive, import_archive

from aiida_crystalmath.calculations.restart import get_builder_restart
from aiida_crystalmath.crystal import basis_library
from aiida_crystalmath.data.basis_family import BasisSetFamily
from aiida_crystalmath.data.basis_set import BasisSetData
from aiida_crystalmath.data.imported_folder import ImportedFolderData
from aiida_crystalmath.tracking.campaign import Campaign

ON_POSTGRESQL = pytest.param('psql', marks=[pytest.mark.stack, pytest.mark.timeout(900)])
CAMPAIGN, FAMILY = 'molecules', 'small'

pytestmark = [pytest.mark.corpus, pytest.mark.standin]


@pytest.fixture
def profiles(request, aiida_config, aiida_profile, tmp_path):
    """Return a maker of profiles that are loaded for the time of a block: ``profiles('name', 'sqlite', folder)``."""

    @contextmanager
    def make(name: str, backend: str, folder: Path) -> Iterator[Any]:
        with ExitStack() as opened:
            config: dict[str, Any] = {'filepath': str(folder)}
            if backend == 'psql':
                stack = request.getfixturevalue('stack')
                config = stack.storage_config(opened.enter_context(stack.database()), folder)
            profile = create_profile(
                aiida_config,
                name=name,
                email='keeper@localhost',
                storage_backend=f'core.{backend}_dos',
                storage_config=config,
            )
            opened.callback(aiida_config.delete_profile, name, delete_storage=False)
            aiida_config.set_option('runner.poll.interval', 1, scope=name)
            with profile_context(name, allow_switch=True):
                yield profile

    return make


def fill(tree: Path) -> None:
    """Store one of everything we have: imported runs, a chain that ran, a family, a campaign with what it ran."""
    from aiida_crystalmath.crystal.discovery import discover
    from aiida_crystalmath.importing import ImportSession

    results = list(ImportSession(discover([tree]).runs).results())
    assert [result.exit_status for result in results] == [0, 0]
    computer = orm.load_computer('localhost')
    computer.set_minimum_job_poll_interval(0)
    program = str(shutil.which('crystalmath-crystal'))
    code = orm.InstalledCode(
        label='crystal', computer=computer, filepath_executable=program, default_calc_job_plugin='crystalmath.crystal23'
    ).store()
    library = basis_library.load('sto-3g')
    extras = {'source': 'a book', 'references': ['somebody']}
    family = BasisSetFamily.create_from_basis_sets(FAMILY, [library[1], library[2]], 'H and He', extras)
    structure = orm.StructureData(cell=[[500, 0, 0], [0, 500, 0], [0, 0, 500]], pbc=(False,) * 3)
    structure.append_atom(position=(0, 0, 0), symbols='He')
    builder = WorkflowFactory('crystalmath.crystal.base').get_builder()
    builder.crystal = {
        'code': code,
        'structure': structure,
        'parameters': orm.Dict({'scf': {'toldee': 7}}),
        'basis_sets': family.get_basis_sets(structure=structure),
        'metadata': {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}},
    }
    campaign = Campaign.make(CAMPAIGN)
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    node.base.comments.add('a remark')
    campaign.add_run(node, builder, label='he.xyz', kind='scf')


def contents() -> dict[str, Any]:
    """Return all that is in the loaded profile, but for numbers that are given anew in another one.

    Hashes for caching are left out as well: an archive does not bring them (``verdi node rehash`` makes them anew).
    """
    query = orm.QueryBuilder().append(orm.Node, tag='from', project='uuid')
    query.append(orm.Node, with_incoming='from', project='uuid', edge_project=['label', 'type'])
    return {
        'nodes': {
            node.uuid: (
                type(node).__name__,
                node.process_type,
                node.label,
                node.computer and node.computer.uuid,
                node.base.attributes.all,
                {key: value for key, value in node.base.extras.all.items() if not key.startswith('_aiida_')},
                node.base.repository.hash(),
            )
            for node in orm.QueryBuilder().append(orm.Node).all(flat=True)
        },
        'links': {tuple(row) for row in query.all()},
        'groups': {
            group.uuid: (type(group).__name__, group.label, group.base.extras.all, {node.uuid for node in group.nodes})
            for group in orm.QueryBuilder().append(orm.Group).all(flat=True)
            if group.type_string != 'core.import'
        },
        'comments': {comment.content for comment in orm.QueryBuilder().append(orm.Comment).all(flat=True)},
        'n_logs': orm.QueryBuilder().append(orm.Log).count(),
    }


def check_use() -> None:
    """What was brought back works: basis sets are read, folders known, runs gone on from."""
    family = BasisSetFamily.find(FAMILY)
    assert family is not None and family.base.extras.get('source') == 'a book'
    assert family.get_basis_set('He').basis_set.number == 2
    (item,) = Campaign.find(CAMPAIGN).look()
    assert (item.label, item.state, item.exit_status) == ('he.xyz', 'finished', 0)
    (job,) = orm.load_node(item.process).called
    assert isinstance(job.inputs.basis_sets['He'], BasisSetData)
    assert job.outputs.output_parameters.base.extras.get('engine') == 'STAND-IN'
    assert get_builder_restart(job).parent_folder.uuid == job.outputs.remote_folder.uuid
    assert orm.QueryBuilder().append(ImportedFolderData).count() == 2


@pytest.fixture
def runs(finished_runs):
    """Return a folder with runs of ``crystal`` and ``properties``: frequencies, bands, density of states."""
    return finished_runs('nacl_freq_band_doss')


@pytest.mark.parametrize('backend', ['sqlite', ON_POSTGRESQL])
def test_a_backup_is_restored(backend, profiles, runs, tmp_path) -> None:
    """What ``verdi storage backup`` wrote, put into a new place as the guide says, is the same profile."""
    with profiles('before', backend, tmp_path / 'before'):
        fill(runs)
        expected = contents()
        get_manager().get_profile_storage().backup(str(tmp_path / 'backup'))
        assert (tmp_path / 'backup' / 'config.json').stat().st_mode & 0o077 == 0
    saved, place = tmp_path / 'backup' / 'last-backup', tmp_path / 'after'
    with profiles('after', backend, place) as profile:
        get_manager().reset_profile()
        shutil.rmtree(place)
        shutil.copytree(saved, place)
        if backend == 'psql':
            load_dump(profile.storage_config, place / 'db.psql')
        with profile_context('after', allow_switch=True):
            assert contents() == expected
            check_use()


def load_dump(config: dict[str, Any], dump: Path) -> None:
    """Empty the database of a profile, and type ``psql -f db.psql``."""
    command = ['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', config['database_hostname']]
    command += ['-p', str(config['database_port']), '-U', config['database_username'], '-d', config['database_name']]
    subprocess.run(
        [*command, '-c', 'drop schema public cascade', '-c', 'create schema public', '-f', str(dump)],
        env={**os.environ, 'PGPASSWORD': config['database_password']},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    ('source', 'target'),
    [
        ('sqlite', 'sqlite'),
        pytest.param('sqlite', 'psql', marks=ON_POSTGRESQL.marks),
        pytest.param('psql', 'sqlite', marks=ON_POSTGRESQL.marks),
    ],
)
def test_an_archive_brings_everything(source, target, profiles, runs, tmp_path) -> None:
    """All of a profile by ``--all``; of a campaign alone, what belongs to it, and all that led to it."""
    everything, campaign = tmp_path / 'all.aiida', tmp_path / 'campaign.aiida'
    with profiles('source', source, tmp_path / 'source'):
        fill(runs)
        expected = contents()
        create_archive(None, filename=everything)
        groups = [Campaign.find(CAMPAIGN), BasisSetFamily.find(FAMILY)]
        create_archive(groups, filename=campaign)
        imported = {folder.creator.uuid for folder in orm.QueryBuilder().append(ImportedFolderData).all(flat=True)}
    with profiles('all', target, tmp_path / 'all'):
        import_archive(everything)
        assert contents() == expected
        check_use()
        import_archive(everything)
        assert contents() == expected
    with profiles('part', target, tmp_path / 'part'):
        import_archive(campaign)
        part = contents()
        assert part['nodes'].items() <= expected['nodes'].items() and part['groups'] == expected['groups']
        assert imported.isdisjoint(part['nodes'])
        chain = orm.QueryBuilder().append(orm.WorkChainNode).one()[0]
        links = chain.base.links
        assert {'remote_folder', 'retrieved', 'output_parameters'} <= set(
            links.get_outgoing(link_type=LinkType.RETURN).all_link_labels()
        )
        assert links.get_incoming(link_type=LinkType.INPUT_WORK).nested()['crystal']['basis_sets']['He'].element == 'He'
