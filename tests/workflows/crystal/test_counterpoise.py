"""Interaction energies by counterpoise: real physics of the stand-in against PySCF asked directly."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.workflows.crystal.fragments import check_fragments
from aiida_crystalmath.workflows.functions.counterpoise import interaction_energies

CHAIN = 'crystalmath.crystal.counterpoise'
POSITIONS = {'H2': [(0.0, 0.0, 0.0), (0.0, 0.0, 0.80)], 'He': [(0.0, 0.0, 2.4)]}
FRAGMENTS = {'H2': {'atoms': [0, 1]}, 'He': {'atoms': [2]}}


@pytest.fixture
def h2_he():
    """Return H2 pointing at a helium atom."""
    structure = orm.StructureData(cell=[[30, 0, 0], [0, 30, 0], [0, 0, 30]], pbc=(False, False, False))
    for symbol, positions in (('H', POSITIONS['H2']), ('He', POSITIONS['He'])):
        for position in positions:
            structure.append_atom(position=position, symbols=symbol)
    return structure


@pytest.fixture
def builder(crystal_code, shipped_family):
    """Return a factory of builders with Hartree-Fock and STO-3G."""
    shipped_family('sto-3g')
    crystal = {'crystal': {'parameters': {'hamiltonian': {'dft': None}, 'scf': {'toldee': 9}}}}

    def factory(structure, **arguments):
        arguments.setdefault('overrides', {'base': crystal})
        return WorkflowFactory(CHAIN).get_builder_from_protocol(crystal_code, structure, 'fast', **arguments)

    return factory


def _pyscf(atoms: str) -> float:
    """Return the RHF energy of PySCF itself; an atom called ghost-X has functions only."""
    from pyscf import gto, scf

    basis = {'default': 'sto-3g', **{f'ghost-{x}': gto.basis.load('sto-3g', x) for x in ('H', 'He')}}
    return float(scf.RHF(gto.M(atom=atoms, basis=basis, verbose=0)).run(conv_tol=1e-12).e_tot)


@pytest.mark.standin
@pytest.mark.slow
def test_h2_beside_helium(builder, h2_he):
    """Every energy is PySCF's; H2 is stretched and relaxes, the lone atom has nothing to relax."""
    from scipy.optimize import minimize_scalar

    inputs = builder(h2_he, fragments=FRAGMENTS, relax_fragments=True)
    assert inputs.relax.crystal.parameters['hamiltonian'] == {'dft': None}, 'relaxed with the same method'
    results, node = run_get_node(inputs)
    assert node.is_finished_ok, node.exit_message
    found = results['output_parameters'].get_dict()

    whole = _pyscf('H 0 0 0; H 0 0 0.8; He 0 0 2.4')
    hydrogen, helium = _pyscf('H 0 0 0; H 0 0 0.8'), _pyscf('He 0 0 2.4')
    ghosts = _pyscf('H 0 0 0; H 0 0 0.8; ghost-He 0 0 2.4'), _pyscf('ghost-H 0 0 0; ghost-H 0 0 0.8; He 0 0 2.4')
    assert found['energy_whole_hartree'] == pytest.approx(whole, abs=1e-8)
    assert found['interaction_energy_hartree'] == pytest.approx(whole - sum(ghosts), abs=2e-8)
    assert found['interaction_energy_uncorrected_hartree'] == pytest.approx(whole - hydrogen - helium, abs=2e-8)
    assert found['superposition_error_hartree'] == pytest.approx(hydrogen + helium - sum(ghosts), abs=2e-8)
    assert found['superposition_error_hartree'] > 0
    relaxed = minimize_scalar(lambda d: _pyscf(f'H 0 0 0; H 0 0 {d}'), bounds=(0.6, 0.9), tol=1e-6).fun
    assert found['fragments']['H2']['energy_relaxed_hartree'] == pytest.approx(relaxed, abs=5e-6)
    assert 'energy_relaxed_hartree' not in found['fragments']['He']
    assert found['binding_energy_hartree'] == pytest.approx(
        found['interaction_energy_hartree'] + hydrogen - relaxed, abs=5e-6
    )
    assert 'STAND-IN' in found['engine']
    ghost_run = {link.link_label: link.node for link in node.base.links.get_outgoing().all()}['H2_in_whole_basis']
    assert ghost_run.inputs.crystal.kinds.get_dict() == {'He': {'ghost': True, 'spin': 0}}


@pytest.mark.standin
def test_atoms_of_one_kind_in_two_fragments_and_open_shells(builder):
    """Two hydrogen atoms far apart: each alone is a doublet, and the spins are those of the fragments."""
    structure = orm.StructureData(cell=[[30, 0, 0], [0, 30, 0], [0, 0, 30]], pbc=(False, False, False))
    structure.append_atom(position=(0, 0, 0), symbols='H')
    structure.append_atom(position=(0, 0, 1.0), symbols='H')
    fragments = {'A': {'atoms': [0], 'spin': 1}, 'B': {'atoms': [1], 'spin': 1}}
    results, node = run_get_node(builder(structure, fragments=fragments))
    assert node.is_finished_ok, node.exit_message
    found = results['output_parameters'].get_dict()
    # The STO-3G hydrogen atom: -0.46658185 hartree (any textbook; zeta 1.24).
    assert found['fragments']['A']['energy_alone_hartree'] == pytest.approx(-0.46658185, abs=1e-7)
    assert found['energy_whole_hartree'] == pytest.approx(_pyscf('H 0 0 0; H 0 0 1.0'), abs=1e-8)
    assert results['whole_parameters']['n_atoms'] == 2


