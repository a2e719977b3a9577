"""The protocols: their files, and the builders made from them."""

from __future__ import annotations

import inspect

import pytest
from aiida import orm
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.workflows.protocols.merge import check_keys
from aiida_crystalmath.workflows.types import ElectronicType, RelaxType, SpinType

CHAINS = ('base', 'geopt', 'bands', 'dos', 'characterise')
PROTOCOLS = ('fast', 'balanced', 'stringent')


def chain(name: str):
    return WorkflowFactory(f'crystalmath.crystal.{name}')


@pytest.fixture
def code(fixture_code):
    return fixture_code('crystalmath.crystal23')


@pytest.fixture
def properties(fixture_code):
    return fixture_code('crystalmath.properties23')


@pytest.fixture(autouse=True)
def families(shipped_family):
    """Install the families that the protocols name."""
    for name in ('sto-3g', 'pob-tzvp-rev2'):
        shipped_family(name)


@pytest.fixture
def build(code, properties, generate_structure):
    """Return a factory of builders of any chain."""

    def factory(name: str, structure='MgO', protocol='fast', overrides=None, **arguments):
        if name in ('bands', 'dos', 'characterise'):
            arguments.setdefault('properties_code', properties)
        structure = generate_structure(structure) if isinstance(structure, str) else structure
        return chain(name).get_builder_from_protocol(code, structure, protocol, overrides, **arguments)

    return factory


# ---------------------------------------------------------------------------------------------------- the files


@pytest.mark.parametrize('name', CHAINS)
def test_file_is_where_its_name_says(name):
    path = chain(name).get_protocol_filepath()
    assert path.parts[-3:] == ('protocols', 'crystal', f'{name}.yaml')
    assert path.is_file()


@pytest.mark.parametrize('name', CHAINS)
def test_protocols_are_the_same_everywhere(name):
    assert chain(name).get_default_protocol() == 'balanced'
    available = chain(name).get_available_protocols()
    assert tuple(available) == PROTOCOLS
    assert all(content['description'] for content in available.values())


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('name', CHAINS)
def test_every_key_is_a_port(name, protocol):
    """What we demand of a user's overrides holds for our own files."""
    inputs = chain(name).get_protocol_inputs(protocol)
    check_keys(inputs, chain(name).spec().inputs, meta=inputs.get('meta_inputs', {}))


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('name', CHAINS)
def test_every_builder_is_valid(build, name, protocol):
    """Validators of ports and namespaces find nothing wrong."""
    builder = build(name, protocol=protocol)
    assert chain(name).spec().inputs.validate(builder._inputs(prune=True)) is None


