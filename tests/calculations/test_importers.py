"""AiiDA's own way to import a finished run: ``run(CalcJob, **importer.parse_remote_data(folder))``."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run
from aiida.engine.processes import ExitCode
from aiida.plugins import CalculationFactory

from aiida_crystalmath.calculations.imported import Imported, name_in, retrieve_entries
from aiida_crystalmath.calculations.importers.nodes import ImportRefusedError
from aiida_crystalmath.data.structure import to_geometry

pytestmark = pytest.mark.corpus


@pytest.fixture
def remote(corpus, aiida_localhost):
    """Return a factory of remote folders of the corpus."""
    return lambda name: orm.RemoteData(remote_path=str(corpus / name), computer=aiida_localhost)


@pytest.fixture
def imported(remote):
    """Return a factory of imported calculations: ``imported('mgo_sto3g_scf')``."""

    def factory(name, entry_point='crystalmath.crystal23', **arguments):
        job = CalculationFactory(entry_point)
        inputs = job.get_importer().parse_remote_data(remote(name), **arguments)
        return run.get_node(job, **inputs)[1]

    return factory


def test_single_point(imported) -> None:
    node = imported('mgo_sto3g_scf')
    assert node.is_finished_ok and node.is_sealed and node.is_imported
    assert node.inputs.structure.get_formula() == 'MgO'
    assert node.inputs.parameters.get_dict()['scf']['shrink'] == {'is': 8, 'isp': 8}
    assert sorted(node.inputs.basis_sets) == ['Mg', 'O']
    results = node.outputs.output_parameters.get_dict()
    assert results['energy_hartree'] == pytest.approx(-271.21814374931, abs=1e-9)
    assert results['atom_order'] == 'structure'
    assert 'INPUT' in node.base.repository.list_object_names()
    assert node.base.repository.get_object_content('INPUT').splitlines()[0] == 'MgO bulk'
    assert not [log for log in orm.Log.collection.get_logs_for(node) if 'scheduler' in log.message]


def test_other_names(imported) -> None:
    """Everything of mgo_scf_b3lyp has other names than ours; INPUT is the d12 as it stands."""
    node = imported('mgo_scf_b3lyp')
    assert node.is_finished_ok
    assert node.get_option('import_from')['files']['crystal.out'] == 'out_mgoSCF.out'
    assert sorted(node.outputs.retrieved.list_object_names()) == ['crystal.out', 'fort.34']
    assert node.base.repository.get_object_content('INPUT').startswith('MGO BULK - GEOMETRY TEST\nCRYSTAL\n0 0 0\n')


def test_optimisation(imported) -> None:
    node = imported('mgo_sto3g_opt')
    assert node.is_finished_ok
    assert {'output_structure', 'output_trajectory'} <= set(node.outputs)
    final = to_geometry(node.outputs.output_structure)
    assert final.cell[0, 1] == pytest.approx(1.94218061, abs=1e-7)


@pytest.mark.parametrize(
    ('name', 'status'),
    [('nio_opt_walltime', 400), ('nio_scf_maxcyc', 410), ('mackinawite_opt_failed', 500), ('incomplete_scf', 404)],
)
def test_failed_runs_come_in_as_failed(imported, name, status) -> None:
    node = imported(name)
    assert (node.is_finished, node.exit_status) == (True, status)
    assert isinstance(ExitCode(node.exit_status), ExitCode)
    assert 'energy_hartree' not in node.outputs.output_parameters.get_dict() or status == 500


def test_antiferromagnet_keeps_its_spins(imported) -> None:
    """The spins of ATOMSPIN go to the kinds, so that the cell is not halved when it is written anew."""
    node = imported('nio_sto3g_afm_scf')
    assert node.inputs.kinds.get_dict() == {'Ni1': {'spin': 1}, 'Ni2': {'spin': -1}}
    assert 'atomspin' not in node.inputs.parameters.get_dict()['scf']
    assert node.outputs.output_parameters.get_dict()['atom_order'] == 'structure'


def test_inputs_make_the_same_run_again(imported, generate_calc_job, fixture_code, tmp_path) -> None:
    """A restart from an imported antiferromagnet writes all four atoms and both spins."""
    node = imported('nio_sto3g_afm_scf')
    inputs = {
        **{name: node.inputs[name] for name in ('structure', 'parameters', 'kinds')},
        'basis_sets': dict(node.inputs.basis_sets),
        'code': fixture_code('crystalmath.crystal23'),
        'metadata': {'options': {'resources': {'num_machines': 1}}},
    }
    generate_calc_job(tmp_path, 'crystalmath.crystal23', inputs)
    deck = (tmp_path / 'INPUT').read_text()
    assert 'ATOMSPIN\n2\n1 1\n2 -1\n' in deck
    assert '128 ' not in deck


def test_properties_with_its_parent(imported) -> None:
    parent = imported('mgo_scf_b3lyp')
    node = imported('mgo_prop_newk', 'crystalmath.properties23', parent_folder=parent.outputs.remote_folder)
    assert node.is_finished_ok
    assert node.inputs.parent_folder.uuid == parent.outputs.remote_folder.uuid
    assert node.outputs.output_parameters.get_dict()['functional'] == 'B3LYP'


def test_properties_without_their_parent(imported, remote) -> None:
    """The folder it ran in stands in the place of the SCF's."""
    node = imported('mgo_doss', 'crystalmath.properties23', parent_folder=remote('mgo_doss'))
    assert node.is_finished_ok
    assert 'output_dos' in node.outputs
    assert node.inputs.parent_folder.creator is None


