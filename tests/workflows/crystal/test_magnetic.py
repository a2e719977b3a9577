"""Magnetic orderings: broken-symmetry physics of the stand-in against PySCF asked directly, and NiO replayed."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.workflows.crystal.magnetic import ordering_inputs
from aiida_crystalmath.workflows.functions.kinds import kind_names
from aiida_crystalmath.workflows.functions.magnetic_orderings import comparison, find_orderings

CHAIN = 'crystalmath.crystal.magnetic'
HF = {'base': {'crystal': {'parameters': {'hamiltonian': {'dft': None}, 'scf': {'toldee': 9, 'fmixing': 30}}}}}


def _hydrogens(*heights: float) -> orm.StructureData:
    structure = orm.StructureData(cell=[[50, 0, 0], [0, 50, 0], [0, 0, 50]], pbc=(False, False, False))
    for height in heights:
        structure.append_atom(position=(0, 0, height), symbols='H')
    return structure


@pytest.fixture
def run_orderings(crystal_code, shipped_family):
    """Return a function that runs all orderings of hydrogen atoms with UHF/STO-3G."""
    shipped_family('sto-3g')

    def run(structure, **arguments):
        builder = WorkflowFactory(CHAIN).get_builder_from_protocol(
            crystal_code, structure, 'fast', HF, initial_magnetic_moments={'H': 1}, **arguments
        )
        return run_get_node(builder)

    return run


def _uhf(heights: list[float], spins: list[int]) -> float:
    """Return the UHF energy of PySCF itself, started from atoms with these spins."""
    from pyscf import gto, scf

    mole = gto.M(atom=[('H', (0, 0, z)) for z in heights], basis='sto-3g', spin=sum(spins), verbose=0)
    field = scf.UHF(mole)
    up, down = (np.diag([float(sign == wanted) for sign in spins]) for wanted in (1, -1))
    return float(field.run(np.array([up, down]), conv_tol=1e-12).e_tot)


@pytest.mark.standin
def test_stretched_hydrogen_is_an_antiferromagnet(run_orderings):
    """At 2 Å the broken-symmetry singlet lies below the triplet; both energies are PySCF's."""
    results, node = run_orderings(_hydrogens(0.0, 2.0), nonmagnetic=True)
    assert node.is_finished_ok, node.exit_message
    table = results['output_parameters'].get_dict()
    rows = table['orderings']
    assert table['lowest'] == 'afm1'
    assert rows['fm']['energy_hartree_per_structure'] == pytest.approx(_uhf([0, 2], [1, 1]), abs=1e-7)
    assert rows['afm1']['energy_hartree_per_structure'] == pytest.approx(_uhf([0, 2], [1, -1]), abs=1e-7)
    assert rows['afm1']['final_moments'] == pytest.approx([0.945, -0.945], abs=0.05)
    assert rows['afm1']['energy_above_lowest_ev_per_formula_unit'] == 0.0
    # The closed shell dissociates wrongly: it lies above both.
    closed = rows['nonmagnetic']['energy_above_lowest_ev_per_formula_unit']
    assert closed > rows['fm']['energy_above_lowest_ev_per_formula_unit'] > 0
    assert [site.kind_name for site in results['output_structure'].sites] == ['H1', 'H2']
    assert results['output_kinds'].get_dict() == {'H1': {'spin': 1}, 'H2': {'spin': -1}}
    assert 'STAND-IN' in table['engine']


@pytest.mark.standin
def test_an_ordering_that_is_lost_is_not_compared(run_orderings):
    """At its bond length hydrogen has no broken-symmetry solution: the moments vanish, and that is said."""
    results, node = run_orderings(_hydrogens(0.0, 0.74))
    assert node.is_finished_ok, node.exit_message
    table = results['output_parameters'].get_dict()
    assert table['orderings']['afm1']['is_kept'] is False
    assert 'energy_above_lowest_ev_per_formula_unit' not in table['orderings']['afm1']
    assert 'moments vanished' in table['notes'][0]
    # The closed-shell state it fell into is far lower than the triplet: a silent comparison would have called it AFM.
    energies = {label: row['energy_hartree_per_structure'] for label, row in table['orderings'].items()}
    assert energies['afm1'] < energies['fm']
    assert table['lowest'] == 'fm'


