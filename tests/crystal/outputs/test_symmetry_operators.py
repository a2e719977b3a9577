"""Symmetry operators as printed: they map the atoms of their geometry onto themselves."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.fort34 import read_fort34
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus


@pytest.fixture(scope='module')
def outputs(corpus, truth):
    return {
        run: parse_stdout(corpus / run / values['file'])
        for run, values in truth.items()
        if values['program'] == 'crystal' and run != 'corundum_qha'
    }


def test_they_map_the_structure_onto_itself(outputs):
    """All real outputs, CRYSTAL06 to 22, 0D to 3D; two decimals move an atom by hundredths of an Å at most."""
    compared = set()
    for run, output in outputs.items():
        operators = output.symmetry_operators
        if operators is None or output.cell_report is None:
            continue
        geometry = output.cell_report.geometry
        assert operators.complete and len(operators) == output.n_symmops, run
        positions = geometry.positions @ np.linalg.inv(geometry.frame)
        for rotation, translation in zip(operators.rotations, operators.translations, strict=True):
            apart = (positions @ rotation.T + translation)[:, None] - positions[None]
            periodic = list(geometry.pbc)
            apart[..., periodic] -= np.rint(apart[..., periodic])
            assert np.linalg.norm(apart @ geometry.frame, axis=-1).min(axis=1).max() < 0.03, run
        compared.add(output.dimensionality)
    assert compared == {0, 1, 2, 3}


def test_inverses(outputs):
    for run, output in outputs.items():
        if output.symmetry_operators is not None:
            rotations, inverse = output.symmetry_operators.rotations, output.symmetry_operators.inverse
            assert np.abs(rotations @ rotations[inverse] - np.eye(3)).max() < 0.02, run


def test_they_are_those_of_fort34(corpus, outputs):
    """NiO (EXTERNAL): the Cartesian operators of fort.34 in the frame of the cell."""
    output = outputs['nio_sto3g_afm_scf']
    cell = output.initial_geometry.cell
    given = read_fort34((corpus / 'nio_sto3g_afm_scf' / 'fort.34').read_text()).symmops
    inverse = np.linalg.inv(cell.T)
    expected = {tuple(np.rint(inverse @ rotation @ cell.T).astype(int).ravel()) for rotation in given.rotations}
    ours = {tuple(np.rint(rotation).astype(int).ravel()) for rotation in output.symmetry_operators.rotations}
    assert ours == expected and len(ours) == 16


def test_by_hand(outputs):
    """mgo.out, line 111: operator 3; test_nano05.out, a helix: line 5 of the table; quartz: a third is 0.33."""
    cubic = outputs['mgo_scf_c14'].symmetry_operators
    assert cubic.rotations[2].tolist() == [[-1, -1, -1], [0, 0, 1], [0, 1, 0]] and cubic.has_inversion
    assert cubic.inverse[4] == 5 and cubic.frame == 'fractional'
    helix = outputs['nano05_opt'].symmetry_operators
    assert helix.rotations[4].tolist() == [[1, 0, 0], [0, 0.38, -0.92], [0, 0.92, 0.38]]
    assert helix.translations[4].tolist() == [-0.5, 0, 0]
    quartz = outputs['quartz_hf_freq'].symmetry_operators
    assert quartz.translations[1].tolist() == [0, 0, 0.67] and not quartz.has_inversion


def test_number_after_the_geometry_was_edited(outputs):
    """slab_testgeom: 48 operators of the crystal, 2 of the slab cut from it."""
    assert outputs['slab_testgeom'].n_symmops == 2


def test_a_table_that_stops(corpus, truth):
    lines = (corpus / 'mgo_scf_c14' / truth['mgo_scf_c14']['file']).read_text().splitlines(keepends=True)
    title = next(i for i, line in enumerate(lines) if 'SYMMOPS - TRANS' in line)
    output = parse_stdout(''.join(lines[: title + 13]))
    assert len(output.symmetry_operators) == 10 and not output.symmetry_operators.complete
    assert parse_stdout(''.join(lines[: title + 3])).symmetry_operators is None
    lost = parse_stdout(''.join(lines[: title + 9] + lines[title + 10 :])).symmetry_operators
    assert len(lost) == 6 and not lost.complete
    doubled = parse_stdout(''.join(lines[: title + 9] + lines[title + 8 :])).symmetry_operators
    assert len(doubled) == 48 and doubled.complete
    starred = ''.join(lines).replace('   9  10 -1.00', '   9  10 *****')
    assert len(parse_stdout(starred).symmetry_operators) == 8
