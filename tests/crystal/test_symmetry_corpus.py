"""The expansion of real decks against the cells and atoms that CRYSTAL itself printed for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_crystalmath.crystal.geometry import Geometry, Site
from aiida_crystalmath.crystal.inputs.geometry_block import read_geometry_block
from aiida_crystalmath.crystal.symmetry import align, expand, reduce
from aiida_crystalmath.crystal.symmetry.build import block_frame
from aiida_crystalmath.crystal.symmetry.lattice import conventional_cell
from aiida_crystalmath.crystal.symmetry.settings import operators, setting, setting_of_symbol

# Runs whose output echoes the deck and prints the cell that follows from the geometry block alone (no SUPERCEL ...).
RUNS = {
    'check_last_point_opt': ('CRYSTAL', 'P B N M'),
    'dryice_ir': ('CRYSTAL', 205),
    'dryice_raman': ('CRYSTAL', 205),
    'fe_opt_c09': ('CRYSTAL', 229),
    'fes_scf_spin': ('CRYSTAL', 229),
    'graphene_elastic': ('SLAB', 77),
    'h_bulk_scf': ('CRYSTAL', 221),
    'incomplete_scf': ('CRYSTAL', 194),
    'lafeo3_opt_c09': ('CRYSTAL', 'P B N M'),
    'mackinawite_opt_failed': ('CRYSTAL', 129),
    'mgo_opt_c22': ('CRYSTAL', 225),
    'mgo_scf_b3lyp': ('CRYSTAL', 225),
    'mgo_slab_testgeom': ('SLAB', 64),
    'mgo_sto3g_opt': ('CRYSTAL', 225),
    'mgo_sto3g_scf': ('CRYSTAL', 225),
    'nacl_freq_band_doss': ('CRYSTAL', 225),
    'optgeom_c14': ('CRYSTAL', 167),
    'quartz_hf_freq': ('CRYSTAL', 154),
    'si_scf_dft': ('CRYSTAL', 227),
    'spin_opt_c17': ('CRYSTAL', 129),
    'srhfo3_y4h4_opt': ('SLAB', 2),
    'srtio3_opt_c06': ('CRYSTAL', 140),
    'test08_scf': ('CRYSTAL', 227),
    'zif8_p0_elastic': ('CRYSTAL', 217),
}
KEYWORDS = ('CRYSTAL', 'SLAB')


def lines_of(corpus: Path, run: str) -> list[str]:
    for path in sorted((corpus / run).glob('*.out')):
        lines = path.read_text(errors='replace').splitlines()
        if any(line.strip() in KEYWORDS for line in lines):
            return lines
    pytest.fail(f'no output of {run} echoes its deck')


def block_of(lines: list[str]):
    start = next(i for i, line in enumerate(lines) if line.strip() in KEYWORDS)
    return read_geometry_block(lines, start)[0]


def printed(lines: list[str]) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Return cell, conventional numbers and Cartesian positions (Å) that CRYSTAL printed first."""
    at = next(i for i, line in enumerate(lines) if 'DIRECT LATTICE VECTORS CARTESIAN' in line)
    cell = np.array([[float(x) for x in lines[at + 2 + k].split()] for k in range(3)])
    at = next(i for i in range(at, len(lines)) if 'CARTESIAN COORDINATES - PRIMITIVE' in lines[i])
    numbers, positions = [], []
    for line in lines[at + 4 :]:
        words = line.split()
        if not words or words[0] != str(len(numbers) + 1):
            break
        numbers.append(int(words[1]))
        positions.append([float(x) for x in words[-3:]])
    return cell, numbers, np.array(positions)


@pytest.mark.corpus
@pytest.mark.parametrize('run', RUNS)
def test_expanded_deck_is_what_crystal_printed(corpus, run):
    """Cell vectors, orientation, and every atom in CRYSTAL's order; positions modulo the lattice."""
    lines = lines_of(corpus, run)
    block = block_of(lines)
    assert (block.keyword, block.group) == RUNS[run]
    geometry = expand(block)
    cell, numbers, positions = printed(lines)
    np.testing.assert_allclose(geometry.cell, cell, atol=1e-10)
    assert [site.conventional_number for site in geometry.sites] == numbers
    d = geometry.dimensionality
    change = (positions - geometry.positions) @ np.linalg.inv(geometry.frame)
    change[:, :d] -= np.rint(change[:, :d])
    np.testing.assert_allclose(change @ geometry.frame, 0, atol=1e-8)


