"""Importing trees of runs: provenance, none twice, each wholly or not at all."""

from __future__ import annotations

import json

import pytest
from aiida import orm
from aiida.engine import run as run_process
from aiida.plugins import CalculationFactory

from aiida_crystalmath.crystal.discovery import discover
from aiida_crystalmath.importing import ImportSession, Outcome
from aiida_crystalmath.importing.database import EXTRA, imported_digests

pytestmark = pytest.mark.corpus


@pytest.fixture(autouse=True)
def _clean(aiida_profile_clean):
    """Begin with an empty database: digests are looked up in all of it."""


def import_tree(tree, **arguments):
    """Import a tree; return nodes and results by folder and program."""
    results = list(ImportSession(discover([tree]).runs, **arguments).results())
    return {f'{result.run.folder.name}/{result.run.program}': result for result in results}


def node_of(result) -> orm.CalcJobNode:
    assert result.outcome is Outcome.IMPORTED, result.reason
    return orm.load_node(result.uuid)


def n_nodes() -> int:
    return orm.QueryBuilder().append(orm.Node).count()


def test_every_run_of_the_corpus_comes_in_with_its_status(corpus) -> None:
    """``is_failure`` of the truth is the exit status; a second time nothing is done."""
    truth = json.loads((corpus / 'truth.json').read_text())
    plan = discover([corpus])
    results = list(ImportSession(plan.runs).results())
    assert [result for result in results if result.outcome is not Outcome.IMPORTED] == []
    assert len(results) == len(plan.runs) == 85
    for result in results:
        expected = truth[result.run.folder.name]['is_failure']
        if result.run.program == 'crystal' and result.run.folder.name != 'guessp_fock0_propio_error':
            assert bool(result.exit_status) is bool(expected), result.run.name
        node = orm.load_node(result.uuid)
        assert node.is_finished and node.is_sealed and node.is_imported
        assert node.computer is not None and node.process_class is not None
    before = n_nodes()
    assert {result.outcome for result in ImportSession(discover([corpus]).runs).results()} == {Outcome.PRESENT}
    assert n_nodes() == before


def test_provenance_of_bands(finished_runs) -> None:
    found = import_tree(finished_runs('nacl_freq_band_doss'))
    crystal, properties = (node_of(found[f'nacl_freq_band_doss/{name}']) for name in ('crystal', 'properties'))
    assert crystal.exit_status == properties.exit_status == 0
    assert properties.inputs.parent_folder.uuid == crystal.outputs.remote_folder.uuid
    bands = properties.outputs.output_bands
    query = orm.QueryBuilder().append(orm.BandsData, filters={'uuid': bands.uuid}, tag='bands')
    query.append(orm.StructureData, with_descendants='bands')
    assert [node.uuid for node in query.all(flat=True)] == [crystal.inputs.structure.uuid]


def test_properties_whose_run_is_not_known_stand_alone(finished_runs) -> None:
    """Bands of CRYSTAL's own cell: properties.out, line 49, and the path of fort.25 and stdout, as there is no deck."""
    node = node_of(import_tree(finished_runs('properties_c14'))['properties_c14/properties'])
    assert node.exit_status == 0
    assert node.inputs.parent_folder.creator is None
    assert node.inputs.parent_folder.get_remote_path() == node.outputs.remote_folder.get_remote_path()
    origin = node.base.extras.get(EXTRA)
    assert origin['parent'] == 'not found' and 'parent_by' not in origin
    bands = node.outputs.output_bands
    assert bands.cell.tolist() == [[0, 2.0953, 2.0953], [2.0953, 0, 2.0953], [2.0953, 2.0953, 0]]
    assert bands.get_kpoints()[6].tolist() == [0.5, 0, 0.5]
    assert bands.get_bands().shape == (31, 14)
    results = node.outputs.output_parameters.get_dict()
    assert results['wave_function'] == {'energy_hartree': -274.66427544495, 'n_scf_cycles': 7, 'formula': 'MgO'}
    assert results['n_electrons'] == 20
    assert 'functional' not in results


def test_properties_without_parent_keep_projections_and_maps(finished_runs) -> None:
    found = import_tree(finished_runs('mgo_doss', 'wse2_soc_prop'))
    dos = node_of(found['mgo_doss/properties']).outputs.output_dos_projected
    assert [name for name, _, _ in dos.get_y()] == ['Mg', 'O']
    maps = node_of(found['wse2_soc_prop/properties']).outputs.output_maps
    assert maps.base.attributes.get('frame') == 'crystal'