def test_a_layer_that_repeats_in_a_smaller_cell_alone_keeps_cell_and_mesh(builder, monkeypatch):
    """Without the molecule above it a row of cells is one cell; computed so, one SHRINK would be another mesh."""
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager

    from aiida_crystalmath.calculations.deck import reduce_geometry
    from aiida_crystalmath.data.structure import to_geometry

    structure = orm.StructureData(cell=[[3, 0, 0], [0, 6, 0], [0, 0, 30]], pbc=(True, True, False))
    for symbol, position in (('He', (0, 0, 0)), ('He', (0, 3, 0)), ('H', (0, 0, 2.5)), ('H', (0, 0, 3.2))):
        structure.append_atom(position=position, symbols=symbol)
    inputs = builder(
        structure,
        fragments={'layer': {'atoms': [0, 1]}, 'molecule': {'atoms': [2, 3]}},
        overrides={'base': {'kpoints_distance': 1.1}},
        relax_fragments=True,
    )
    chain = instantiate_process(get_manager().get_runner(), inputs)
    runs = {}
    monkeypatch.setattr(chain, 'launch_many', lambda _, some: runs.update(some) or {})
    chain.setup()
    chain.run_fragments()
    assert len(runs) == 7
    for name, one in runs.items():
        base, part = one.get('base', one), one.get('structure') or one['crystal']['structure']
        crystal = base['crystal']
        settings, kinds = (crystal[key].get_dict() if key in crystal else {} for key in ('settings', 'kinds'))
        assert reduce_geometry(to_geometry(part, kinds), settings).crystal_geometry.measure == pytest.approx(18), name
        assert crystal['parameters']['scf']['shrink'] == {'is': [2, 1, 1], 'isp': 4}, name
        assert settings.get('symmetry') == ('none' if name in ('layer_alone', 'layer_relaxed') else None), name


@pytest.mark.parametrize(
    ('fragments', 'message'),
    [
        ({'A': {'atoms': [0, 1, 2]}}, 'at least two'),
        ({'A': {'atoms': [0, 1]}, 'B': {'atoms': [3]}}, 'no atom 3'),
        ({'A': {'atoms': [0, 1]}, 'B': {'atoms': [1, 2]}}, 'atom 1 is in two'),
        ({'A': {'atoms': [0]}, 'B': {'atoms': [2]}}, 'atom 1 is in no'),
        ({'A_': {'atoms': [0, 1]}, 'B': {'atoms': [2]}}, 'letters and digits'),
        ({'A': {'atoms': [0, 1], 'spn': 1}, 'B': {'atoms': [2]}}, 'did you mean "spin"'),
    ],
)
def test_fragments_that_are_not_the_structure(h2_he, fragments, message):
    assert message in (check_fragments(fragments, h2_he) or '')


@pytest.mark.parametrize(
    ('said', 'message'),
    [({'spin': 1}, 'as odd or even'), ({'charge': 1}, 'charge +0, not +1'), ({'molecule': True}, 'give inputs for it')],
)
def test_what_does_not_fit_the_electrons(builder, h2_he, said, message):
    with pytest.raises(ValueError, match='fragment') as caught:
        builder(h2_he, fragments={'H2': {'atoms': [0, 1], **said}, 'He': {'atoms': [2]}})
    assert message in str(caught.value)


def test_energies_of_two_functionals_are_not_subtracted():
    results = {
        name: {'energy_hartree': -1.0, 'functional': 'PBE', 'engine': 'CRYSTAL23'}
        for name in ('whole', 'A_in_whole_basis', 'A_alone', 'B_in_whole_basis', 'B_alone')
    }
    results['B_alone'] = {**results['B_alone'], 'functional': 'PBE0'}
    with pytest.raises(ValueError, match='functional'):
        interaction_energies(['A', 'B'], results)


@pytest.mark.slow
@pytest.mark.standin
def test_helium_on_a_layer_of_lithium_hydride(crystal_code, shipped_family, generate_structure):
    """Without the correction helium seems to stick to the layer by 0.15 eV; with it it is repelled, as it is."""
    from aiida_crystalmath.workflows.functions.slabs import cut_slab

    shipped_family('sto-3g')
    structure, _ = cut_slab(generate_structure('LiH'), [0, 0, 1], 1)
    x, y, _ = next(site.position for site in structure.sites if site.kind_name == 'Li')
    structure.append_atom(position=(x, y, 2.2), symbols='He')
    fragments = {'layer': {'atoms': [0, 1]}, 'helium': {'atoms': [2], 'molecule': True}}
    builder = WorkflowFactory(CHAIN).get_builder_from_protocol(
        crystal_code, structure, 'fast', {'base': {'kpoints_distance': 0.9}}, fragments=fragments, relax_fragments=True
    )
    results, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    found = results['output_parameters'].get_dict()
    # The stand-in's executable by hand: -0.1463 and +0.0151 eV (PBE/STO-3G, SHRINK 3).
    assert found['interaction_energy_uncorrected_ev'] == pytest.approx(-0.1463, abs=2e-3)
    assert found['interaction_energy_ev'] == pytest.approx(0.0151, abs=2e-3)
    runs = {link.link_label: link.node for link in node.base.links.get_outgoing().all()}
    assert runs['helium_in_whole_basis'].inputs.crystal.structure.pbc == (True, True, False)
    assert runs['helium_relaxed'].inputs.crystal.structure.pbc == (False, False, False)
    assert 'kpoints_distance' not in runs['helium_relaxed'].inputs
    # A helium atom alone and one in every cell, 2.9 Å apart: what they do to each other.
    assert abs(found['fragments']['helium']['deformation_energy_ev']) < 0.1