def symmops(lines: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rotations and translations of the first SYMMOPS table (fractional, primitive) and the cell of the run."""
    at = next(i for i, line in enumerate(lines) if 'SYMMOPS - ' in line)
    rows = []
    for line in lines[at + 1 :]:
        words = line.split()
        if len(words) == 14 and words[0] == str(len(rows) + 1):
            rows.append([float(x) for x in words[2:]])
        elif rows:
            break
    values = np.array(rows)
    return values[:, :9].reshape(-1, 3, 3), values[:, 9:], printed(lines)[0]


@pytest.mark.corpus
@pytest.mark.parametrize(
    'run',
    ['mgo_sto3g_scf', 'optgeom_c14', 'quartz_hf_freq', 'zif8_p0_elastic', 'srtio3_opt_c06', 'dryice_ir', 'fe_opt_c09',
     'incomplete_scf', 'h_bulk_scf', 'check_last_point_opt'],
)  # fmt: skip
def test_order_of_operators_is_crystals(corpus, run):
    lines = lines_of(corpus, run)
    block = block_of(lines)
    rotations, translations, _ = symmops(lines)
    item = setting_of_symbol(block.group) if isinstance(block.group, str) else setting(block.group)
    ours = operators(item.hall_number)
    if block.origin_shift:
        ours = ours.shifted(np.array(block.origin_shift) / 24)

    change = block_frame(block).to_primitive
    mine = np.array([change.T @ rotation @ np.linalg.inv(change.T) for rotation in ours.rotations])
    np.testing.assert_allclose(mine, rotations, atol=1e-6)
    shifts = ours.translations @ change - translations
    np.testing.assert_allclose(shifts - np.rint(shifts), 0, atol=6e-3)  # CRYSTAL prints two decimals


@pytest.mark.corpus
@pytest.mark.parametrize('run', [run for run, (keyword, _) in RUNS.items() if keyword == 'CRYSTAL'])
def test_reduction_of_what_crystal_printed(corpus, run):
    """From the printed primitive cell back to a block of the same group and again to the same cell."""
    lines = lines_of(corpus, run)
    block = block_of(lines)
    cell, numbers, positions = printed(lines)
    geometry = Geometry(
        cell, 3, tuple(Site(z % 100, tuple(x), ecp=z > 200) for z, x in zip(numbers, positions, strict=True))
    )
    reduced = reduce(geometry)
    assert reduced.reason == ''
    number = block.group if isinstance(block.group, int) else setting_of_symbol(block.group).number
    assert reduced.space_group == number
    restored = reduced.restore(expand(reduced.block))
    np.testing.assert_allclose(restored.cell, cell, atol=1e-6)
    np.testing.assert_allclose(restored.positions, positions, atol=1e-6)
    align(reduced.crystal_geometry, expand(block))


@pytest.mark.corpus
def test_optimised_corundum_comes_back(corpus):
    """A real optimisation: the last printed geometry, restored to a conventional cell in another orientation."""
    lines = lines_of(corpus, 'optgeom_c14')
    cell, numbers, positions = printed(lines)
    start = Geometry.from_arrays(cell, positions, numbers)
    last = max(i for i, line in enumerate(lines) if 'ATOMS IN THE ASYMMETRIC UNIT' in line)
    parameters = np.array([float(x) for x in lines[last - 2].split()])
    rows = [line.split() for line in lines[last + 3 : last + 13]]
    ratio = parameters[0] / start.cell_parameters[0]
    assert 0.9 < ratio < 1.1
    # The cell printed last, in CRYSTAL's orientation: a rhombohedron of a and alpha about z.

    final_cell = conventional_cell(setting(167, rhombohedral_axes=True), (parameters[0], parameters[3]))
    final = Geometry.from_fractional(final_cell, [[float(x) for x in row[-3:]] for row in rows], numbers)
    to_hexagonal = np.array([[1, -1, 0], [0, 1, -1], [1, 1, 1]], dtype=float)
    hexagonal = Geometry(to_hexagonal @ cell, 3, _copies(start, to_hexagonal))
    turn = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
    user = hexagonal.with_positions(hexagonal.positions @ turn, hexagonal.cell @ turn)
    result = reduce(user).restore(final, initial=start)
    assert len(result) == 30
    np.testing.assert_allclose(result.cell, to_hexagonal @ final_cell @ turn, atol=1e-6)
    change = result.fractional - user.fractional
    assert np.abs(change).max() < 0.02
    assert result.volume_angstrom3 == pytest.approx(3 * final.volume_angstrom3)


def _copies(geometry: Geometry, multiples: np.ndarray) -> tuple[Site, ...]:
    sites = []
    for shift in ([0, 0, 0], [1, 0, 0], [1, 1, 0]):
        for site in geometry.sites:
            sites.append(site.moved_to(np.array(site.position) + np.array(shift) @ geometry.cell))
    return tuple(sites)
