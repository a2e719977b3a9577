"""Cells, groups and structures of real outputs, by hand, and of outputs that stop inside them."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.fort34 import read_fort34
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus


@pytest.fixture(scope='module')
def texts(corpus, truth):
    """Return the geometry blocks' part of every crystal output."""
    return {
        run: (corpus / run / values['file']).read_text(errors='replace')
        for run, values in truth.items()
        if values['program'] == 'crystal'
    }


@pytest.fixture(scope='module')
def outputs(texts):
    return {run: parse_stdout(text) for run, text in texts.items()}


def test_cells_are_the_true_ones(outputs, truth):
    """Every run, in every dimensionality: both cells, volume, atoms of the asymmetric unit."""
    compared = 0
    for run, output in outputs.items():
        values, report = truth[run], output.cell_report
        if report is None:
            assert values['cell_primitive'] is None, run
            continue
        cell = output.cell_primitive
        assert (list(cell.lengths_and_angles) if cell else None) == values['cell_primitive'], run
        assert (cell.volume_angstrom3 if cell else None) == values['volume_primitive'], run
        crystallographic = report.crystallographic
        assert (list(crystallographic.lengths_and_angles) if crystallographic else None) == values[
            'cell_crystallographic'
        ], run
        assert output.cell_conventional == (crystallographic or cell), run
        assert (report.n_atoms, report.n_asymmetric) == (values['n_atoms'], values['n_atoms_asym']), run
        assert report.complete and sum(report.asymmetric) == report.n_asymmetric, run
        compared += 1
    assert compared > 55


def test_groups_are_the_true_ones(outputs, truth):
    for run, output in outputs.items():
        values = truth[run]
        if values['group_kind'] and output.group.symbol:
            assert (output.group.kind, output.group.symbol) == (values['group_kind'], values['space_group']), run


def test_group_of_each_dimensionality(outputs):
    """Lines 72 of mgo_slab.out, 35 of w.out, 207 of the NiO deck's output."""
    layer = outputs['mgo_slab_testgeom'].group
    assert (layer.kind, layer.number, layer.symbol) == ('layer', 64, 'P 4/N M M')
    point = outputs['w_molecule_opt'].group
    assert (point.kind, point.number, point.symbol) == ('point', 15, 'MM2 OR C2V')
    assert outputs['w_molecule_opt'].space_group is None
    external = outputs['nio_sto3g_afm_scf'].group
    assert (external.kind, external.number, external.symbol) == ('space', 123, None)
    quartz = outputs['quartz_hf_freq'].group
    assert (quartz.symbol, quartz.centrosymmetric) == ('P 32 2 1', False)
    assert outputs['mgo_scf_c14'].group.centrosymmetric
    assert outputs['mgo_co_slab_scf'].group_lost and not outputs['mgo_scf_c14'].group_lost


def test_matrix_makes_the_conventional_cell(outputs):
    """Its printed columns are the conventional vectors: R cells tell it from its transpose (F and I cells do not)."""
    compared = []
    for run, output in outputs.items():
        report = output.cell_report
        if report is not None and report.transformation is not None:
            conventional = Geometry(report.transformation @ report.geometry.cell, 3, ())
            printed = report.crystallographic.lengths_and_angles
            assert conventional.cell_parameters == pytest.approx(printed, abs=2e-6), run
            compared.append(output.group and output.group.symbol)
    assert {'R -3 C', 'R -3 M', 'F M 3 M', 'I 4/M C M'} <= set(compared)


def test_crystallographic_coordinates_are_those_of_the_same_atoms(outputs):
    compared = 0
    for run, output in outputs.items():
        report = output.cell_report
        if report is None or report.crystallographic_coordinates is None:
            continue
        conventional = report.transformation @ report.geometry.cell
        apart = report.crystallographic_coordinates @ conventional - report.geometry.positions
        cells = apart @ np.linalg.inv(report.geometry.cell)
        assert np.allclose(cells, np.rint(cells), atol=1e-6), run
        compared += 1
    assert compared > 15


