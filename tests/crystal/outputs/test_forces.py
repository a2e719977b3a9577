"""Forces, gradients of the cell and stress of real outputs, and of outputs that stop inside them."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.crystal.units import CRYSTAL_BOHR_ANGSTROM

pytestmark = pytest.mark.corpus


@pytest.fixture(scope='module')
def texts(corpus, truth):
    found = {run: (corpus / run / v['file']).read_text(errors='replace') for run, v in truth.items()}
    return {run: text for run, text in found.items() if 'CARTESIAN FORCES' in text}


@pytest.fixture(scope='module')
def outputs(texts):
    found = {run: parse_stdout(text) for run, text in texts.items()}
    return {run: output for run, output in found.items() if output.program == 'crystal'}


def test_every_table_is_complete(outputs):
    """All versions from CRYSTAL06; the resultant is the sum of the forces."""
    assert len(outputs) > 25
    for run, output in outputs.items():
        gradients = output.gradients
        assert gradients.complete and gradients.forces.shape == (output.n_atoms, 3), run
        assert gradients.forces is output.forces, run
        assert gradients.numbers == output.cell_report.numbers, run
        if gradients.resultant is not None:
            assert np.allclose(gradients.forces.sum(axis=0), gradients.resultant, atol=2e-12), run


def test_stress_is_the_gradient_of_the_cell(outputs):
    """The tables of one point: stress = -(1/V) cell^T . gradient (the program prints minus the derivatives)."""
    compared = 0
    for run, output in outputs.items():
        gradients = output.gradients
        if gradients.stress is None or output.is_optimisation:
            continue
        cell = output.initial_geometry.cell / CRYSTAL_BOHR_ANGSTROM
        expected = -cell.T @ gradients.cell / abs(np.linalg.det(cell))
        assert np.allclose(expected, gradients.stress, rtol=1e-6, atol=1e-12), run
        compared += 1
    assert compared >= 3


def test_magnesia_by_hand(outputs):
    """conv_mgoOpt.out of CRYSTAL22, lines 741-763: the first point of the optimisation."""
    gradients = outputs['mgo_opt_c22'].gradients
    assert gradients.stress[0].tolist() == [-9.33895785460e-05, -1.86447938567e-17, -9.32303260772e-18]
    assert gradients.pressure_gpa == 2.748
    assert gradients.pressure_hartree_per_bohr3 == pytest.approx(2.748 / 29421, rel=1e-3)
    assert gradients.symmetrised == {} and len(gradients.symmetrised_cell) == 1


def test_corundum_by_hand(outputs):
    """optgeom.out of CRYSTAL14, lines 598-628."""
    gradients = outputs['optgeom_c14'].gradients
    assert gradients.forces[0].tolist() == [-1.351976659837e-02, 7.805640884955e-03, -1.909583602355e-14]
    assert gradients.numbers == [8] * 6 + [13] * 4
    assert gradients.symmetrised == {1: -3.8239675e-02, 2: -1.3986533e-02}
    assert gradients.cell[1].tolist() == [0.0657584654415, -0.113897003172, -0.0426243606874]
    assert gradients.pressure_gpa is None, 'the stress is not hydrostatic'


def test_lower_dimensions(outputs):
    """elastic2D_graphene.out, line 925, and test_nano05.out: two rows of two, and one number."""
    slab = outputs['graphene_elastic'].gradients
    assert slab.cell.tolist() == [[1.01673656161e-08, -2.87995572703e-17], [5.08368236396e-09, 8.80519035462e-09]]
    assert slab.symmetrised_cell == {1: 5.7700897e-08} and slab.stress is None
    assert outputs['nano05_opt'].gradients.cell.shape == (1, 1)


def test_titles_of_old_versions(outputs):
    """CRYSTAL06 names no unit (line 1076); CRYSTAL09 has no blank before the cell's title (line 1915)."""
    assert outputs['check_last_point_opt'].gradients.forces[0].tolist() == [
        1.228276316712e-05,
        -8.394854823646e-05,
        -5.790723803245e-16,
    ]
    assert outputs['lafeo3_opt_c09'].gradients.cell[0, 0] == 0.0176937702347


def test_forces_that_stop(texts):
    """A table cut anywhere gives no forces: the rows that are missing are not known to be missing."""
    lines = texts['optgeom_c14'].splitlines(keepends=True)
    title = next(i for i, line in enumerate(lines) if line.startswith(' CARTESIAN FORCES'))
    for n in range(title, title + 12):
        output = parse_stdout(''.join(lines[:n]))
        assert output.forces is None and output.gradients is None, n
    assert parse_stdout(''.join(lines[: title + 13])).forces.shape == (10, 3)
    assert parse_stdout(''.join(lines[: title + 4] + lines[title + 5 :])).forces is None
    starred = ''.join(lines).replace('  -1.351976659837E-02  7.80', '  ******************  7.80', 1)
    assert parse_stdout(starred).forces is None


def test_stress_that_stops(texts):
    text = texts['mgo_opt_c22']
    start = text.index('STRESS TENSOR, IN')
    end = text.index('PRESSURE FROM', start)
    for stop in range(start, end - 30, 40):
        gradients = parse_stdout(text[:stop]).gradients
        assert gradients.stress is None and (stop < start + 60 or not gradients.complete), stop
    starred = parse_stdout(text.replace(' -0.139865376436E-16 -0.933895785459E-04', ' ' + '*' * 18 + ' -0.93E-04', 1))
    assert starred.gradients.stress is None and not starred.gradients.complete