@pytest.mark.slow
@pytest.mark.standin
def test_chain_of_four_hydrogens_alternates(run_orderings):
    """Neighbours prefer opposite spins, so that up-down-up-down is lowest and the ferromagnet highest."""
    heights = [0.0, 2.0, 4.0, 6.0]
    results, node = run_orderings(_hydrogens(*heights), ferrimagnetic=True)
    assert node.is_finished_ok, node.exit_message
    rows = results['output_parameters']['orderings']
    signs = {label: tuple(int(np.sign(value)) for value in row['final_moments']) for label, row in rows.items()}
    lowest = results['output_parameters']['lowest']
    assert signs[lowest] == (1, -1, 1, -1)
    assert rows[lowest]['energy_hartree_per_structure'] == pytest.approx(_uhf(heights, [1, -1, 1, -1]), abs=1e-7)
    assert max(rows, key=lambda label: rows[label]['energy_hartree_per_structure']) == 'fm'


@pytest.fixture
def nickel_oxide():
    """Return NiO in the cell doubled along [111], both nickels of one kind."""
    a = 4.164
    structure = orm.StructureData(cell=[[a, a / 2, a / 2], [a / 2, a, a / 2], [a / 2, a / 2, a]])
    for symbol, scale in (('Ni', 0.0), ('Ni', 1.0), ('O', 0.5), ('O', 1.5)):
        structure.append_atom(position=(a * scale,) * 3, symbols=symbol)
    return structure


def test_kinds_of_orderings_keep_the_order_of_atoms(nickel_oxide):
    structures, table = find_orderings(nickel_oxide, {'Ni': 2})
    assert list(structures) == ['fm', 'afm1']
    assert [site.kind_name for site in structures['fm'].sites] == ['Ni', 'Ni', 'O', 'O']
    assert [site.kind_name for site in structures['afm1'].sites] == ['Ni1', 'Ni2', 'O', 'O']
    assert table['afm1']['moments'] == {'Ni1': 2, 'Ni2': -2}
    for split in structures.values():
        np.testing.assert_allclose([s.position for s in split.sites], [s.position for s in nickel_oxide.sites])


def test_names_of_kinds_that_are_taken():
    """A kind that stays whole keeps its name, and no new one takes it."""
    assert kind_names(['Ni', 'Ni', 'Ni1'], ['Ni'] * 3, ['a', 'b', 'a']) == ['Ni2', 'Ni3', 'Ni1']


@pytest.mark.corpus
def test_antiferromagnet_of_nickel_oxide_replayed(replay, corpus, shipped_family):
    """CRYSTAL's own run of NiO: the deck says the spins as that of the corpus does, and its moments are kept."""
    from aiida_crystalmath.crystal.outputs.fort34 import read_fort34
    from aiida_crystalmath.data.structure import from_geometry

    shipped_family('sto-3g')
    folder = corpus / 'nio_sto3g_afm_scf'
    structure = from_geometry(read_fort34((folder / 'fort.34').read_text()).geometry)
    structures, table = find_orderings(structure, {'Ni': 2})
    assert [one['name'] for one in table.values()] == ['FM', 'AFM']
    scf = {'shrink': {'is': 8, 'isp': 8}, 'fmixing': 30}
    base = {
        'crystal': {
            'code': replay(
                replay.files(stdout=folder / 'nio_sto3g_afm.crystal.out', files={'fort.9': b'wavefunction'})
            ),
            'parameters': orm.Dict({'scf': scf}),
            'metadata': {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}},
        },
        'basis_family': orm.Str('sto-3g'),
    }
    inputs = ordering_inputs(base, structure, structures['afm1'], table['afm1']['moments'], 15)
    results, node = run_get_node(WorkflowFactory('crystalmath.crystal.base'), **inputs)
    assert node.is_finished_ok, node.exit_message
    (deck,) = replay.decks
    for words in ('UHF\n', 'ATOMSPIN\n2\n1 1\n2 -1\n', 'SPINLOCK\n0 15\n'):
        assert words in deck
    # The moments of the corpus run: 3.057 of both nickels, opposite.
    told = {'afm1': results['output_parameters'].get_dict()}
    found = comparison(table, told, 0.25, n_atoms=4, formula_units=2)
    assert found['lowest'] == 'afm1'
    assert found['orderings']['afm1']['final_moments'][:2] == pytest.approx([3.057, -3.057], abs=1e-3)
    assert found['orderings']['afm1']['energy_hartree_per_structure'] == pytest.approx(-3128.28216, abs=1e-4)
    # The same run cannot pass for the ferromagnet.
    lost = comparison({'fm': table['fm']}, {'fm': told['afm1']}, 0.25, n_atoms=4, formula_units=2)
    assert lost['lowest'] is None
    assert '1 of 2 moments turned over' in lost['notes'][0]


