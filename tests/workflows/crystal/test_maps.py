"""Densities on planes and in boxes: the chain on real physics of the stand-in, and what it asks CRYSTAL for."""

from __future__ import annotations

import numpy as np
import pytest
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.inputs.d3 import D3, write_d3
from aiida_crystalmath.crystal.outputs.cube import read_cube
from aiida_crystalmath.workflows.crystal.maps_input import MapRequest, cube_of, map_blocks


@pytest.fixture
def chain():
    return WorkflowFactory('crystalmath.crystal.maps')


@pytest.fixture
def builder(chain, shipped_family, crystal_code, properties_code, generate_structure):
    """Return a factory of builders on a small system with the protocol `fast`."""

    def make(structure_id: str = 'H2', **kwargs):
        shipped_family()
        return chain.get_builder_from_protocol(
            crystal_code, generate_structure(structure_id), 'fast', properties_code=properties_code, **kwargs
        )

    return make


@pytest.mark.standin
def test_hydrogen_molecule(builder):
    """The density integrates to two electrons, is symmetric, and grows between the atoms."""
    made = builder(overrides={'cubes_quantities': ['density'], 'cubes_spacing_angstrom': 0.2})
    outputs, node = run_get_node(made)
    assert node.is_finished_ok, node.exit_message
    told = outputs['output_cube_integrals'].get_dict()
    assert told['integrated_electrons'] == pytest.approx(2.0, abs=1e-3)
    assert told['is_fine_enough'] and told['n_electrons'] == 2
    assert 'STAND' in told['engine'].upper()
    assert set(outputs['output_cubes']) == {'dens'}
    assert outputs['output_maps'].base.attributes.get('quantities') == ['charge', 'charge']
    charge = outputs['output_maps'].get_array('map_0')
    assert np.allclose(charge, charge[::-1], rtol=1e-4)  # the first edge runs along the bond, around its middle
    difference = outputs['output_difference_maps'].get_array('map_0')
    middle = tuple(size // 2 for size in difference.shape)
    assert difference[middle] > 0.03  # electrons move into the bond
    properties = next(called for called in node.called if called.process_label == 'Crystal23PropertiesCalculation')
    assert properties.inputs.settings.get_dict() == {'retrieve_cubes': True}


@pytest.mark.standin
def test_cube_is_the_density_of_pyscf(builder):
    """At points of the grid it is what PySCF's own evaluation gives for the same molecule."""
    from pyscf import dft, gto

    made = builder(overrides={'maps_quantities': [], 'cubes_quantities': ['density'], 'cubes_n_points': 12})
    outputs, node = run_get_node(made)
    assert node.is_finished_ok, node.exit_message
    assert 'output_maps' not in outputs
    with outputs['output_cubes']['dens'].open(mode='r') as handle:
        grid = read_cube(handle.read())
    positions = grid.atoms.positions
    called = next(one for one in node.called if one.process_label == 'CrystalBaseWorkChain')
    functional = called.called[0].inputs.parameters['hamiltonian']['dft']['functional']
    mole = gto.M(atom=[('H', tuple(x)) for x in positions], basis='sto-3g', unit='A', verbose=0)
    field = dft.RKS(mole)
    field.xc = functional
    field.kernel()
    index = np.array([[6, 6, 6], [5, 6, 7], [0, 0, 0], [11, 3, 6]])
    points = (grid.origin + index @ grid.steps) / 0.529177210903
    expected = dft.numint.eval_rho(mole, mole.eval_gto('GTOval_sph', points), field.make_rdm1())
    assert grid.values[tuple(index.T)] == pytest.approx(expected, rel=2e-4, abs=1e-6)


@pytest.mark.standin
def test_atoms_of_the_structure_make_the_plane(builder, generate_structure):
    """Water, plane by its atoms: the nuclei are where the density is largest, though CRYSTAL's axes are others."""
    outputs, node = run_get_node(builder('H2O', overrides={'maps_atoms': [1, 2, 3], 'maps_difference': False}))
    assert node.is_finished_ok, node.exit_message
    assert 'output_difference_maps' not in outputs
    maps = outputs['output_maps']
    origin, x, y = (maps.get_array(f'map_0_{name}_angstrom') for name in ('origin', 'step_x', 'step_y'))
    i, j = np.unravel_index(np.argmax(maps.get_array('map_0')), maps.get_array('map_0').shape)
    oxygen = maps.get_array('positions_angstrom')[maps.get_array('numbers') == 8][0]
    assert np.linalg.norm(origin + i * x + j * y - oxygen) < 0.1


def test_input_of_a_crystal(generate_structure):
    """The plane of rock salt is (001), with PATO between two identical maps; the box is the cell."""
    a = 4.21
    geometry = Geometry.from_arrays(a / 2 * (1 - np.eye(3)), [[0, 0, 0], [a / 2, a / 2, a / 2]], [12, 8])
    request = MapRequest(quantities=('density', 'potential'), cube_quantities=('density', 'potential'))
    blocks = map_blocks(geometry, request)
    assert [block['keyword'] for block in blocks] == ['ECH3', 'POT3', 'ECHG', 'POTM', 'PATO', 'ECHG']
    corners = np.array(blocks[2]['coordina'])
    assert np.ptp(corners, axis=0).min() < 1e-6  # normal to an axis
    assert blocks[2]['coordina'] == blocks[5]['coordina']
    assert 'area' not in blocks[0]
    assert 'PATO\n0 0\n' in write_d3(D3.model_validate({'blocks': blocks}))


def test_box_of_a_slab_has_vacuum():
    """Along the normal the range is told in bohr, as the manual has it; the mesh is as fine as in the plane."""
    cell = np.diag([4.0, 4.0, 500.0])
    geometry = Geometry.from_arrays(cell, [[0, 0, -1.0], [2.0, 2.0, 1.0]], [12, 8], 2)
    cube = cube_of(geometry, MapRequest(cube_spacing=0.2, vacuum=4.0))
    assert cube.shape == (21, 21, 51)
    block = map_blocks(geometry, MapRequest(quantities=(), cube_quantities=('density',)))[0]
    assert block['area'] == 'RANGE'
    assert np.array(block['area_values']) == pytest.approx(np.array([[-5.0], [5.0]]) / 0.529177210903, abs=1e-5)


@pytest.mark.parametrize(
    ('overrides', 'words'),
    [
        ({'maps_quantities': ['charge']}, 'is not known'),
        ({'maps_quantities': [], 'cubes_quantities': []}, 'nothing to compute'),
        ({'maps_atoms': [1, 2]}, 'three atoms'),
        ({'maps_atoms': [1, 2, 9]}, 'has 3 atoms'),
        ({'maps_points_angstrom': [[0, 0, 0], [1, 0, 0], [2, 0, 0]]}, 'on a line'),
        ({'cubes_quantities': ['density'], 'cubes_spacing_angstrom': 0.01}, 'MB, the limit is 200 MB'),
    ],
)
def test_bad_inputs_stop_before_anything_runs(builder, generate_workchain, overrides, words):
    with pytest.raises(ValueError, match=words):
        generate_workchain('crystalmath.crystal.maps', builder('H2O', overrides=overrides)._inputs(prune=True))
