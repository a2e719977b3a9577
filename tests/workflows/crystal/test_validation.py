"""Wrong inputs are refused before anything is submitted, each with a message on its port."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.plugins import WorkflowFactory


def problem(name: str, inputs: dict) -> str:
    """Return the message of the validation of a chain's inputs."""
    error = WorkflowFactory(f'crystalmath.crystal.{name}').spec().inputs.validate(inputs)
    assert error is not None, 'nothing was found wrong'
    return f'{error.port}: {error.message}'


@pytest.fixture
def base_inputs(generate_inputs_crystal):
    """Return a factory of inputs of the base chain without SHRINK."""

    def factory(structure='MgO', *, parameters=None, basis=True, **inputs):
        crystal = generate_inputs_crystal(structure, parameters)
        content = crystal['parameters'].get_dict()
        content['scf'].pop('shrink', None)
        crystal['parameters'] = orm.Dict(content)
        if not basis:
            crystal.pop('basis_sets')
        defaults = {'max_iterations': orm.Int(5), 'clean_workdir': orm.Bool(False), 'metadata': {}}
        return {'crystal': crystal, **defaults, **inputs}

    return factory


def test_no_kmesh(base_inputs):
    assert 'kpoints_distance: a periodic system needs a k-mesh' in problem('base', base_inputs())


def test_kmesh_for_a_molecule(base_inputs):
    message = problem('base', base_inputs('H2', kpoints_distance=orm.Float(0.3)))
    assert 'a molecule has no k-points' in message


def test_negative_distance(base_inputs):
    message = problem('base', base_inputs(kpoints_distance=orm.Float(-0.3)))
    assert 'kpoints_distance' in message
    assert 'must be positive' in message


def test_no_basis(base_inputs):
    message = problem('base', base_inputs(basis=False, kpoints_distance=orm.Float(1)))
    assert 'basis_family: no basis set' in message


def test_basis_twice(base_inputs):
    message = problem('base', base_inputs(kpoints_distance=orm.Float(1), basis_family=orm.Str('sto-3g')))
    assert 'basis sets are given twice' in message


def test_unknown_family(base_inputs):
    message = problem(
        'base', base_inputs(basis=False, kpoints_distance=orm.Float(1), basis_family=orm.Str('no-such-family'))
    )
    assert '"no-such-family" is not installed' in message


def test_kind_without_basis(base_inputs):
    inputs = base_inputs(kpoints_distance=orm.Float(1))
    inputs['crystal']['basis_sets'].pop('O')
    message = problem('base', inputs)
    assert 'basis_sets' in message
    assert 'O' in message


def test_spin_on_a_closed_shell(base_inputs):
    inputs = base_inputs(kpoints_distance=orm.Float(1))
    inputs['crystal']['kinds'] = orm.Dict({'Mg': {'spin': 1}})
    assert 'closed' in problem('base', inputs)


def test_good_inputs_pass(base_inputs):
    spec = WorkflowFactory('crystalmath.crystal.base').spec()
    assert spec.inputs.validate(base_inputs(kpoints_distance=orm.Float(1))) is None
    assert spec.inputs.validate(base_inputs('H2')) is None


def test_unknown_handler(base_inputs):
    inputs = base_inputs(kpoints_distance=orm.Float(1), handler_overrides=orm.Dict({'handle_nothing': {}}))
    assert 'is not a process handler' in problem('base', inputs)


