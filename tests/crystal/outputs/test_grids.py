"""Grids: maps of fort.25, cube, TOPOND, fort.35, POTC.DAT, XSF, BXSF; files of one run against each other."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.cube import read_cube
from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort25_maps import read_fort25_maps
from aiida_crystalmath.crystal.outputs.fort35 import read_fort35
from aiida_crystalmath.crystal.outputs.potc import read_potc
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.crystal.outputs.topond import read_surface, read_trajectories
from aiida_crystalmath.crystal.outputs.xsf import read_bxsf, read_xsf
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

MAPS = [
    ('mgo_echg', 'dens_mgoDCHG', (65, 65), 2),
    ('hematite_echg', 'dens_hematite', (24, 42), 4),
    ('graphene_mv_echg', 'dens_grapheneMV', (100, 100), 4),
    ('wse2_soc_prop', 'relt_WSe2', (50, 50), 16),
]


@pytest.mark.corpus
@pytest.mark.parametrize(('run', 'name', 'shape', 'count'), MAPS)
def test_maps_agree_with_stdout(corpus, run, name, shape, count):
    """Stdout tells the corners in bohr (three decimals) and the extremes of each field; order and field are its."""
    told = parse_stdout(corpus / run / f'{name}.out').properties.maps
    maps = read_fort25_maps((corpus / run / f'{name}.f25').read_text(), told)
    assert len(maps) == len(told) == count
    for found, echo in zip(maps, told, strict=True):
        assert found.values.shape == shape
        assert found.quantity == echo.quantity
        assert found.values.min() == pytest.approx(echo.minimum, rel=1e-4, abs=1e-20)
        assert found.values.max() == pytest.approx(echo.maximum, rel=1e-4, abs=1e-20)
        points = found.points() / BOHR_ANGSTROM
        for point, corner in zip((points[0, 0], points[-1, 0], points[-1, -1]), echo.corners_bohr, strict=True):
            assert point == pytest.approx(corner, abs=1.2e-3)


@pytest.mark.corpus
def test_map_without_stdout_has_no_name(corpus):
    maps = read_fort25_maps((corpus / 'mgo_echg/dens_mgoDCHG.f25').read_text())
    assert {found.quantity for found in maps} == {'unknown'}


@pytest.mark.corpus
def test_atoms_and_lattice_of_a_map(corpus):
    (found, _) = read_fort25_maps((corpus / 'mgo_echg/dens_mgoDCHG.f25').read_text())
    assert found.atoms.symbols == ('Mg', 'O') and found.atoms.numbers.tolist() == [12, 8]
    assert found.atoms.positions[1].tolist() == [2.105, 2.105, 2.105]
    assert found.lattice[0].tolist() == [0.0, 2.105, 2.105]
    assert (found.n_periodic, found.open_shell) == (3, False)


@pytest.mark.corpus
def test_density_is_high_at_the_atoms(corpus):
    """graphene_mv_echg: the forty densest points of the map lie at carbon atoms, so no axis is turned round."""
    found = read_fort25_maps((corpus / 'graphene_mv_echg/dens_grapheneMV.f25').read_text())[0]
    densest = found.points().reshape(-1, 3)[np.argsort(found.values.ravel())[-40:]]
    for point in densest:
        offset = (point - found.atoms.positions) @ np.linalg.inv(found.lattice)
        nearest = np.linalg.norm((offset - np.round(offset)) @ found.lattice, axis=1).min()
        assert nearest < 0.06


@pytest.mark.corpus
@pytest.mark.parametrize(('cube', 'index'), [('chg', 0), ('spin', 1)])
def test_map_agrees_with_the_cube(corpus, cube, index):
    """hematite_echg: the side A-B of the map runs down the first axis of the cube, in 24 points both."""
    run = corpus / 'hematite_echg'
    found = read_fort25_maps((run / 'dens_hematite.f25').read_text())[index]
    grid = read_cube((run / f'dens_hematite_{cube}.cube').read_text())
    assert grid.quantity == ('charge' if cube == 'chg' else 'spin') and grid.unit == 'e/bohr^3'
    assert found.values[::-1, 0] == pytest.approx(grid.values[:, 0, 0], rel=1e-4, abs=1e-9)
    ends = grid.origin + (grid.values.shape[0] - 1) * grid.steps[0]
    assert found.points()[0, 0] == pytest.approx(ends, abs=1e-4)


@pytest.mark.corpus
def test_cube(corpus):
    """mgoco_ech3: a slab, from -20 to 20 bohr across; its density integrates to nearly the 68 electrons."""
    grid = read_cube((corpus / 'mgoco_ech3/dens_MgOCO.cube').read_text())
    assert grid.values.shape == (20, 20, 136)
    assert grid.origin[2] == pytest.approx(-20 * BOHR_ANGSTROM)
    assert grid.steps[2, 2] == pytest.approx(0.296296 * BOHR_ANGSTROM)
    assert grid.atoms.numbers.tolist() == [8, 8, 6, 6, 12, 12, 8, 8]
    assert grid.atoms.positions[2, 2] == pytest.approx(6.448690 * BOHR_ANGSTROM)
    assert grid.values[0, 0, 14] == 0.22993e-12, 'the last index runs fastest'
    assert grid.closed, 'the last plane repeats the first one'
    assert np.array_equal(grid.values[0], grid.values[-1])
    integral = grid.values[:-1, :-1].sum() * grid.voxel_angstrom3 / BOHR_ANGSTROM**3
    assert integral == pytest.approx(68, abs=1.5)


@pytest.mark.corpus
def test_spin_cube_of_an_antiferromagnet(corpus):
    grid = read_cube((corpus / 'hematite_echg/dens_hematite_spin.cube').read_text())
    assert abs(grid.values[:-1, :-1, :-1].sum()) * grid.voxel_angstrom3 / BOHR_ANGSTROM**3 < 0.01
    assert grid.cell[0] == pytest.approx(5.47047, abs=1e-5) and grid.cell[3] == 55.273046


@pytest.mark.corpus
@pytest.mark.parametrize(
    ('name', 'n', 'quantity', 'extremes'),
    [
        ('SURFRHOO', 161, 'charge', (0.00080540562, 220.96663)),
        ('SURFLAPP', 101, 'laplacian', (-1559732.6, 1266.7329)),
        ('SURFGRHO', 101, 'gradient', (8.5585109e-05, 3011.7176)),
        ('SURFELFB', 101, 'electron localization function', (0.00059774222, 0.99999937)),
    ],
)
def test_topond_maps(corpus, name, n, quantity, extremes):
    found = read_surface((corpus / f'urea_topond/topo_urea.{name}').read_text(), f'topo_urea.{name}')
    assert found.values.shape == (n, n) and found.quantity == quantity
    assert (found.values.min(), found.values.max()) == extremes
    assert found.points()[-1, 0] == pytest.approx((4.0, -4.0), abs=1e-6)


@pytest.mark.corpus
def test_topond_map_has_its_peak_at_oxygen(corpus):
    """stdout puts an oxygen at (0, 3.7061) bohr of the plot's frame."""
    found = read_surface((corpus / 'urea_topond/topo_urea.SURFRHOO').read_text())
    peak = np.unravel_index(found.values.argmax(), found.values.shape)
    assert found.points()[peak] / BOHR_ANGSTROM == pytest.approx((0.0, 3.7061), abs=0.1)