def test_block_of_magnesia(outputs):
    """mgo.out of CRYSTAL14, lines 84-104."""
    report = outputs['mgo_scf_c14'].initial_cell
    assert (report.centring, report.density_g_per_cm3) == (5, 3.559)
    assert report.labels == ['MG', 'O'] and report.numbers == [12, 8]
    assert report.primitive.volume_angstrom3 == 18.654615 and not report.primitive.volume_is_computed
    assert report.crystallographic.volume_angstrom3 == 74.618461
    assert report.crystallographic_coordinates.tolist() == [[0, 0, 0], [-0.5, -0.5, -0.5]]


def test_initial_and_final_cell_of_an_optimisation(outputs):
    """conv_mgoOpt.out: 4.217 Å before, 4.24021929 Å after."""
    output = outputs['mgo_opt_c22']
    assert output.initial_cell.crystallographic.a == 4.217
    assert output.final_cell.crystallographic.a == 4.24021929
    assert output.cell_conventional.a == 4.24021929
    killed = outputs['nio_opt_walltime']
    assert killed.final_cell is None and killed.final_geometry is None
    assert killed.cell_primitive == killed.initial_cell.primitive


def test_lower_dimensions(outputs):
    assert outputs['nano05_opt'].cell_primitive.lengths_and_angles[1:] == (500, 500, 90, 90, 90)
    assert outputs['graphene_elastic'].cell_conventional.lengths_and_angles[2:] == (500, 90, 90, 120)
    molecule = outputs['toluene_opt']
    assert molecule.cell_primitive is None and molecule.cell_conventional is None
    assert molecule.final_cell.complete and len(molecule.final_cell.geometry) == 15


def test_labels_of_spins_and_potentials(outputs):
    """LaFeO3 has lanthanum with a potential (257) and iron of two starting spins (FE, FE1)."""
    report = outputs['lafeo3_opt_c09'].initial_cell
    assert report.numbers[0] == 257 and report.labels[4:8] == ['FE', 'FE1', 'FE1', 'FE']
    assert report.geometry.sites[0].ecp and report.geometry.sites[0].number == 57


def test_ghosts_of_a_deck_are_ghosts(outputs):
    """adsorbate.out, line 260: MgO becomes ghosts, the oxygen on it stays."""
    geometry = outputs['co_adsorbate_scf'].final_geometry
    assert [site.ghost for site in geometry.sites] == [True] * 4 + [False] * 2
    assert geometry.formula == 'O2' and geometry.sites[0].number == 12


def test_geometry_is_the_one_of_fort34(corpus, outputs):
    """Final geometries against the files beside the outputs."""
    pairs = {
        'mgo_opt_c22': 'conv_mgoOpt.gui',
        'nio_walltime2_restart_opt': 'fort.34',
        'mgo_slab_testgeom': 'mgo_slab.gui',
        'mgo_co_slab_scf': 'system.gui',
    }
    compared = 0
    for run, name in pairs.items():
        other, ours = read_fort34((corpus / run / name).read_text()).geometry, outputs[run].cell_report.geometry
        if len(other) != len(ours) or not np.allclose(other.cell, ours.cell, atol=1e-6):
            continue
        cells = (other.positions - ours.positions) @ np.linalg.inv(ours.frame)
        periodic = list(ours.pbc)
        cells[:, periodic] -= np.rint(cells[:, periodic])
        assert np.abs(cells).max() < 1e-6, run
        compared += 1
    assert compared >= 2


def cut_after(text, words):
    """Return the text up to the end of the line that holds the words."""
    return text[: text.index('\n', text.index(words)) + 1]