@pytest.mark.parametrize('name', CHAINS)
def test_builders_are_documented_and_swallow_nothing(name):
    """No ``**kwargs``: a misspelt argument is Python's own error. Every argument is in the docstring somewhere."""
    method = chain(name).get_builder_from_protocol
    kinds = {parameter.kind for parameter in inspect.signature(method).parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    assert ':raises ValueError:' in method.__doc__


def test_misspelt_argument(build):
    with pytest.raises(TypeError, match='electronic_typ'):
        build('base', electronic_typ=ElectronicType.METAL)


# ---------------------------------------------------------------------------------------------------- names


def test_fast(build):
    """The demo's protocol: a pure functional, the smallest basis, SHRINK 2 2 for MgO."""
    builder = build('base')
    parameters = builder.crystal.parameters.get_dict()
    assert parameters['hamiltonian']['dft']['functional'] == 'PBE'
    assert builder.kpoints_distance.value == 1.5
    assert sorted(builder.crystal.basis_sets) == ['Mg', 'O']
    assert builder.crystal.basis_sets['Mg'].label == 'sto-3g' or builder.crystal.basis_sets['Mg'].is_stored


def test_stringent_has_the_hamiltonian_of_balanced(build):
    """So that their energies can be compared; what is tighter is numerical."""
    balanced, stringent = (build('base', protocol=name) for name in ('balanced', 'stringent'))
    dfts = [builder.crystal.parameters.get_dict()['hamiltonian']['dft'] for builder in (balanced, stringent)]
    assert dfts[0]['functional'] == dfts[1]['functional'] == 'PBE0'
    assert stringent.crystal.basis_sets['O'].pk == balanced.crystal.basis_sets['O'].pk
    scf = [builder.crystal.parameters.get_dict()['scf'] for builder in (balanced, stringent)]
    assert scf[1]['toldee'] > scf[0]['toldee']
    assert stringent.kpoints_distance.value < balanced.kpoints_distance.value


@pytest.mark.parametrize(('alias', 'name'), [('moderate', 'balanced'), ('precise', 'stringent')])
def test_old_names(alias, name):
    assert chain('base').get_protocol_inputs(alias) == chain('base').get_protocol_inputs(name)


def test_unknown_protocol():
    with pytest.raises(ValueError, match=r'unknown protocol "fats".*did you mean "fast"'):
        chain('base').get_protocol_inputs('fats')


# ---------------------------------------------------------------------------------------------------- overrides


def test_overrides_have_the_last_word(build):
    """Over the protocol and over the arguments."""
    overrides = {
        'kpoints_distance': 0.5,
        'crystal': {'parameters': {'scf': {'smear': 0.02, 'toldee': 9}}, 'metadata': {'options': {'account': 'mine'}}},
    }
    builder = build(
        'base', overrides=overrides, electronic_type='metal', options={'account': 'theirs', 'queue_name': 'short'}
    )
    scf = builder.crystal.parameters.get_dict()['scf']
    assert (scf['smear'], scf['toldee']) == (0.02, 9)
    assert builder.kpoints_distance.value == 0.5
    assert builder.crystal.metadata.options.account == 'mine'
    assert builder.crystal.metadata.options.queue_name == 'short'


def test_overrides_from_a_file(build, tmp_path):
    path = tmp_path / 'overrides.yaml'
    path.write_text('kpoints_distance: 0.7\n')
    assert build('base', overrides=path).kpoints_distance.value == 0.7
    with pytest.raises(ValueError, match='there is no file of overrides'):
        build('base', overrides=tmp_path / 'none.yaml')
    path.write_text('- a\n- b\n')
    with pytest.raises(ValueError, match='must be a mapping'):
        build('base', overrides=path)


@pytest.mark.parametrize(
    ('name', 'overrides', 'message'),
    [
        (
            'base',
            {'kpoint_distance': 0.3},
            'unknown key "kpoint_distance" in overrides: did you mean "kpoints_distance"',
        ),
        ('base', {'crystal': {'parametres': {}}}, 'unknown key "parametres" in overrides.crystal: .*"parameters"'),
        ('base', {'crystal': {'metadata': {'option': {}}}}, 'unknown key "option" .*did you mean "options"'),
        ('base', {'meta_inputs': {'smear': 1}}, 'unknown key "smear" in overrides.meta_inputs: .*"smear_hartree"'),
        ('base', {'crystal': 3}, 'overrides.crystal is a namespace'),
        ('geopt', {'base': {'crystal': {'structure': 1}}}, 'unknown key "structure" in overrides.base.crystal'),
        ('geopt', {'base': {'meta_inputs': {'smear': 1}}}, 'unknown key "smear" in overrides.meta_inputs'),
        ('bands', {'band_kpoints_distance': 1}, 'did you mean "bands_kpoints_distance"'),
        ('dos', {'scf': {'basis_famly': 'x'}}, 'did you mean "basis_family"'),
        ('characterise', {'geopt': {'bases': {}}}, 'unknown key "bases" in overrides.geopt'),
        ('characterise', {'bands': {'scf': {}}}, 'unknown key "scf" in overrides.bands'),
    ],
)
def test_unknown_override_is_an_error(build, name, overrides, message):
    with pytest.raises(ValueError, match=message):
        build(name, overrides=overrides)


def test_unknown_crystal_keyword_is_an_error(build):
    """Below ``parameters`` the model of the parameters watches, on the port."""
    with pytest.raises(ValueError, match='tolde'):
        build('base', overrides={'crystal': {'parameters': {'scf': {'tolde': 9}}}})


def test_overrides_reach_the_parts(build):
    """Nested as the ports are."""
    overrides = {
        'geopt': {'base': {'crystal': {'parameters': {'geometry': {'optgeom': {'maxcycle': 7}}}}}},
        'scf': {'kpoints_distance': 0.9, 'meta_inputs': {'smear_hartree': 0.03}},
        'bands': {'bands_kpoints_distance': 0.33},
        'dos': {'dos_n_points': 123, 'dos_energy_window_ev': [-5, 5]},
    }
    builder = build('characterise', overrides=overrides, electronic_type=ElectronicType.METAL)
    assert builder.geopt.base.crystal.parameters.get_dict()['geometry']['optgeom']['maxcycle'] == 7
    assert builder.scf.kpoints_distance.value == 0.9
    assert builder.scf.crystal.parameters.get_dict()['scf']['smear'] == 0.03
    assert builder.geopt.base.crystal.parameters.get_dict()['scf']['smear'] == 0.01
    assert builder.bands.bands_kpoints_distance.value == 0.33
    assert builder.dos.dos_n_points.value == 123
    assert builder.dos.dos_energy_window_ev.get_list() == [-5, 5]


def test_basis_family_is_an_override(build):
    builder = build('base', overrides={'basis_family': 'pob-tzvp-rev2'})
    assert builder.crystal.basis_sets['O'].basis_set.n_functions > 5


def test_family_that_is_not_installed(build):
    with pytest.raises(ValueError, match='is not installed: run `verdi data'):
        build('base', overrides={'basis_family': 'none'})


# ---------------------------------------------------------------------------------------------------- arguments


def test_metal(build):
    """SMEAR as the protocol says; an insulator has none."""
    assert build('base', electronic_type=ElectronicType.METAL).crystal.parameters.get_dict()['scf']['smear'] == 0.01
    assert 'smear' not in build('base', electronic_type='insulator').crystal.parameters.get_dict()['scf']
    assert 'smear' not in build('base', structure='H2', electronic_type='metal').crystal.parameters.get_dict()['scf']


def test_collinear_without_moments(build):
    parameters = build('base', spin_type=SpinType.COLLINEAR).crystal.parameters.get_dict()
    assert parameters['hamiltonian']['dft']['spin'] is True
    assert 'spinlock' not in parameters['scf']


def test_moments_become_signs_and_their_sum(build):
    """NiO: up on one nickel, down on the other, no net spin in the first cycles."""
    builder = build('base', structure='NiO', spin_type='collinear', initial_magnetic_moments={'Ni1': 2, 'Ni2': -2.0})
    assert builder.crystal.kinds.get_dict() == {'Ni1': {'spin': 1}, 'Ni2': {'spin': -1}}
    assert builder.crystal.parameters.get_dict()['scf']['spinlock'] == [0, 10]


def test_molecule_is_held_at_its_spin(build, generate_structure):
    """Two hydrogens with parallel spins: two unpaired electrons, to the last cycle."""
    builder = build('base', structure='H2', spin_type='collinear', initial_magnetic_moments={'H': 1})
    assert builder.crystal.parameters.get_dict()['scf']['spinlock'] == [2, 60]


def test_hartree_fock_becomes_unrestricted(build):
    overrides = {'crystal': {'parameters': {'hamiltonian': {'dft': None, 'method': 'RHF'}}}}
    builder = build('base', overrides=overrides)
    assert builder.crystal.parameters.get_dict()['hamiltonian']['method'] == 'RHF'
    overrides = {'crystal': {'parameters': {'hamiltonian': {'dft': None}}}}
    builder = build('base', overrides=overrides, spin_type='collinear')
    assert builder.crystal.parameters.get_dict()['hamiltonian']['method'] == 'UHF'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'electronic_type': 'metl'}, 'electronic_type "metl" is not known: did you mean "metal"'),
        ({'spin_type': 'up'}, 'spin_type "up" is not known'),
        ({'spin_type': SpinType.SPIN_ORBIT}, 'not supported yet'),
        ({'initial_magnetic_moments': {'Mg': 1}}, 'need spin_type=SpinType.COLLINEAR'),
        ({'spin_type': 'collinear', 'initial_magnetic_moments': {'Mn': 1}}, 'no kind "Mn": did you mean "Mg"'),
        ({'spin_type': 'collinear', 'initial_magnetic_moments': {'Mg': 'up'}}, 'must be a number'),
        ({'options': {'wallclock': 3}}, 'unknown option "wallclock"'),
    ],
)
def test_wrong_arguments(build, arguments, message):
    with pytest.raises(ValueError, match=message):
        build('base', **arguments)