def _result(energy: float, spins: list[float], **values) -> dict:
    return {'energy_hartree': energy, 'n_atoms': 2, 'engine': 'CRYSTAL23', 'functional': 'PBE0',
            'mulliken': {'spins': spins}, **values}  # fmt: skip


def test_energies_per_structure_are_compared():
    """The ferromagnet was computed in half the cell: its energy counts twice, and the meshes are said to differ."""
    orderings = {
        'fm': {'name': 'FM', 'multiplicity': 2, 'signs': [1, 1], 'sizes': [2, 2]},
        'afm1': {'name': 'AFM', 'multiplicity': 2, 'signs': [1, -1], 'sizes': [2, 2]},
    }
    results = {
        'fm': _result(-50.0, [1.7, 1.7], primitive_cells_in_structure=2.0),
        'afm1': _result(-100.01, [1.6, -1.6], primitive_cells_in_structure=1.0),
    }
    table = comparison(orderings, results, 0.25, n_atoms=2, formula_units=2)
    assert table['lowest'] == 'afm1'
    above = table['orderings']['fm']['energy_above_lowest_ev_per_formula_unit']
    assert above == pytest.approx(0.005 * 27.211386, rel=1e-6)
    assert 'k-meshes' in table['notes'][0]
    turned = comparison(orderings, {**results, 'afm1': _result(-100.01, [1.6, 1.6])}, 0.25, 2, 2)
    assert turned['lowest'] == 'fm'
    assert '1 of 2 moments turned over' in turned['notes'][0]


def test_moments_are_no_reason_for_spin_of_a_larger_cell(crystal_code, shipped_family, generate_structure):
    """CRYSTAL computes the primitive cell: the spin that is held is that of one nickel, not of the four given."""
    shipped_family('sto-3g')
    mgo = generate_structure('MgO-conventional')
    structure = orm.StructureData(cell=mgo.cell)
    for site in mgo.sites:
        structure.append_atom(position=site.position, symbols={'Mg': 'Ni'}.get(site.kind_name, site.kind_name))
    builder = WorkflowFactory('crystalmath.crystal.base').get_builder_from_protocol(
        crystal_code, structure, 'fast', spin_type='collinear', initial_magnetic_moments={'Ni': 2}
    )
    assert builder.crystal.parameters['scf']['spinlock'] == [2, 10]


@pytest.mark.parametrize(
    ('moments', 'message'),
    [({'Fe': 2}, 'no kind "Fe"'), ({'Ni': 0}, 'nothing to order'), ({'Ni': 'two'}, 'must be a number')],
)
def test_moments_that_do_not_fit(crystal_code, shipped_family, nickel_oxide, moments, message):
    shipped_family('sto-3g')
    with pytest.raises(ValueError, match=message):
        WorkflowFactory(CHAIN).get_builder_from_protocol(
            crystal_code, nickel_oxide, 'fast', initial_magnetic_moments=moments
        )
