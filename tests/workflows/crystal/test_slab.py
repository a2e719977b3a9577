"""Surfaces with the real physics of the stand-in: LiH(001)."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

CHAIN = 'crystalmath.crystal.slab'


@pytest.fixture
def builder(crystal_code, properties_code, shipped_family, generate_structure):
    """Return a factory of builders for LiH(001)."""
    shipped_family('sto-3g')

    def factory(structure=None, **arguments):
        arguments = {'miller': (0, 0, 1), 'layers': 1, **arguments}
        return WorkflowFactory(CHAIN).get_builder_from_protocol(
            crystal_code, structure or generate_structure('LiH'), 'fast', **arguments
        )

    return factory


@pytest.mark.slow
@pytest.mark.standin
def test_lih_001(builder, properties_code):
    """Two thicknesses and the potential: each number follows from the runs, which have the same mesh density."""
    results, node = run_get_node(builder(layers=[1, 2], properties_code=properties_code))
    assert node.is_finished_ok, node.exit_message
    found = results['output_parameters'].get_dict()
    runs = {link.link_label: link.node for link in node.base.links.get_outgoing().all()}
    energies = {
        label: runs[label].outputs.output_parameters['energy_hartree'] for label in ('bulk', 'layers_1', 'layers_2')
    }
    area = 4.0834**2 / 2
    for row, count in zip(found['slabs'], (1, 2), strict=True):
        excess = (energies[f'layers_{count}'] - count * energies['bulk']) * 27.211386245988
        assert row['surface_energy_ev_per_angstrom2'] == pytest.approx(excess / (2 * area), rel=1e-9)
        assert row['is_symmetric']
    # By hand with the stand-in's executable: 0.56 J/m2 for one plane, 0.64 for two (SHRINK 3, PBE/STO-3G).
    assert [row['surface_energy_j_per_m2'] for row in found['slabs']] == pytest.approx([0.559, 0.641], abs=0.01)
    assert found['surface_energy_j_per_m2'] == found['slabs'][-1]['surface_energy_j_per_m2']
    shrinks = {label: runs[label].called[0].inputs.parameters['scf']['shrink']['is'] for label in energies}
    assert set(shrinks.values()) == {3}, shrinks
    profile = results['output_potential']
    assert np.abs(profile.get_array('potential')[[0, -1]]).max() < 2e-4
    top = runs['layers_2'].outputs.output_parameters['vbm_ev']
    assert found['ionisation_energy_ev'] == pytest.approx(-top)
    assert results['output_structure'].pbc == (True, True, False)
    assert 'STAND-IN' in found['engine']


SHRINK = {'base': {'crystal': {'parameters': {'scf': {'shrink': {'is': 4, 'isp': 4}}}}}}
FULLOPTG = {'relax': {'crystal': {'parameters': {'geometry': {'optgeom': {'type': 'FULLOPTG'}}}}}}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'miller': (1, 1, 1), 'layers': 4}, 'the surface is polar'),
        ({'miller': (0, 0, 0)}, 'not all zero'),
        ({'layers': [0]}, 'positive whole numbers'),
        ({'overrides': SHRINK}, 'same density'),
        ({'relax': True, 'overrides': FULLOPTG}, 'ATOMONLY'),
    ],
)
def test_what_makes_no_surface_energy(builder, arguments, message):
    with pytest.raises(ValueError, match=message):
        builder(**arguments)


def test_a_molecule_has_no_surface(builder, generate_structure):
    with pytest.raises(ValueError, match='cut from a crystal'):
        builder(generate_structure('H2'))


def test_magnetic_moments_follow_the_cell(builder, generate_structure):
    """A slab of three planes of NiO has three nickels to hold, the crystal one."""
    from aiida_crystalmath.workflows.crystal.slab_input import polarised_inputs
    from aiida_crystalmath.workflows.functions.slabs import cut_slab

    mgo = generate_structure('MgO')
    structure = orm.StructureData(cell=mgo.cell)
    for site, symbol in zip(mgo.sites, ('Ni', 'O'), strict=True):
        structure.append_atom(position=site.position, symbols=symbol)
    made = builder(structure, layers=3, spin_type='collinear', initial_magnetic_moments={'Ni': 2})
    slab, _ = cut_slab(structure, [0, 0, 1], 3)
    base = made._inputs(prune=True)['base']
    locks = [
        polarised_inputs(base, one, made.moments).crystal.parameters['scf']['spinlock'] for one in (structure, slab)
    ]
    assert locks == [[2, 10], [6, 10]]