def test_properties_are_not_run_on_a_folder_from_elsewhere(remote, properties_code) -> None:
    builder = CalculationFactory('crystalmath.properties23').get_builder()
    builder.code = properties_code
    builder.parameters = {'blocks': [{'keyword': 'PPAN'}]}
    builder.parent_folder = remote('mgo_doss')
    with pytest.raises(ValueError, match='was not made by any calculation'):
        run(builder)


def test_second_program_of_an_output(imported) -> None:
    parent = imported('nacl_freq_band_doss')
    assert parent.get_option('import_from')['part'] == 0
    assert parent.outputs.output_parameters.get_dict()['program'] == 'crystal'
    node = imported('nacl_freq_band_doss', 'crystalmath.properties23', parent_folder=parent.outputs.remote_folder)
    assert node.is_finished_ok
    assert {'output_bands', 'output_dos'} <= set(node.outputs)
    assert node.base.repository.get_object_content('INPUT').startswith('BAND\nNaCl\n')


def test_without_a_deck_nothing_is_invented(imported) -> None:
    node = imported('w_molecule_opt')
    assert node.is_finished_ok
    assert node.inputs.structure.get_formula() == 'H2O'
    assert list(node.inputs.parameters.get_dict()) == ['title']
    assert 'basis_sets' not in node.inputs
    assert 'functional' not in node.outputs.output_parameters.get_dict()
    assert 'INPUT' not in node.base.repository.list_object_names()


def test_wavefunction_of_an_imported_run_is_found_by_its_name(imported, finished_runs, aiida_localhost) -> None:
    tree = finished_runs('h_bulk_scf')
    (tree / 'h_bulk_scf' / 'h_bulk.f9').write_bytes(b'\0')
    folder = orm.RemoteData(remote_path=str(tree / 'h_bulk_scf'), computer=aiida_localhost)
    job = CalculationFactory('crystalmath.crystal23')
    folder = run.get_node(job, **job.get_importer().parse_remote_data(folder))[1].outputs.remote_folder
    assert folder.get_remote_path() == str(tree / 'h_bulk_scf')
    assert name_in(folder, 'fort.9') == 'h_bulk.f9'
    assert name_in(folder, 'fort.13') == 'fort.13'


