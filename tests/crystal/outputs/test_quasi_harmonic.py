"""The quasi-harmonic run of the corpus (corundum, CRYSTAL14); every value read by eye in the file."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

PATH = 'corundum_qha/propinp_Al2O3crys.out'
pytestmark = pytest.mark.corpus


@pytest.fixture(scope='module')
def output(request):
    return parse_stdout(request.getfixturevalue('corpus') / PATH)


def test_frequencies_against_volume(output):
    """Lines 21157 to 21878."""
    result = output.quasi_harmonic
    assert result.complete and result.zero_point_included
    assert result.volumes_angstrom3.tolist() == [256.8676, 264.8122, 272.9187, 281.1886]
    assert result.frequencies_cm1.shape == (90, 4) and len(result.irreps) == 90
    assert result.frequencies_cm1[89].tolist() == [863.5826, 834.8443, 808.1746, 782.4412]
    assert result.irreps[88:] == (2, 4)
    assert result.energies_hartree.tolist() == [-4263.437170374, -4263.443949744, -4263.437833105, -4263.419954286]
    assert output.frequencies.frequencies_cm1 == pytest.approx(np.sort(result.frequencies_cm1[:, 0]))


def test_tables_against_temperature(output):
    """Lines 21983, 22098 and 22206 (298.48 K), 25396 (0 GPa) and 27540 (9.83 GPa)."""
    result = output.quasi_harmonic
    row = 24
    grueneisen, helmholtz = result.grueneisen, result.helmholtz
    assert len(result.grueneisen_fits) == len(result.helmholtz_fits) == 1
    assert grueneisen.polynomial_order == helmholtz.polynomial_order == 2
    assert grueneisen.temperatures_k[row] == helmholtz.temperatures_k[row] == 298.48
    assert (grueneisen.expansion_per_k[row], grueneisen.grueneisen[row]) == (0.17167e-4, 1.366)
    assert grueneisen.cp_minus_cv_j_per_mol_k[row] == 3.2373 and grueneisen.lattice_angstrom is None
    assert (helmholtz.volumes_angstrom3[row], helmholtz.bulk_modulus_gpa[row]) == (268.0535, 221.619)
    assert (helmholtz.adiabatic_bulk_modulus_gpa[row], helmholtz.sp_minus_sv_j_per_mol_k[row]) == (223.367, 7.890)
    assert helmholtz.lattice_angstrom[row].tolist() == [4.8476, 4.8476, 13.1716]
    assert helmholtz.lattice_expansion_per_k[row].tolist() == [0.59855e-5, 0.59855e-5, 0.65159e-5]
    assert [table.pressure_gpa for table in result.at_pressure][:3] == [0.0, 1.09, 2.18]
    last = result.at_pressure[-1]
    assert len(result.at_pressure) == 10 and last.pressure_gpa == 9.83
    assert (last.volumes_angstrom3[0], last.bulk_modulus_gpa[0]) == (256.865, 263.897)
    assert last.lattice_angstrom[-1].tolist() == [4.8150, 4.8150, 13.0731]


def test_pressure_volume_temperature(output):
    pvt = output.quasi_harmonic.pvt
    assert pvt.complete and pvt.volumes_angstrom3.shape == (3000,)
    assert (pvt.temperatures_k[0], pvt.volumes_angstrom3[0], pvt.pressures_gpa[0]) == (10.0, 256.868, 9.828)
    assert (pvt.helmholtz_hartree[0], pvt.gibbs_hartree[0]) == (-4263.336025683, -4262.756991487)
    assert pvt.pressures_gpa[-1] == -4.363


def test_thermodynamics_at_every_temperature(output):
    """Of the first volume; line 5147 is 298.48 K."""
    functions = output.frequencies.thermodynamics
    assert len(functions) == 100 and all(block.complete for block in functions)
    assert [block.temperature_k for block in functions[::99]] == [10.0, 1200.0]
    assert functions[24].temperature_k == 298.48
    assert functions[24].gibbs_hartree == -4263.346901286856
    assert functions[24].electronic_hartree == functions[0].electronic_hartree


def test_warnings_between_rows(corpus):
    text = (corpus / PATH).read_text()
    row = '    10.00     257.706       8.973'
    found = parse_stdout(text.replace(row, '\n WARNING - PRESSURE OUT OF RANGE - INCREASE VOLUME RANGE\n\n' + row))
    assert len(found.quasi_harmonic.pvt.temperatures_k) == 3000
    overflow = text.replace('298.48     268.0535     221.619', '298.48     268.0535     *******')
    assert np.isnan(parse_stdout(overflow).quasi_harmonic.helmholtz.bulk_modulus_gpa[24])


def test_a_cut_run_is_not_complete(corpus):
    text = (corpus / PATH).read_text()
    at = text.index('THERMAL PROPERTIES FROM HELMHOLTZ FREE ENERGY AT P =   5.46')
    result = parse_stdout(text[: at + 3000]).quasi_harmonic
    assert not result.complete
    assert [table.pressure_gpa for table in result.at_pressure] == [0.0, 1.09, 2.18, 3.28, 4.37]
    damaged = text.replace('   834.8443       4\n', '\n')
    assert not parse_stdout(damaged).quasi_harmonic.complete
    assert parse_stdout(text[: text.index('FOUND CONTINUITY') + 500]).quasi_harmonic.frequencies_cm1 is None


@pytest.mark.filterwarnings('error')
def test_an_irrep_that_cannot_be_read_leaves_no_table(corpus):
    """Row 1 of mode 1 (line 21163)."""
    row = '     256.8676      0.0000    '
    text = (corpus / PATH).read_text().replace(f'{row}   4', f'{row}****', 1)
    result = parse_stdout(text).quasi_harmonic
    assert result.frequencies_cm1 is None and result.irreps == () and not result.complete