@pytest.fixture
def properties_inputs(fixture_code):
    """Return the inputs of a run of properties but for what is computed."""
    resources = {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
    return {'code': fixture_code('crystalmath.properties23'), 'metadata': {'options': {'resources': resources}}}


@pytest.fixture
def scf_inputs(base_inputs):
    """Return inputs of the base chain as a calling chain takes them, and the structure."""

    def factory(structure='MgO', **inputs):
        scf = base_inputs(structure, **inputs)
        scf.pop('clean_workdir')
        return scf, scf['crystal'].pop('structure')

    return factory


def test_geopt_without_optgeom(scf_inputs):
    base, structure = scf_inputs(kpoints_distance=orm.Float(1))
    message = problem('geopt', {'structure': structure, 'base': base, 'clean_workdir': orm.Bool(False), 'metadata': {}})
    assert 'nothing would be optimised' in message


def test_edits_in_the_optimisation_and_after_it(scf_inputs):
    """A supercell of the optimised supercell is nobody's wish; without the final single point there is none."""
    base, structure = scf_inputs(kpoints_distance=orm.Float(1))
    parameters = base['crystal']['parameters'].get_dict()
    edits = ['SUPERCEL', '2 0 0', '0 2 0', '0 0 2']
    base['crystal']['parameters'] = orm.Dict(
        {**parameters, 'geometry': {'optgeom': {'type': 'FULLOPTG'}, 'edits': edits}}
    )
    inputs = {'structure': structure, 'base': base, 'clean_workdir': orm.Bool(False), 'metadata': {}}
    assert 'would be made again' in problem('geopt', inputs)
    spec = WorkflowFactory('crystalmath.crystal.geopt').spec()
    assert spec.inputs.validate({**inputs, 'final_scf': orm.Bool(False)}) is None


@pytest.mark.parametrize('name', ['bands', 'dos'])
def test_no_wavefunction(name, properties_inputs):
    inputs = {'properties': properties_inputs, 'clean_workdir': orm.Bool(False), 'metadata': {}}
    assert 'needs a wavefunction' in problem(name, inputs)


def test_wavefunction_twice(scf_inputs, properties_inputs, generate_calc_job_node):
    scf, structure = scf_inputs(kpoints_distance=orm.Float(1))
    node = generate_calc_job_node('crystalmath.crystal23', inputs={'structure': structure}, exit_status=0)
    inputs = {
        'structure': structure,
        'scf': scf,
        'parent_folder': node.outputs.remote_folder,
        'properties': properties_inputs,
        'clean_workdir': orm.Bool(False),
        'metadata': {},
    }
    assert 'keep one of the two' in problem('bands', inputs)


def test_wavefunction_of_nobody(properties_inputs, aiida_localhost):
    """A folder that no calculation made: nobody knows the structure."""
    folder = orm.RemoteData(computer=aiida_localhost, remote_path='/nowhere').store()
    inputs = {
        'parent_folder': folder,
        'properties': properties_inputs,
        'clean_workdir': orm.Bool(False),
        'metadata': {},
    }
    assert 'parent_folder' in problem('dos', inputs)
    assert 'was not made by any calculation' in problem('dos', inputs)


def test_bands_of_a_molecule(scf_inputs, properties_inputs):
    scf, structure = scf_inputs('H2')
    inputs = {
        'structure': structure,
        'scf': scf,
        'properties': properties_inputs,
        'clean_workdir': orm.Bool(False),
        'metadata': {},
    }
    assert 'a molecule: it has no band structure' in problem('bands', inputs)
    inputs['bands'] = {'properties': inputs.pop('properties')}
    assert 'leave out `bands` and `dos`' in problem('characterise', inputs)


def test_path_twice(scf_inputs, properties_inputs):
    scf, structure = scf_inputs(kpoints_distance=orm.Float(1))
    path = orm.KpointsData()
    path.set_kpoints([[0, 0, 0], [0.25, 0, 0], [0.5, 0, 0]], labels=[(0, 'G'), (2, 'X')])
    inputs = {
        'structure': structure,
        'scf': scf,
        'properties': properties_inputs,
        'bands_kpoints': path,
        'bands_kpoints_distance': orm.Float(0.1),
        'clean_workdir': orm.Bool(False),
        'metadata': {},
    }
    assert 'both given' in problem('bands', inputs)


@pytest.mark.parametrize(
    ('name', 'value', 'message'),
    [
        ('dos_energy_window_ev', orm.List, 'lowest and the highest'),
        ('dos_projections', orm.Str, 'did you mean "kinds"'),
        ('dos_n_points', orm.Int, 'must be positive'),
    ],
)
def test_wrong_dos_inputs(name, value, message):
    port = WorkflowFactory('crystalmath.crystal.dos').spec().inputs[name]
    wrong = {'dos_energy_window_ev': [5, -5], 'dos_projections': 'kind', 'dos_n_points': 0}[name]
    assert message in port.validate(value(wrong)).message