def test_the_run_of_properties_may_be_in_already(finished_runs, tmp_path) -> None:
    """The SCF was imported by itself before; mgo_band ran two months before it, with the same energy."""
    crystal = node_of(import_tree(finished_runs('mgo_scf_b3lyp'))['mgo_scf_b3lyp/crystal'])
    found = import_tree(finished_runs('mgo_prop_newk', 'mgo_band', root=tmp_path / 'later'))
    properties = node_of(found['mgo_prop_newk/properties'])
    assert properties.inputs.parent_folder.creator.uuid == crystal.uuid
    origin = properties.base.extras.get(EXTRA)
    assert origin['parent_by'] == 'energy of its wavefunction, in the database' and 'parent' not in origin
    assert not found['mgo_prop_newk/properties'].lacks_parent
    assert found['mgo_band/properties'].lacks_parent
    assert node_of(found['mgo_band/properties']).inputs.parent_folder.creator is None


def test_same_nodes_as_by_the_engine(finished_runs, aiida_localhost) -> None:
    """The short way makes what ``run(CalcJob, remote_folder=...)`` makes, for an optimisation and a failed run."""
    tree = finished_runs('mgo_sto3g_opt', 'nio_scf_maxcyc', 'nacl_freq_band_doss')
    found = import_tree(tree, computer=aiida_localhost)
    job = CalculationFactory('crystalmath.crystal23')
    for name in ('mgo_sto3g_opt', 'nio_scf_maxcyc', 'nacl_freq_band_doss'):
        folder = orm.RemoteData(remote_path=str(tree / name), computer=aiida_localhost)
        theirs = run_process.get_node(job, **job.get_importer().parse_remote_data(folder))[1]
        ours = node_of(found[f'{name}/crystal'])
        assert comparable(ours) == comparable(theirs), name


def comparable(node: orm.CalcJobNode) -> dict:
    """Return all of a calculation that does not depend on when it was made."""
    links = [*node.base.links.get_incoming().all(), *node.base.links.get_outgoing().all()]
    return {
        'attributes': {key: value for key, value in node.base.attributes.all.items() if key != 'job_id'},
        'type': (node.process_type, node.node_type, node.process_label),
        'state': (node.process_state, node.exit_status, node.exit_message, node.is_sealed),
        'files': {
            name: node.base.repository.get_object_content(name) for name in node.base.repository.list_object_names()
        },
        'logs': sorted(log.message for log in orm.Log.collection.get_logs_for(node)),
        'links': sorted(
            (link.link_label, link.link_type.value, link.node.node_type, content(link.node)) for link in links
        ),
    }


def content(node: orm.Data) -> str:
    """Return the content of a data node as text."""
    files = {
        name: node.base.repository.get_object_content(name, mode='rb')
        for name in sorted(node.base.repository.list_object_names())
    }
    return repr((sorted(node.base.attributes.all.items()), files))


@pytest.mark.standin
def test_single_point_takes_the_structure_of_the_optimisation(standin_opt_and_sp) -> None:
    found = import_tree(standin_opt_and_sp)
    point, optimisation = node_of(found['point/crystal']), None
    optimisation = point.inputs.structure.creator
    assert optimisation is not None
    assert optimisation.uuid == node_of(found[f'{standin_opt_and_sp.name}/crystal']).uuid
    assert point.inputs.structure.uuid == optimisation.outputs.output_structure.uuid
    assert point.outputs.output_parameters.get_dict()['engine'] == 'STAND-IN'


def test_origin_is_kept(finished_runs) -> None:
    tree = finished_runs('h_bulk_scf', 'w_molecule_opt', 'toluene_opt')
    found = import_tree(tree)
    origin = node_of(found['h_bulk_scf/crystal']).base.extras.get(EXTRA)
    assert origin['output'] == str(tree / 'h_bulk_scf' / 'h_bulk.out')
    assert origin['deck'] == str(tree / 'h_bulk_scf' / 'h_bulk.d12')
    assert (origin['inputs_from'], origin['structure_from']) == ('d12', 'deck')
    assert origin['started'] == '2022-01-06T10:21:30'
    assert {'digest', 'host', 'mtime', 'version', 'importer_version'} <= set(origin)
    assert node_of(found['toluene_opt/crystal']).base.extras.get(EXTRA)['inputs_from'] == 'echo'
    assert node_of(found['w_molecule_opt/crystal']).base.extras.get(EXTRA)['inputs_from'] == 'output'


def test_only_exact_inputs_may_serve_the_cache(finished_runs) -> None:
    found = import_tree(finished_runs('h_bulk_scf', 'w_molecule_opt', 'nio_scf_maxcyc'))
    valid = {name: node_of(result).base.caching.is_valid_cache for name, result in found.items()}
    assert valid['h_bulk_scf/crystal'] is True
    assert valid['w_molecule_opt/crystal'] is False
    assert valid['nio_scf_maxcyc/crystal'] is False  # its exit status, and the structure is from the output


def test_basis_sets_are_stored_once(finished_runs) -> None:
    found = import_tree(finished_runs('mgo_sto3g_scf', 'mgo_sto3g_opt'))
    first, second = (node_of(found[f'{name}/crystal']) for name in ('mgo_sto3g_scf', 'mgo_sto3g_opt'))
    assert first.inputs.basis_sets.Mg.uuid == second.inputs.basis_sets.Mg.uuid