def test_restart_of_an_imported_run_runs(imported) -> None:
    """It is not imported again, and takes no wavefunction that is not there."""
    from aiida_crystalmath.calculations.restart import get_builder_restart

    node = imported('mgo_sto3g_opt')
    builder = get_builder_restart(node)
    assert builder.structure.uuid == node.outputs.output_structure.uuid
    assert 'import_from' not in builder.metadata.options
    assert 'remote_folder' not in builder._inputs(prune=True)
    assert builder.parent_folder is None
    assert 'guessp' not in builder.parameters.get_dict()['scf']


def test_restart_makes_edits_of_the_geometry_once(imported, monkeypatch) -> None:
    """The geometry that an optimisation with a supercell ended with is the supercell already."""
    from aiida_crystalmath.calculations.restart import get_builder_restart

    node = imported('mgo_sto3g_opt')
    parameters = node.inputs.parameters.get_dict()
    parameters['geometry']['edits'] = ['SUPERCEL', '2 0 0', '0 2 0', '0 0 2']
    edited = orm.Dict(parameters).store()
    builder = type(node).get_builder_restart
    monkeypatch.setattr(type(node), 'get_builder_restart', lambda self: _with(builder(self), parameters=edited))
    assert get_builder_restart(node).structure.uuid == node.inputs.structure.uuid


def _with(builder, **inputs):
    for name, value in inputs.items():
        setattr(builder, name, value)
    return builder


def test_properties_on_an_imported_run_need_its_wavefunction(imported, properties_code) -> None:
    node = imported('mgo_sto3g_scf')
    builder = CalculationFactory('crystalmath.properties23').get_builder()
    builder.code = properties_code
    builder.parameters = {'blocks': [{'keyword': 'PPAN'}]}
    builder.parent_folder = node.outputs.remote_folder
    with pytest.raises(ValueError, match='has no wavefunction'):
        run(builder)


def test_which_run_of_a_folder(remote, finished_runs, corpus, aiida_localhost) -> None:
    importer = CalculationFactory('crystalmath.crystal23').get_importer()
    tree = finished_runs('h_bulk_scf')
    (tree / 'h_bulk_scf' / 'mgo.out').write_bytes((corpus / 'mgo_scf_c14' / 'mgo.out').read_bytes())
    folder = orm.RemoteData(remote_path=str(tree / 'h_bulk_scf'), computer=aiida_localhost)
    with pytest.raises(ImportRefusedError, match=r'has 2 runs of crystal \(h_bulk.out, mgo.out\)'):
        importer.parse_remote_data(folder)
    assert importer.parse_remote_data(folder, output='mgo.out')['structure'].get_formula() == 'MgO'


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('mgo_doss', 'has no output of crystal'),
        ('error_empty_output', 'has no output of crystal'),
        ('gone', 'no folder'),
    ],
)
def test_refused_folders(remote, name, message) -> None:
    with pytest.raises(ImportRefusedError, match=message):
        CalculationFactory('crystalmath.crystal23').get_importer().parse_remote_data(remote(name))


def test_paths_that_aiida_takes_for_patterns_are_refused(finished_runs, tmp_path, aiida_localhost) -> None:
    tree = finished_runs('h_bulk_scf', root=tmp_path / 'MgO[100]')
    folder = orm.RemoteData(remote_path=str(tree / 'h_bulk_scf'), computer=aiida_localhost)
    with pytest.raises(ImportRefusedError, match='use `crystalmath import`, or rename'):
        CalculationFactory('crystalmath.crystal23').get_importer().parse_remote_data(folder)


def test_names_with_brackets_are_names() -> None:
    entries = retrieve_entries(['crystal.out', 'fort.87', 'optc*'], Imported(files={'crystal.out': 'MgO[100].out'}))
    assert entries == [('MgO[[]100].out', 'crystal.out', 0)]
    assert retrieve_entries(['fort.25', 'optc*'], Imported()) == [('fort.25', 'fort.25', 0), ('optc*', '.', 1)]