def test_swapped_codes(code, properties, generate_structure):
    with pytest.raises(ValueError, match=r'set up for crystalmath\.properties23, but crystalmath\.crystal23 is needed'):
        chain('base').get_builder_from_protocol(properties, generate_structure())
    with pytest.raises(ValueError, match='were the two codes swapped'):
        chain('bands').get_builder_from_protocol(code, generate_structure(), properties_code=code)


def test_code_by_label(code, generate_structure):
    builder = chain('base').get_builder_from_protocol(code.full_label, generate_structure(), 'fast')
    assert builder.crystal.code.uuid == code.uuid
    with pytest.raises(ValueError, match='there is no code "nowhere@localhost"'):
        chain('base').get_builder_from_protocol('nowhere@localhost', generate_structure())


def test_structure_must_be_one(code):
    with pytest.raises(ValueError, match='structure must be a StructureData node, not Dict'):
        chain('base').get_builder_from_protocol(code, orm.Dict())


# ---------------------------------------------------------------------------------------------------- relaxations


@pytest.mark.parametrize(
    ('relax_type', 'keyword'),
    [
        (RelaxType.POSITIONS_CELL, 'FULLOPTG'),
        (RelaxType.POSITIONS, 'ATOMONLY'),
        ('cell', 'CELLONLY'),
        ('positions_shape', 'CVOLOPT'),
    ],
)
def test_relax_types(build, relax_type, keyword):
    builder = build('geopt', relax_type=relax_type)
    assert builder.base.crystal.parameters.get_dict()['geometry']['optgeom']['type'] == keyword


