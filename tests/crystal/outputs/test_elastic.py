"""Elastic constants of real outputs (values checked by eye), cut ones, and layouts known from public files."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.sections.elastic_tables import cells, triangle
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

OUTPUTS = {
    'e1674_elastic': '1674.out',
    'graphene_elastic': 'elastic2D_graphene.out',
    'failed_elastic': 'failed_elastic.out',
    'mgo_elastic_c14': 'crystal.out',
    'zif8_p0_elastic': 'elastic3D_ZIF8_P0.out',
}

LAST_RESULT = '                           FINAL RESULTS END'


def cubic(c11, c12, c44):
    """The matrix of a cubic crystal."""
    matrix = np.zeros((6, 6))
    matrix[:3, :3] = c12
    np.fill_diagonal(matrix, [c11] * 3 + [c44] * 3)
    return matrix


@pytest.fixture
def text(corpus):
    return {run: (corpus / run / name).read_text(errors='replace') for run, name in OUTPUTS.items()}


class TestCorpus:
    """Whole outputs."""

    pytestmark = pytest.mark.corpus

    @pytest.mark.parametrize(
        ('run', 'constants', 'compliance', 'bulk'),
        [
            ('e1674_elastic', (94.908, 3.349, -1.628), (10.5619, -0.36, -614.1995), 33.87),
            ('mgo_elastic_c14', (1024.920, 193.388, 289.268), (1.0379, -0.1647, 3.457), 470.57),
            ('zif8_p0_elastic', (12.076, 9.273, 1.213), (248.7824, -108.0635, 824.351), 10.21),
        ],
    )
    def test_cubic_crystals(self, text, run, constants, compliance, bulk):
        """The compliance of zif8 has no blanks between its columns, its last K is one of three."""
        output = parse_stdout(text[run])
        elastic = output.elastic
        assert output.is_elastic_run
        assert elastic.complete
        assert (elastic.unit, elastic.dimensionality, elastic.crystal_system) == ('GPa', 3, 'CUBIC')
        np.testing.assert_array_equal(elastic.constants_gpa, cubic(*constants))
        np.testing.assert_array_equal(elastic.compliance_per_tpa, cubic(*compliance))
        assert elastic.bulk_modulus_gpa == bulk
        assert elastic.constants_hartree is None

    def test_averages(self, text):
        """Of CRYSTAL14, whose Poisson ratio has two decimals, and of a crystal with a negative Reuss modulus."""
        moduli = parse_stdout(text['mgo_elastic_c14']).elastic.moduli
        assert (moduli.bulk_voigt_gpa, moduli.bulk_reuss_gpa, moduli.bulk_hill_gpa) == (470.57, 470.57, 470.57)
        assert (moduli.shear_voigt_gpa, moduli.shear_reuss_gpa, moduli.shear_hill_gpa) == (339.87, 329.35, 334.61)
        assert (moduli.young_hill_gpa, moduli.poisson_hill) == (811.48, 0.21)
        assert parse_stdout(text['e1674_elastic']).elastic.moduli.shear_reuss_gpa == -2.78

    def test_slab(self, text):
        """Graphene, CRYSTAL22: hartree per cell, no moduli; 375 N/m after division by the area of the cell."""
        elastic = parse_stdout(text['graphene_elastic']).elastic
        assert elastic.complete
        assert (elastic.unit, elastic.dimensionality, elastic.preoptimised) == ('hartree', 2, True)
        expected = [[4.479, 0.982, 0.0], [0.982, 4.479, 0.0], [0.0, 0.0, 1.749]]
        np.testing.assert_array_equal(elastic.constants_hartree, expected)
        assert elastic.constants_gpa is None
        assert elastic.moduli is None
        assert elastic.bulk_modulus_gpa is None
        area = 2.45205264**2 * np.sin(np.radians(120))
        assert elastic.newton_per_metre(area)[0, 0] == pytest.approx(375.0, abs=0.1)

    def test_setting(self, text):
        """Echo of the block; the volume of zif8 is printed as asterisks."""
        elastic = parse_stdout(text['zif8_p0_elastic']).elastic
        assert (elastic.strain_step, elastic.n_points, elastic.fit_order) == (0.01, 3, 'SECOND')
        assert elastic.volume_angstrom3 is None
        assert elastic.density_g_per_cm3 == 0.9061
        assert elastic.pressure_gpa is None
        assert parse_stdout(text['mgo_elastic_c14']).elastic.volume_angstrom3 == 14.652709

    def test_strains(self, text):
        """A warning stands inside the table of energies of 1674.out."""
        elastic = parse_stdout(text['e1674_elastic']).elastic
        assert elastic.lower_than_reference
        assert [strain.component for strain in elastic.strains] == [1, 4]
        shear = elastic.strains[1]
        assert shear.complete
        np.testing.assert_array_equal(shear.matrix, [[0, 0, 0], [0, 0, 1], [0, 1, 0]])
        assert shear.displacements == [-0.01, 0.0, 0.01]
        assert shear.energies_hartree == [-622.38170277, -622.38169997, -622.38170277]
        assert shear.deltas_hartree == [-2.8054316772e-06, 0.0, -2.8047531941e-06]
        assert (shear.constants['c44'], shear.unit) == (-1.62813559, 'GPa')

    def test_strains_with_printed_geometries(self, text):
        """Hundreds of lines of geometry stand between the strain and its energies (PRINT), in zif8."""
        first = parse_stdout(text['zif8_p0_elastic']).elastic.strains[0]
        np.testing.assert_array_equal(first.matrix, np.diag([1.0, 0.0, 0.0]))
        assert first.energies_hartree == [-13849.719422, -13849.719741, -13849.719376]
        assert first.constants['c11'] == 12.07581814

    def test_fits(self, text):
        """The tables of fewer points of zif8."""
        fits = parse_stdout(text['zif8_p0_elastic']).elastic.fits
        assert [(fit.n_points, fit.order, fit.bulk_modulus_gpa) for fit in fits] == [
            (2, 1, 10.30),
            (3, 1, 10.11),
            (3, 2, 10.21),
        ]
        np.testing.assert_array_equal(fits[0].constants, cubic(12.208, 9.347, 1.219))
        np.testing.assert_array_equal(fits[1].compliance_per_tpa, cubic(253.9322, -110.4884, 828.1843))

    def test_velocities_and_stability(self, text):
        """An unstable crystal (1674.out) has one direction with real velocities."""
        unstable = parse_stdout(text['e1674_elastic']).elastic
        assert unstable.negative_eigenvalues
        assert [velocity.direction for velocity in unstable.velocities] == [(1.0, 1.0, 1.0)]
        stable = parse_stdout(text['zif8_p0_elastic']).elastic
        assert not stable.negative_eigenvalues
        assert len(stable.velocities) == 7
        along = stable.velocities[3]
        assert (along.direction, along.longitudinal, along.shear_fast, along.shear_slow) == (
            (1.0, 1.0, 0.0),
            3.622,
            1.244,
            1.157,
        )
        assert stable.stability == {'C11 - C12 > 0': True, 'C11 + 2*C12 > 0': True, 'C44 > 0': True}

    def test_failed_run_is_recognised(self, text):
        """An SCF failed at the first strain; forces had warned before."""
        output = parse_stdout(text['failed_elastic'])
        assert output.is_elastic_run
        assert not output.succeeded
        assert output.elastic.needs_optimisation
        assert output.elastic.constants is None
        assert not output.elastic.complete
        assert not output.elastic.strains[0].complete

    def test_other_runs_have_none(self, corpus):
        output = parse_stdout(next(corpus.glob('mgo_scf_c14/*.out')))
        assert output.elastic is None
        assert not output.is_elastic_run


class TestCut:
    """Outputs that stop."""

    pytestmark = pytest.mark.corpus

    @pytest.mark.parametrize('run', [run for run in OUTPUTS if run != 'failed_elastic'])
    def test_complete_only_after_the_end_of_the_results(self, text, run):
        whole = text[run]
        end = whole.index(LAST_RESULT)
        start = whole.index('ELASTIC CALCULATION')
        cuts = np.linspace(start, end, 25, dtype=int)
        for cut in cuts:
            output = parse_stdout(whole[:cut])
            assert not (output.elastic is not None and output.elastic.complete), cut
        assert not parse_stdout(whole[: start - 200]).is_elastic_run

    def test_table_cut_between_rows(self, text):
        """Three rows of six are no matrix of a slab."""
        whole = text['zif8_p0_elastic']
        lines = whole.split('\n')
        title = next(i for i, line in enumerate(lines) if 'SYMMETRIZED ELASTIC CONSTANTS' in line)
        for rows in range(1, 6):
            elastic = parse_stdout('\n'.join(lines[: title + 2 + rows])).elastic
            assert elastic.constants is None
        elastic = parse_stdout('\n'.join([*lines[: title + 5], *lines[title + 8 :]])).elastic
        assert elastic.constants is None

    def test_terminated_without_result(self, text):
        """A run that ended without its table has not succeeded."""
        whole = text['mgo_elastic_c14']
        start, end = whole.index(' SYMMETRIZED ELASTIC'), whole.index(' TTTTTTTTTTTTTTTTTTTTTTTTTTTTTT END')
        output = parse_stdout(whole[:start] + whole[end:])
        assert output.terminated
        assert output.is_elastic_run
        assert not output.elastic.complete
        assert not output.succeeded


class TestLayouts:
    """Layouts no corpus file has, known from public files: made from corpus files here."""

    pytestmark = pytest.mark.corpus

    def test_pressure(self, text):
        """As in a run of CRYSTAL17 with PRESSURE 0.2 among the examples of CRYSTALpytools."""
        whole = text['zif8_p0_elastic'].replace(
            ' SYMMETRIZED ELASTIC', ' ELASTIC PROPERTIES AT PRESSURE (GPa) =   0.200\n\n\n SYMMETRIZED ELASTIC'
        )
        elastic = parse_stdout(whole).elastic
        assert elastic.pressure_gpa == 0.2
        assert elastic.constants[0, 0] == 12.076
        assert elastic.complete

    def test_polymer(self, text):
        """As in a nanotube of CRYSTAL22 there: one row, and a strain of one number."""
        whole = text['graphene_elastic']
        for old, new in {
            '  |   1.0   0.0 |\n  |   0.0   0.0 |': '  |   1.0 |',
            ' |     4.479    0.982    0.000 |\n': ' |   102.835 |\n',
            ' |              4.479    0.000 |\n |                       1.749 |\n': '',
        }.items():
            assert old in whole
            whole = whole.replace(old, new)
        elastic = parse_stdout(whole).elastic
        np.testing.assert_array_equal(elastic.constants_hartree, [[102.835]])
        np.testing.assert_array_equal(elastic.strains[0].matrix, [[1.0]])
        assert elastic.dimensionality == 1
        assert elastic.newton_per_metre(1.0) is None

    def test_noise_inside_the_table(self, text):
        whole = text['mgo_elastic_c14'].replace(
            ' |           1024.920', ' PROCESS            3  OF            4  WORKING\n |           1024.920'
        )
        np.testing.assert_array_equal(parse_stdout(whole).elastic.constants, cubic(1024.920, 193.388, 289.268))


class TestCells:
    """Columns of nine characters."""

    def test_glued(self):
        row = ' |  248.7824-108.0635-108.0635   0.0000   0.0000   0.0000 |'
        assert cells(row, 6) == [248.7824, -108.0635, -108.0635, 0.0, 0.0, 0.0]

    def test_glued_without_a_sign(self):
        assert cells(' | 1248.78241108.0635 |', 2) == [1248.7824, 1108.0635]

    def test_overflow(self):
        values = cells(' | *********-108.0635 |', 2)
        assert np.isnan(values[0])
        assert values[1] == -108.0635

    def test_damaged(self):
        assert cells(' |  248.7824-10x.0635 |', 2) is None
        assert cells(' |  248.7824 |', 2) is None

    def test_upper_triangle(self):
        rows = [
            ' |     4.479    0.982    0.000 |',
            ' |              4.479    0.000 |',
            ' |                       1.749 |',
        ]
        np.testing.assert_array_equal(triangle(rows), [[4.479, 0.982, 0.0], [0.982, 4.479, 0.0], [0.0, 0.0, 1.749]])
        assert triangle(rows[:2]) is None
        assert triangle([rows[0], rows[2], rows[1]]) is None


PIEZO = """
 EEEEEEEEEE STARTING  DATE 01 01 2020 TIME 00:00:00.0
 title
 DIRECT PIEZOELECTRIC TENSOR, IN C/M^2

 |    0.000    0.000    0.000    0.000   -0.500    0.000 |
 |    0.000    0.000    0.000   -0.500    0.000    0.000 |
 |   -0.600   -0.600    1.200    0.000    0.000    0.000 |

"""


class TestPiezoelectric:
    """No real output was seen: a table of the form of the elastic ones is kept with its title."""

    def test_table_by_its_unit(self):
        output = parse_stdout(PIEZO)
        assert output.is_piezoelectric_run
        assert output.piezoelectric.direct_c_per_m2[2].tolist() == [-0.6, -0.6, 1.2, 0.0, 0.0, 0.0]
        assert output.piezoelectric.converse_pm_per_v is None
        assert not output.piezoelectric.complete

    def test_cut(self):
        output = parse_stdout(PIEZO[: PIEZO.index('-0.600')])
        assert output.piezoelectric.tables == []

    def test_photoelastic(self):
        rows = '\n'.join(' |' + ' ' + '    0.250' * 6 + ' |' for _ in range(6))
        output = parse_stdout(f' EEEEEEEEEE STARTING  DATE 01\n t\n PHOTOELASTIC CONSTANTS\n\n{rows}\n\n')
        assert output.is_photoelastic_run
        assert output.photoelastic.constants.shape == (6, 6)
