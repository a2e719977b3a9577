"""fort.34: every real file, its operators, and what is written."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.fort34 import Fort34Error, SymmOps, format_fort34, read_fort34, write_fort34

# Files whose operators do not fit their atoms: written by other programs, or after a change that left the operators.
STALE = {'conv_mgoOpt.gui', 'optstep-opt001.gui', 'optstep-opt002.gui', 'optstep-opt003.gui', 'optstep-opt004.gui',
         'crysinp_para.gui'}  # fmt: skip

MGO = """   3   5   6 E -2.7544869807047E+02 DE-6.8E-10(  3)
  0.000000000000E+00  0.210850000000E+01  0.210850000000E+01
  0.210850000000E+01  0.000000000000E+00  0.210850000000E+01
  0.210850000000E+01  0.210850000000E+01  0.000000000000E+00
    1
  0.100000000000E+01  0.000000000000E+00  0.000000000000E+00
  0.000000000000E+00  0.100000000000E+01  0.000000000000E+00
  0.000000000000E+00  0.000000000000E+00  0.100000000000E+01
  0.000000000000E+00  0.000000000000E+00  0.000000000000E+00
    2
   12      0.000000000000      0.000000000000      0.000000000000
  108      2.108500000000      2.108500000000      2.108500000000
    1    1
"""


def files(corpus):
    found = sorted([*corpus.glob('*/*.gui'), *corpus.glob('*/fort.34')])
    assert len(found) >= 40
    return found


def misfit(content) -> float:
    """Return how far (Å) an operator brings an atom at most from the nearest atom of its element."""
    geometry = content.geometry
    d, frame, numbers = geometry.dimensionality, geometry.frame, np.array(geometry.numbers)
    worst = 0.0
    for rotation, translation in zip(content.symmops.rotations, content.symmops.translations, strict=True):
        images = geometry.positions @ rotation.T + translation
        change = (images[:, None] - geometry.positions[None]) @ np.linalg.inv(frame)
        change[..., :d] -= np.rint(change[..., :d])
        distances = np.linalg.norm(change @ frame, axis=2)
        distances[numbers[:, None] != numbers[None]] = np.inf
        worst = max(worst, float(distances.min(axis=1).max()))
    return worst


@pytest.mark.corpus
def test_real_files_come_back_exactly(corpus):
    dimensionalities = set()
    for path in files(corpus):
        first = read_fort34(path.read_text())
        second = read_fort34(format_fort34(first))
        dimensionalities.add(first.dimensionality)
        for name in ('dimensionality', 'centring', 'system', 'space_group', 'comment', 'energy_hartree'):
            assert getattr(second, name) == getattr(first, name), (path.name, name)
        np.testing.assert_array_equal(second.geometry.cell, first.geometry.cell)
        np.testing.assert_array_equal(second.symmops.rotations, first.symmops.rotations)
        np.testing.assert_array_equal(second.symmops.translations, first.symmops.translations)
        np.testing.assert_allclose(second.geometry.positions, first.geometry.positions, rtol=0, atol=1e-12)
        assert second.geometry.numbers == first.geometry.numbers
    assert dimensionalities == {0, 1, 2, 3}


@pytest.mark.corpus
def test_operators_of_real_files_map_their_atoms(corpus):
    """Rows of the rotations act on columns: pyrite, dry ice and a slab would fail the other way round."""
    for path in files(corpus):
        if path.name not in STALE:
            assert misfit(read_fort34(path.read_text())) < 2e-5, path


@pytest.mark.corpus
def test_operators_found_here_are_those_of_crystal(corpus):
    """The search gives as many operators as CRYSTAL wrote, and they map the atoms."""
    for name in ('pyrite', 'marcasite', 'troilite-hex-p63mc', 'cubic-rocksalt', 'cubic-zincblende', 'mackinawite'):
        content = read_fort34((corpus / 'misc_gui_struct_S' / f'{name}.crystal.gui').read_text())
        written = read_fort34(write_fort34(content.geometry, 'auto', symprec=1e-4))
        assert len(written.symmops) == len(content.symmops), name
        assert misfit(written) < 1e-4, name


def test_what_the_lines_mean():
    content = read_fort34(MGO)
    assert (content.dimensionality, content.centring, content.system, content.space_group) == (3, 5, 6, 1)
    assert content.energy_hartree == pytest.approx(-275.44869807047)
    assert [site.number for site in content.geometry.sites] == [12, 8]
    assert content.geometry.sites[1].variant == 1
    assert content.geometry.volume_angstrom3 == pytest.approx(4.217**3 / 4)


@pytest.mark.parametrize('keep', range(1, 12))
def test_cut_files_are_refused(keep):
    text = '\n'.join(MGO.splitlines()[:keep])
    with pytest.raises(Fort34Error, match='incomplete'):
        read_fort34(text)


def test_garbage_is_refused_with_its_line():
    with pytest.raises(Fort34Error, match='line 1'):
        read_fort34('MgO bulk\nCRYSTAL\n')
    with pytest.raises(Fort34Error, match='line 3: expected a lattice vector'):
        read_fort34('\n'.join([*MGO.splitlines()[:2], 'x y z', *MGO.splitlines()[3:]]))
    with pytest.raises(Fort34Error, match='dimensionality 7'):
        read_fort34(MGO.replace('   3   5', '   7   5', 1))


def test_non_periodic_vectors_are_500_angstrom():
    slab = Geometry.from_arrays(np.diag([3.0, 3.0, 20.0]), [[0, 0, 0], [1.5, 1.5, 0]], [12, 8], 2)
    content = read_fort34(write_fort34(slab))
    np.testing.assert_array_equal(content.geometry.cell, np.diag([3.0, 3.0, 500.0]))
    assert len(content.symmops) == 1
    assert content.space_group is None


def test_unknown_symmetry_word():
    with pytest.raises(ValueError, match='auto'):
        write_fort34(Geometry(np.eye(3), 3, ()), 'some')
    assert len(SymmOps.identity()) == 1