@pytest.mark.parametrize('relax_type', ['volume', 'shape', RelaxType.POSITIONS_VOLUME])
def test_relaxations_that_crystal_has_not(build, relax_type):
    with pytest.raises(ValueError, match='CRYSTAL has no such optimisation; it has "positions", "cell"'):
        build('geopt', relax_type=relax_type)


def test_no_relaxation(build):
    with pytest.raises(ValueError, match='moves nothing'):
        build('geopt', relax_type='none')
    assert 'geopt' not in build('characterise', relax_type='none')._inputs(prune=True)


def test_molecule(build):
    """Positions only; no k-points, no bands, no density of states, no code for properties."""
    builder = build('characterise', structure='H2', properties_code=None)
    assert builder.geopt.base.crystal.parameters.get_dict()['geometry']['optgeom']['type'] == 'ATOMONLY'
    inputs = builder._inputs(prune=True)
    assert 'bands' not in inputs
    assert 'dos' not in inputs
    assert 'kpoints_distance' not in inputs['scf']
    assert 'kpoints_distance' not in inputs['geopt']['base']
    with pytest.raises(ValueError, match='a molecule has no band structure'):
        build('bands', structure='H2')


def test_properties_code_is_needed(build):
    with pytest.raises(ValueError, match='properties_code is needed'):
        build('characterise', properties_code=None)