@pytest.mark.corpus
def test_xsf_agrees_with_fort25(corpus):
    """graphene_mv_echg: CRYSTALpytools wrote the maps in electrons per cubic ångström, from B to A and B to C."""
    run = corpus / 'graphene_mv_echg'
    charge, spin = read_xsf((run / 'dens_grapheneMV.xsf').read_text())
    assert (charge.label, spin.label) == ('alpha+beta', 'alpha-beta')
    assert len(charge.atoms.numbers) == 71 and charge.n_periodic == 2
    original = read_fort25_maps((run / 'dens_grapheneMV.f25').read_text())[0]
    assert charge.values.T * BOHR_ANGSTROM**3 == pytest.approx(original.values[::-1], rel=1e-5)
    assert charge.points()[0, 99] == pytest.approx(original.points()[0, 0], abs=1e-4)


@pytest.mark.corpus
def test_bxsf(corpus):
    """nacl_fsurf: two bands, the Fermi energy that NEWK printed (-0.24200053 hartree) at the top of the first one."""
    grid = read_bxsf((corpus / 'nacl_fsurf/fsurf_NaCl.bxsf').read_text())
    assert grid.energies.shape == (2, 24, 24, 24)
    fermi = parse_stdout(corpus / 'nacl_fsurf/fsurf_NaCl.out').properties.fermi_energy_hartree
    assert grid.fermi_energy == pytest.approx(fermi * 27.211386, abs=1e-4), 'an older value of the hartree'
    assert grid.energies[0, 0, 0, 0] == -1.156892
    assert grid.energies[0, 0, 1, 0] == -1.060972, 'the last index runs fastest, 24 values a row'


FORT35 = """\
           2           2           1
  -1.00000000000000       -2.00000000000000       0.000000000000000E+000
  6.523930649425241E-002  0.000000000000000E+000  0.000000000000000E+000
  3.261965324712621E-002  5.649889674930170E-002  0.000000000000000E+000
  0.000000000000000E+000  0.000000000000000E+000  6.649836920169743E-003
 Band            1
     -10.212756   10000.000000     -10.212861     -10.212822
 Band            2
      -0.500000   10000.000000      -0.400000      -0.300000
"""
"""The layout of a real file (graphene), cut down to four points."""


