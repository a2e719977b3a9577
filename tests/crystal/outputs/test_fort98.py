"""The head of a real formatted wave function, against the output of its run."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.errors import OutputFileError
from aiida_crystalmath.crystal.outputs.fort98 import _cell, read_fort98
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus


@pytest.fixture(scope='module')
def text(corpus):
    return (corpus / 'si_scf_dft' / 'si.f98').read_text()


@pytest.fixture(scope='module')
def output(corpus):
    return parse_stdout(corpus / 'si_scf_dft' / 'output.out')


def test_numbers_and_energies(text, output):
    head = read_fort98(text)
    assert head.title == output.title == 'TEST08 - SILICON STO-3G'
    assert head.limits == (500, 50, 200) and head.complete
    assert (head.dimensionality, head.n_atoms, head.n_ao) == (3, output.n_atoms, output.n_ao)
    assert head.n_symmops == output.n_symmops == 48
    assert head.n_shells == 6
    assert head.total_energy_hartree == output.energy_hartree == -573.30058382967
    assert head.fermi_energy_hartree == pytest.approx(output.fermi_energy_hartree, abs=1e-9)


def test_structure(text, output):
    head, geometry = read_fort98(text), output.final_geometry
    assert np.allclose(head.cell, geometry.cell, atol=1e-9)
    assert np.allclose(head.positions, geometry.positions, atol=1e-9)
    assert head.conventional_numbers == [14, 14] and head.nuclear_charges == [14, 14]
    assert np.allclose(head.to_conventional, output.initial_cell.transformation)


def test_operators(text, output):
    """Cartesian here, fractional in the output, in the same order."""
    head, printed = read_fort98(text), output.symmetry_operators
    cell = output.final_geometry.cell
    fractional = np.linalg.inv(cell.T) @ head.rotations @ cell.T
    assert np.allclose(fractional, printed.rotations, atol=1e-6)
    shifts = head.translations @ np.linalg.inv(cell) - printed.translations
    assert np.allclose(shifts, 0, atol=6e-3)


def test_basis(text, output):
    """Exponents with all digits agree with the four printed ones; the charges of the shells are those of the deck."""
    head = read_fort98(text)
    assert [(shell.atom, shell.type, shell.charge) for shell in head.shells] == [
        (1, 'S', 2),
        (1, 'SP', 8),
        (1, 'SP', 4),
        (2, 'S', 2),
        (2, 'SP', 8),
        (2, 'SP', 4),
    ]
    for shell, printed in zip(head.shells, output.basis.species[0].shells, strict=False):
        assert shell.exponents == pytest.approx(printed.exponents, rel=6e-4)
    assert head.shells[0].exponents[0] == 407.79755140157


def test_a_file_that_stops(text):
    """Cut between its blocks it tells what stands before; nothing is complete before both blocks of the basis."""
    for stop in range(0, text.index('SPINOR'), 997):
        try:
            head = read_fort98(text[:stop])
        except OutputFileError:
            continue
        assert not head.complete and head.shells == []
    assert not read_fort98(text[: text.index('NINV')]).complete
    assert read_fort98(text[: text.index('NINV')]).cell is not None
    assert read_fort98(text[: text.index('SPINOR')]).complete


@pytest.mark.parametrize('words', ['', 'a\nb\nc\nd\n', 'title\nLIMINF LIMTOL LIMPAR\n 1 2\n x\n', '\0\n\0\n\0\n\0'])
def test_no_wave_function(words):
    with pytest.raises(OutputFileError):
        read_fort98(words)


def test_counts_that_do_not_explain_a_block(text):
    """Another number of atoms or operators in INF: the blocks are left out, and nothing is said of them."""
    first_line = text.splitlines()[4]
    assert first_line.split()[0] == '48'
    head = read_fort98(text.replace(first_line, first_line.replace('48', '47', 1), 1))
    assert head.rotations is None and head.cell is None and not head.complete
    starred = read_fort98(text.replace(' 4.0779755140157E+02', '*' * 20))
    assert starred.shells == [] and not starred.complete


@pytest.mark.parametrize('transposed', [False, True])
def test_cell_told_by_its_operators(transposed):
    """A monoclinic cell whose matrix is not symmetric: its mirror is an integer matrix in the right frame only."""
    cell = np.array([[3.0, 0.0, 0.0], [0.0, 4.0, 0.0], [1.0, 0.0, 5.0]])
    operators = np.array([np.eye(3), np.diag([-1.0, 1.0, -1.0]), np.diag([1.0, -1.0, 1.0])])
    sheared = np.array([[3.0, 0.0, 0.0], [1.5, 2.0, 0.0], [0.0, 0.0, 5.0]])
    swap = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]])
    given = sheared.T if transposed else sheared
    assert np.array_equal(_cell(given, np.array([np.eye(3), swap])), sheared)
    assert _cell(cell, operators[:1]) is None