def test_a_table_of_atoms_that_stops_is_no_geometry(texts):
    whole = texts['quartz_hf_freq']
    rows = cut_after(whole, 'ATOMS IN THE UNIT CELL:    9').count('\n')
    lines = whole.splitlines(keepends=True)
    for n in range(rows, rows + 11):
        output = parse_stdout(''.join(lines[:n]))
        assert output.initial_geometry is None and not output.initial_cell.complete, n
    assert parse_stdout(''.join(lines[: rows + 12])).initial_cell.complete


def test_rows_out_of_order_are_not_certain(texts):
    """A row printed twice counts once; rows swapped or lost leave no geometry."""
    lines = texts['quartz_hf_freq'].splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if 'ATOMS IN THE UNIT CELL:    9' in line) + 3
    doubled = lines[: first + 2] + lines[first + 1 :]
    whole, other = (parse_stdout(''.join(text)).initial_geometry for text in (lines, doubled))
    assert np.array_equal(whole.positions, other.positions)
    swapped = [*lines[:first], lines[first + 1], lines[first], *lines[first + 2 :]]
    for broken in (swapped, lines[:first] + lines[first + 1 :], lines[: first + 3] + lines[first + 4 :]):
        assert parse_stdout(''.join(broken)).initial_geometry is None


def test_overflowing_fields(texts):
    """A volume of asterisks is computed, a cell or a coordinate of asterisks is not read."""
    text = texts['mgo_scf_c14']
    cell = parse_stdout(text.replace('VOLUME=    18.654615', 'VOLUME= ************')).cell_primitive
    assert cell.volume_is_computed and cell.volume_angstrom3 == pytest.approx(18.654615, abs=1e-6)
    conventional = parse_stdout(text.replace('(VOLUME=         74.61846100)', '(VOLUME=********************)'))
    assert conventional.cell_conventional.volume_is_computed
    assert conventional.cell_conventional.volume_angstrom3 == pytest.approx(74.618461, abs=1e-6)
    broken = parse_stdout(text.replace('  -5.000000000000E-01 -5.000', '  ******************* -5.000'))
    assert broken.initial_geometry is None


def test_conventional_cell_from_the_matrix_alone(texts):
    """If the block CRYSTALLOGRAPHIC CELL is missing, the matrix and the vectors tell it, and the report says so."""
    text = texts['nio_tzvp_pbe0_opt'].replace(' CRYSTALLOGRAPHIC CELL (VOLUME', ' LOST')
    report = parse_stdout(text).final_cell
    assert report.crystallographic_is_computed
    expected = (2.96323108, 2.96323108, 14.48172881, 90, 90, 120)
    assert report.conventional.lengths_and_angles == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ('line', 'expected'),
    [
        (' POLYMER GROUP N.  4                  :  P 21 1 1', ('rod', 4, 'P 21 1 1')),
        (' TWO-SIDED PLANE GROUP N. 80          :  P 6/M M M       ', ('layer', 80, 'P 6/M M M')),
        (' SPACE GROUP N. : 14', ('space', 14, None)),
        (' SPACE GROUP N. :', None),
    ],
)
def test_lines_of_groups(line, expected):
    """The polymer's line is documented only."""
    group = parse_stdout(f' EEEEEEEEEE STARTING  DATE 1 TIME 2\n title\n{line}\n').group
    if expected is None:
        assert group is None or (group.number, group.symbol) == (None, None)
    else:
        assert (group.kind, group.number, group.symbol) == expected


def test_numbers_of_four_digits_and_ghosts_in_the_table(texts):
    """A third basis (1008) leaves no blank behind the letter; the number 0 is a ghost."""
    text = texts['mgo_scf_c14']
    sites = parse_stdout(text.replace('   2 T   8 O ', '   2 T1008 O ')).initial_geometry.sites
    assert (sites[1].number, sites[1].variant, sites[1].ecp) == (8, 10, False)
    sites = parse_stdout(text.replace('   2 T   8 O ', '   2 T   0 XX')).initial_geometry.sites
    assert sites[1].ghost and sites[1].number == 0