def test_fort35():
    grid = read_fort35(FORT35)
    assert grid.numbers == [1, 2] and grid.unit == 'hartree' and grid.k_unit == 'bohr^-1'
    assert grid.energies.shape == (2, 2, 2, 1)
    assert np.isnan(grid.energies[0, 1, 0, 0]), 'outside the first zone'
    assert grid.energies[1, 0, 1, 0] == -0.4
    assert grid.steps[1].tolist() == [3.261965324712621e-2, 5.649889674930170e-2, 0.0]


def test_trajectories():
    text = '  1  0\n    -1.51878556    -6.77694853     0.12932011\n  2  3\n' + '     1.0  2.0  3.0\n' * 2
    paths = read_trajectories(text)
    assert [(len(path.points), path.weight) for path in paths] == [(1, 0), (2, 3)]
    assert paths[1].points[0] == pytest.approx(np.array([1, 2, 3]) * BOHR_ANGSTROM)


def test_potc():
    profile = read_potc('# Z V\n@ XAXIS LABEL "Z"\n -10.0  -1.0E-01  0.0  0.0\n -9.0  -2.0E-01  1.0D-03  0.0\n')
    assert profile.distances == pytest.approx(np.array([-10, -9]) * BOHR_ANGSTROM)
    assert profile.values[0].tolist() == [-0.1, -0.2] and profile.labels == ['potential', 'field', 'density']
    assert profile.values[1, 1] == 1e-3


READERS = [
    ('hematite_echg/dens_hematite.f25', read_fort25_maps),
    ('mgo_density/mgo_density_dat.DENS_CUBE', read_cube),
    ('urea_topond/topo_urea.SURFELFB', read_surface),
    ('graphene_mv_echg/dens_grapheneMV.xsf', read_xsf),
    ('nacl_fsurf/fsurf_NaCl.bxsf', read_bxsf),
]


@pytest.mark.corpus
@pytest.mark.parametrize(('name', 'reader'), READERS)
@pytest.mark.parametrize('share', [0.02, 0.4, 0.47, 0.9, 0.97])
def test_cut_grids_are_errors_that_say_where(corpus, name, reader, share):
    """A cut within the values, even within the last digit, is told with its file and line."""
    text = (corpus / name).read_text()
    with pytest.raises(OutputFileError) as failure:
        reader(text[: int(len(text) * share)])
    assert failure.value.line > 0


@pytest.mark.corpus
@pytest.mark.parametrize('name', ['mgo_density/mgo_density_dat.DENS_CUBE', 'urea_topond/topo_urea.SURFELFB'])
def test_the_last_digit_is_missed(corpus, name):
    reader = dict(READERS)[name]
    text = (corpus / name).read_text().rstrip()
    reader(text)
    with pytest.raises(OutputFileError, match='the last number is cut'):
        reader(text[:-1])


@pytest.mark.corpus
@pytest.mark.parametrize(('name', 'reader'), READERS)
def test_windows_line_ends(corpus, name, reader):
    text = (corpus / name).read_text()
    assert repr(reader(text.replace('\n', '\r\n'))) == repr(reader(text))


@pytest.mark.parametrize('reader', [read_cube, read_surface, read_fort35, read_potc, read_bxsf, read_trajectories])
@pytest.mark.parametrize('text', ['', 'no such file\n' * 5])
def test_foreign_text_is_an_error(reader, text):
    if reader is read_trajectories and not text:
        assert reader(text) == []
        return
    with pytest.raises(OutputFileError):
        reader(text)


def test_asterisks_are_told_with_their_line():
    text = FORT35.replace('-10.212861', '**********')
    with pytest.raises(OutputFileError, match=r'fort\.35, line 7'):
        read_fort35(text)


def test_a_garbled_header_asks_for_no_memory():
    with pytest.raises(OutputFileError, match='numbers expected'):
        read_fort35(FORT35.replace('           2           2           1', '   999999999   999999999   999999999'))


@pytest.mark.corpus
def test_fields_are_named_by_the_first_line(corpus):
    text = (corpus / 'mgo_density/mgo_density_dat.DENS_CUBE').read_text()
    assert read_cube(text).unit == 'e/bohr^3'
    potential = read_cube(text.replace('Charge density', 'Potential'))
    assert (potential.quantity, potential.unit) == ('potential', 'hartree/e')
    assert read_cube(text.replace('Charge density', 'X-magnetization')).quantity == 'x-magnetization'
    assert read_cube(f'Written by hand\n{text.partition(chr(10))[2]}').quantity == 'unknown'