def test_same_run_in_two_places_comes_in_once(finished_runs, tmp_path) -> None:
    finished_runs('h_bulk_scf', root=tmp_path / 'tree' / 'one')
    finished_runs('h_bulk_scf', root=tmp_path / 'tree' / 'two')
    results = list(ImportSession(discover([tmp_path / 'tree']).runs).results())
    assert [result.outcome for result in results] == [Outcome.IMPORTED, Outcome.PRESENT]


def test_folders_and_files_with_brackets_blanks_and_stars(finished_runs, tmp_path) -> None:
    tree = finished_runs('h_bulk_scf', 'mgo_sto3g_opt', root=tmp_path / 'a [1] b' / 'über*')
    folder = tree / 'h_bulk_scf'
    for suffix in ('d12', 'out'):
        (folder / f'h_bulk.{suffix}').rename(folder / f'H [bulk] 1*.{suffix}')
    found = import_tree(tree)
    assert [result.exit_status for result in found.values()] == [0, 0]
    assert node_of(found['h_bulk_scf/crystal']).outputs.retrieved.list_object_names() == ['crystal.out']


def test_carriage_returns(finished_runs) -> None:
    tree = finished_runs('mgo_scf_c14')
    for path in (tree / 'mgo_scf_c14').iterdir():
        path.write_bytes(path.read_bytes().replace(b'\n', b'\r\n'))
    node = node_of(import_tree(tree)['mgo_scf_c14/crystal'])
    assert node.exit_status == 0
    assert node.base.extras.get(EXTRA)['inputs_from'] == 'd12'


def test_broken_run_leaves_nothing_behind(finished_runs, monkeypatch) -> None:
    """A parser that raises, in the middle of a run with new basis sets: all is rolled back, the next runs come in."""
    from aiida_crystalmath.parsers.crystal23 import Crystal23Parser

    parse = Crystal23Parser.parse
    tree = finished_runs('h_bulk_scf', 'mgo_sto3g_scf', 'mgo_sto3g_opt')
    list(ImportSession(discover([tree / 'h_bulk_scf']).runs).results())
    before = n_nodes()

    def explode(self, *args, **kwargs):
        parse(self, *args, **kwargs)
        raise RuntimeError('boom')

    monkeypatch.setattr(Crystal23Parser, 'parse', explode)
    results = list(ImportSession(discover([tree]).runs).results())
    assert [result.outcome.value for result in results] == ['already in', 'not imported', 'not imported']
    assert results[1].reason == 'RuntimeError: boom'
    assert n_nodes() == before
    monkeypatch.setattr(Crystal23Parser, 'parse', parse)
    results = list(ImportSession(discover([tree]).runs).results())
    assert [result.outcome.value for result in results] == ['already in', 'imported', 'imported']


def test_session_goes_on_after_a_rolled_back_run(finished_runs, monkeypatch) -> None:
    """Basis sets of a run that was rolled back are not taken for stored ones by the next."""
    from aiida_crystalmath.parsers.crystal23 import Crystal23Parser

    parse, calls = Crystal23Parser.parse, []

    def explode_once(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError('boom')
        return parse(self, *args, **kwargs)

    monkeypatch.setattr(Crystal23Parser, 'parse', explode_once)
    found = import_tree(finished_runs('mgo_sto3g_scf', 'mgo_sto3g_opt'))
    assert sorted(result.outcome.value for result in found.values()) == ['imported', 'not imported']


def test_properties_are_not_imported_without_their_parent(finished_runs, monkeypatch) -> None:
    from aiida_crystalmath.parsers.crystal23 import Crystal23Parser

    def explode(self, *args, **kwargs):
        raise RuntimeError('boom')

    monkeypatch.setattr(Crystal23Parser, 'parse', explode)
    found = import_tree(finished_runs('nacl_freq_band_doss'))
    assert found['nacl_freq_band_doss/properties'].reason == 'the run whose wavefunction it used was not imported'
    assert n_nodes() == 0


def test_group(finished_runs) -> None:
    group = orm.Group.collection.get_or_create('old work')[0]
    tree = finished_runs('h_bulk_scf')
    import_tree(tree)
    import_tree(finished_runs('mgo_sto3g_scf'), group=group)
    assert sorted(node.label for node in group.nodes) == ['crystal.out', 'h_bulk.out']


def test_digests_are_found_again(finished_runs) -> None:
    runs = discover([finished_runs('h_bulk_scf')]).runs
    assert imported_digests(run.digest for run in runs) == {}
    (result,) = ImportSession(runs).results()
    assert imported_digests([runs[0].digest, 'another']) == {runs[0].digest: result.uuid}
