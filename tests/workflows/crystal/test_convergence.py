"""Convergence of settings: the tables from known numbers, and real runs of the stand-in."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.workflows.functions.convergence import convergence, first_good

CHAIN = 'crystalmath.crystal.convergence'
METHOD = {'engine': 'CRYSTAL', 'functional': 'PBE', 'basis_set': 'STO-3G', 'scf': {'converged': True}, 'n_atoms': 2}


@pytest.mark.parametrize(
    ('good', 'expected'),
    [
        ([False, True, True], 1),
        ([True, False, True], 2),  # the first is near the reference by chance
        ([True, True, True], 0),
        ([False, False, True], 2),
    ],
)
def test_first_good(good, expected):
    assert first_good(good) == expected


def tables(differences_mev, values=(2, 4, 6, 8), *, lost=(), parameter='shrink', thresholds=None, **columns):
    """Run the calculation function on energies that differ by known amounts an atom."""
    results = {}
    for index, value in enumerate(values):
        if value not in lost:
            energy = -20 + 2 * differences_mev[index] / 1000 / HARTREE_EV
            further = {key: column[index] for key, column in columns.items()}
            results[f's_{value}'] = orm.Dict(
                {**METHOD, 'energy_hartree': energy, 'wall_time_s': 10.0 * value, **further}
            )
    plan = {'series': [{'parameter': parameter, 'values': list(values), 'labels': [f's_{value}' for value in values]}]}
    return convergence(orm.Dict(plan), orm.Dict(thresholds or {'threshold_mev_per_atom': 1.0}), **results).get_dict()


def test_cheapest_setting_near_the_densest_is_recommended():
    told = tables([30.0, -1.5, 0.9, 0.0])
    (table,) = told['series']
    assert told['recommended'] == {'shrink': 6}
    assert table['difference_mev_per_atom'] == pytest.approx([30.0, -1.5, 0.9, 0.0], abs=1e-6)
    assert table['wall_time_s'] == [20, 40, 60, 80]
    assert table['is_converged']
    assert told['engine'] == 'CRYSTAL'


def test_nothing_is_recommended_where_nothing_agrees():
    told = tables([30.0, 20.0, 5.0, 0.0])
    assert told['recommended'] == {}
    assert told['series'][0]['is_converged'] is False


def test_gap_may_decide():
    thresholds = {'threshold_mev_per_atom': 1.0, 'gap_threshold_ev': 0.05}
    assert tables([0.5, 0.1, 0.0, 0.0], gap_ev=[3.0, 3.2, 3.41, 3.4], thresholds=thresholds)['recommended'] == {
        'shrink': 6
    }


def test_lost_setting_is_left_out_and_told():
    told = tables([30.0, 0.2, 0.1, 0.0], lost=(4,))
    assert told['series'][0]['failed_values'] == [4]
    assert told['recommended'] == {'shrink': 6}


def test_without_the_densest_nothing_is_compared():
    told = tables([30.0, 0.2, 0.1, 0.0], lost=(8,))
    assert 'densest setting failed' in told['series'][0]['problem']


def test_mesh_that_the_engine_reduced_is_told():
    (table,) = tables([30.0, 0.2, 0.0, 0.0], n_kpoints=[3, 8, 8, 8])['series']
    assert '4 and 6 were run with the same number of k-points' in table['warnings'][0]


def test_thresholds_that_the_engine_ignores_are_told():
    (table,) = tables([0.0, 0.0, 0.0, 0.0], parameter='tolinteg')['series']
    assert 'takes no notice' in table['warnings'][0]


def test_basis_sets_may_differ_in_their_own_series_only():
    sets = {'basis_set': ['STO-3G', 'a', 'b', 'c']}
    assert tables([30.0, 0.2, 0.1, 0.0], parameter='basis_families', **sets)['recommended'] == {'basis_families': 4}
    with pytest.raises(ValueError, match='basis_set is'):
        tables([30.0, 0.2, 0.1, 0.0], **sets)


# -- the work chain ----------------------------------------------------------------------------------------------------


@pytest.fixture
def builder(shipped_family):
    shipped_family('sto-3g')
    return WorkflowFactory(CHAIN).get_builder_from_protocol


@pytest.mark.standin
def test_helium_needs_few_points(crystal_code, builder):
    """Far-apart helium atoms hardly see each other: 2 x 2 x 2 is as good as 3 x 3 x 3, one point is not."""
    from aiida_crystalmath.cli.summaries import further_rows
    from aiida_crystalmath.cli.summary import summarise

    half = 1.45
    structure = orm.StructureData(cell=[[0, half, half], [half, 0, half], [half, half, 0]])
    structure.append_atom(position=(0, 0, 0), symbols='He')
    results, node = run_get_node(builder(crystal_code, structure, 'fast', shrink=[1, 2, 3]))
    assert node.is_finished_ok, node.exit_message
    (table,) = results['output_parameters']['series']
    assert table['values'] == [1, 2, 3]
    assert table['n_kpoints'] == sorted(set(table['n_kpoints']))
    sizes = [abs(value) for value in table['difference_mev_per_atom']]
    assert sizes[0] > 10 * sizes[1]
    assert all(seconds > 0 for seconds in table['wall_time_s'])
    shown = {name: value for name, value, _ in further_rows(summarise(node))}
    assert 'SHRINK' in shown


@pytest.fixture
def dummy(fixture_code):
    return fixture_code('crystalmath.crystal23')


@pytest.fixture
def builder_of(dummy, builder, generate_structure):
    """Return a factory of inputs that are never run, for a structure by its name."""
    return lambda name, **arguments: builder(dummy, generate_structure(name), 'fast', **arguments)


def test_what_is_varied_by_default(dummy, builder, generate_structure):
    mgo = builder(dummy, generate_structure('MgO'), 'fast')
    assert mgo.shrink.get_list() == [1, 2, 3, 4]
    assert 'tolinteg' not in mgo
    assert mgo.threshold_mev_per_atom.value == 5.0
    assert 'tolinteg' in builder(dummy, generate_structure('H2'), 'fast')
    assert builder(dummy, generate_structure('MgO'), 'fast', threshold_mev_per_atom=3).threshold_mev_per_atom == 3.0


@pytest.mark.parametrize(
    ('structure', 'arguments', 'words'),
    [
        ('H2', {'shrink': [1, 2, 3]}, 'a molecule has no k-points'),
        ('MgO', {'shrink': [4, 2, 3]}, 'from the coarsest to the densest'),
        ('MgO', {'shrink': [2, 4]}, 'at least three'),
        ('MgO', {'shrink': [2, 2, 4]}, 'a value twice'),
        ('MgO', {'shrink': [2, 0, 4]}, 'positive integer'),
        ('MgO', {'tolinteg': [6, [7, 7, 7], 8]}, '5 of them'),
        ('MgO', {'basis_families': ['sto-3g', 'nosuch', 'other']}, 'nosuch'),
        (
            'MgO',
            {'overrides': {'base': {'crystal': {'parameters': {'geometry': {'qha': {'step': 3}}}}}}},
            'by single points',
        ),
    ],
)
def test_wrong_inputs_are_refused(builder_of, structure, arguments, words):
    with pytest.raises(ValueError, match=words):
        run_get_node(builder_of(structure, **arguments))
