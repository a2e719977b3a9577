"""Structures out of fort.34 and d12 files."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.structure_files import read_d12_geometry, read_gui

MGO = 'CRYSTAL\nCRYSTAL\n0 0 0\n225\n4.21\n2\n12 0. 0. 0.\n8 0.5 0.5 0.5\n{edits}END\n12 3\n'


def test_d12_gives_the_primitive_cell():
    """The title may look like a keyword."""
    geometry = read_d12_geometry(MGO.format(edits=''))
    assert geometry.formula == 'MgO'
    assert geometry.volume_angstrom3 == pytest.approx(4.21**3 / 4)


@pytest.mark.parametrize('edit', ['SUPERCEL\n2 0 0\n0 2 0\n0 0 2\n', 'SLABCUT\n1 0 0\n1 3\n', 'ATOMREMO\n1\n2\n'])
def test_edits_are_not_ignored(edit):
    with pytest.raises(ValueError, match=f'line 9: {edit.split()[0]} changes the structure'):
        read_d12_geometry(MGO.format(edits=edit))


def test_tasks_do_not_matter():
    geometry = read_d12_geometry(MGO.format(edits='OPTGEOM\nFULLOPTG\nENDOPT\n'))
    assert len(geometry) == 2


def test_external_needs_its_file(corpus):
    deck = (corpus / 'misc_d12_aiida_dft_S' / 'mgo_sto3g_external.crystal.d12').read_text()
    with pytest.raises(ValueError, match='line 2: EXTERNAL takes the geometry from another file'):
        read_d12_geometry(deck)
    gui = (corpus / 'misc_d12_aiida_dft_S' / 'mgo_sto3g_external.crystal.gui').read_text()
    geometry = read_d12_geometry(deck, external=gui)
    np.testing.assert_array_equal(geometry.positions, read_gui(gui).positions)


def test_decks_without_geometry():
    with pytest.raises(ValueError, match='no geometry'):
        read_d12_geometry('only a title\n')
    with pytest.raises(ValueError, match='geometry keyword'):
        read_d12_geometry('title\nCRISTAL\n')


@pytest.mark.corpus
def test_real_decks(corpus):
    """Every deck of the corpus gives a structure, or a reason that names EXTERNAL or an edit or a group not covered."""
    read, refused = 0, 0
    for path in sorted(corpus.glob('*/*.d12')):
        try:
            assert len(read_d12_geometry(path.read_text())) > 0
            read += 1
        except ValueError as exception:
            assert any(
                word in str(exception) for word in ('takes the geometry', 'changes the structure', 'not covered')
            ), (
                path,
                exception,
            )
            refused += 1
    assert read >= 15
    assert refused >= 5


@pytest.mark.corpus
def test_deck_and_gui_of_one_run_agree(corpus):
    for name in ('cubic-rocksalt', 'cubic-zincblende', 'mackinawite', 'marcasite', 'pyrite', 'troilite-hex-p63mc'):
        folder = corpus / 'misc_gui_struct_S'
        deck = read_d12_geometry((folder / f'{name}.crystal.d12').read_text())
        gui = read_gui((folder / f'{name}.crystal.gui').read_text())
        np.testing.assert_allclose(deck.cell, gui.cell, atol=1e-9, err_msg=name)
        assert deck.numbers == gui.numbers
        change = (deck.positions - gui.positions) @ np.linalg.inv(deck.cell)
        np.testing.assert_allclose((change - np.rint(change)) @ deck.cell, 0, atol=1e-8, err_msg=name)
