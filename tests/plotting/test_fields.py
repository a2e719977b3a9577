"""Pictures of maps, bonds and transport: the data behind them by value, the files by their being there."""

from __future__ import annotations

import io

import numpy as np
import pytest

from aiida_crystalmath.plotting.data import Caption
from aiida_crystalmath.plotting.figure import Request
from aiida_crystalmath.plotting.maps import Field, cube_slice

pytestmark = pytest.mark.usefixtures('aiida_profile')


@pytest.fixture
def request_(tmp_path) -> Request:
    return Request(tmp_path, 'MgO_7', caption=Caption('MgO', 'HF', 'STAND-IN', 7), results={'is_conducting': False})


def field(values, **kwargs) -> Field:
    """Return a field on a square of 2 Å, in the plane x-z."""
    step = 2.0 / (len(values) - 1)
    return Field(np.asarray(values), np.zeros(3), np.array([step, 0, 0]), np.array([0, 0, step]), **kwargs)


def test_levels_of_a_density_are_powers_of_two():
    levels = field(np.geomspace(1e-3, 100.0, 121).reshape(11, 11)).levels()
    assert np.allclose(np.log2(levels), np.rint(np.log2(levels)))
    assert levels[-1] == 4.0  # the cores are cut off


def test_levels_of_a_difference_have_both_signs():
    levels = field(np.linspace(-0.2, 0.1, 121).reshape(11, 11), is_difference=True).levels()
    assert np.allclose(levels, -levels[::-1])
    assert np.abs(levels).max() == pytest.approx(0.1)


def test_nothing_has_no_levels():
    assert field(np.zeros((5, 5)), quantity='spin').levels().size == 0


def test_atoms_in_the_plane_are_found_with_their_images():
    found = field(
        np.ones((5, 5)),
        positions=np.array([[0.5, 0.0, 0.5], [0.5, 1.0, 0.5]]),
        numbers=np.array([208, 8]),
        cell=np.array([[1.0, 0, 0], [0, 5.0, 0]]),
    ).atoms()
    assert sorted((round(x, 6), round(y, 6)) for x, y, _ in found) == [(0.5, 0.5), (1.5, 0.5)]
    assert {symbol for _, _, symbol in found} == {'O'}  # 200 + Z is a pseudopotential


def test_slice_of_a_real_cube_holds_its_atoms(corpus):
    from aiida import orm

    text = (corpus / 'mgo_density' / 'mgo_density_dat.DENS_CUBE').read_text()
    found = cube_slice(orm.SinglefileData(io.BytesIO(text.encode())), 'charge')
    assert found.values.max() == pytest.approx(1062.0)
    assert len(found.atoms()) >= 4


def test_real_maps_are_drawn(corpus, request_):
    """Both maps of a real run of CRYSTAL22 become one picture of the crystal; that of atoms alone is none."""
    from aiida_crystalmath.crystal.outputs.fort25_maps import read_fort25_maps
    from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
    from aiida_crystalmath.parsers.properties_nodes import maps_node
    from aiida_crystalmath.plotting.maps import draw
    from aiida_crystalmath.workflows.functions.densities import difference_maps

    echo = parse_stdout(corpus / 'mgo_echg' / 'dens_mgoDCHG.out').properties.maps
    maps = maps_node(read_fort25_maps((corpus / 'mgo_echg' / 'dens_mgoDCHG.f25').read_text(), echo), echo)
    difference = difference_maps(maps)
    values = difference.get_array('map_0')
    assert values == pytest.approx(maps.get_array('map_0') - maps.get_array('map_1'))
    paths = draw({'output_maps': maps, 'output_difference_maps': difference}, request_)
    assert [path.name for path in paths] == ['MgO_7_map_charge.png', 'MgO_7_map_charge_difference.png']
    assert all(path.stat().st_size > 20_000 for path in paths)


def test_bonds_are_drawn_from_the_edge_of_the_bands(request_):
    from aiida import orm

    from aiida_crystalmath.plotting.cohp import draw

    energies = np.linspace(-10.0, 5.0, 50)
    node = orm.XyData()
    node.set_x(energies, 'energy', 'eV')
    node.set_y([np.sin(energies), np.cos(energies)], ['Ni 1 - O 2_alpha', 'Ni 1 - O 2_beta'], ['eV/eV/cell'] * 2)
    with pytest.raises(ValueError, match='Fermi energy'):
        draw({'output_cohp': node}, request_)
    node.base.attributes.set('fermi_energy_ev', -2.0)
    (path,) = draw({'output_cohp': node, 'output_coop': node}, request_)
    assert path.name == 'MgO_7_cohp.png' and path.stat().st_size > 20_000


def test_transport_of_a_real_run_is_drawn(corpus, request_):
    from aiida_crystalmath.calculations.cells import CellMap
    from aiida_crystalmath.crystal.outputs.boltztra import read_transport
    from aiida_crystalmath.parsers.properties_nodes import transport_node
    from aiida_crystalmath.plotting.transport import draw

    texts = [(corpus / 'g2s_boltztra' / f'trans_G2S_{name}.DAT').read_text() for name in ('SG', 'SK')]
    node = transport_node([read_transport(text) for text in texts], None, CellMap(None, None))
    (path,) = draw({'output_transport': node}, request_)
    assert path.stat().st_size > 20_000
