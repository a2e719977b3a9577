"""The table of gaps: every row from a run that was recorded, and what disagrees is said."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_crystalmath.workflows.multicode.converters.compare_gaps import QUANTITIES, compare_gaps
from aiida_crystalmath.workflows.multicode.converters.quasiparticle_edges import quasiparticle_edges


def table_of(path):
    """Return the numbers of an o-file."""
    rows = [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith('#')]
    return np.array([[float(word) for word in row] for row in rows])


@pytest.fixture
def quasiparticles(yambo_corpus):
    """Return the corrections of the recorded G0W0 run of silicon: k-point, band, Eo, E-Eo, Sc|Eo."""
    rows = table_of(yambo_corpus / 'gw_ppa_mpi2' / 'o-gw.qp')
    node = orm.ArrayData()
    for name, column in (('kpoints', 0), ('bands', 1)):
        node.set_array(name, rows[:, column].astype(int))
    for name, column in (('e0_ev', 2), ('de_ev', 3)):
        node.set_array(name, rows[:, column])
    return node


@pytest.fixture
def excitons(yambo_corpus):
    """Return the excitons of the recorded Bethe-Salpeter run, sorted by energy: energy, strength, index."""
    rows = table_of(yambo_corpus / 'bse_diago_mpi2' / 'o-bse.exc_qpt1_E_sorted')
    node = orm.ArrayData()
    node.set_array('energies_ev', rows[:, 0])
    node.set_array('strengths', rows[:, 1])
    return node


@pytest.fixture
def kpoints(pw_nscf):
    """Return the k-points of the nscf run, which Yambo numbers in the same order."""
    points = orm.KpointsData()
    points.set_kpoints(pw_nscf['bands'].get_kpoints())
    return points


def rows_of(results):
    return {row['quantity']: row for row in results['comparison'].get_dict()['rows']}


@pytest.mark.corpus
def test_edges_of_quasiparticles(quasiparticles, kpoints):
    """The direct gap at Γ goes from 2.554 to 3.079 eV, as o-gw.qp has it (bands 4 and 5 at k-point 1)."""
    by = {(int(k), int(b)): row for k, b, row in zip(*(quasiparticles.get_array(name) for name in ('kpoints', 'bands')),
          quasiparticles.get_array('e0_ev') + quasiparticles.get_array('de_ev'), strict=True)}  # fmt: skip
    edges = quasiparticle_edges(quasiparticles, kpoints)['edges'].get_dict()
    assert edges['gap_direct_ev'] == pytest.approx(by[1, 5] - by[1, 4], abs=2e-3)
    # Levels that are degenerate in DFT are 2 meV apart after the corrections: the smallest gap is not of 4 and 5.
    assert edges['gap_direct_ev'] == pytest.approx(3.079, abs=2e-3)
    assert edges['dft']['gap_direct_ev'] == pytest.approx(2.554, abs=1e-3)
    assert edges['direct_kpoints'] == [[0, 0, 0]]
    assert (edges['n_filled'], edges['bands']) == ([3], [2, 3, 4, 5, 6, 7])
    assert (edges['gap_kind'], edges['n_kpoints']) == ('indirect', 8)


@pytest.mark.corpus
def test_numbers_of_kpoints_need_points(quasiparticles):
    results, node = quasiparticle_edges.run_get_node(quasiparticles)
    assert node.exit_status == 400
    assert 'give `kpoints`' in node.exit_message
    assert not results


@pytest.mark.corpus
def test_points_may_come_with_the_quasiparticles(quasiparticles, kpoints):
    by_node = quasiparticle_edges(quasiparticles, kpoints)['edges'].get_dict()
    quasiparticles = quasiparticles.clone()
    quasiparticles.set_array('kpoints_rlu', kpoints.get_kpoints())
    own = quasiparticle_edges(quasiparticles)['edges'].get_dict()
    assert {key: own[key] for key in own if key != 'source'} == {key: by_node[key] for key in own if key != 'source'}


@pytest.mark.corpus
def test_bands_that_are_filled_may_be_said(quasiparticles, kpoints):
    by_zero = quasiparticle_edges(quasiparticles, kpoints)['edges'].get_dict()
    by_number = quasiparticle_edges(quasiparticles, kpoints, orm.Dict({'n_filled': 4}))['edges'].get_dict()
    assert by_number['gap_ev'] == by_zero['gap_ev']
    assert (by_number['filled_by'], by_zero['filled_by']) == ('n_filled', 'fermi_energy')


@pytest.mark.corpus
def test_the_whole_table(pw_nscf, quasiparticles, kpoints, excitons, silicon):
    """Every row has a value that a run printed, its source, and k-points where there are any."""
    from aiida_crystalmath.workflows.multicode.converters.band_edges import band_edges

    dft = band_edges(pw_nscf['bands'], pw_nscf['parameters'])['edges']
    qp = quasiparticle_edges(quasiparticles, kpoints)['edges']
    results = compare_gaps(dft=dft, quasiparticle=qp, excitons=excitons, structure=silicon)
    rows = rows_of(results)
    content = results['comparison'].get_dict()
    assert set(rows) | set(content['missing']) >= set(QUANTITIES) - {'dark_gap'}
    assert all(row['sources'][0]['uuid'] for row in rows.values())
    assert rows['dft_gap_direct']['value_ev'] == pytest.approx(2.554, abs=1e-3)
    assert rows['qp_gap_direct']['kpoints'] == {'both': [[0, 0, 0]]}
    assert content['scissor_ev'] == pytest.approx(3.079 - 2.554, abs=2e-3)
    energies, strengths = excitons.get_array('energies_ev'), excitons.get_array('strengths')
    lowest = energies[strengths >= 0.01 * strengths.max()].min()
    assert rows['optical_gap']['value_ev'] == pytest.approx(lowest)
    binding = rows['exciton_binding_energy']
    assert binding['value_ev'] == pytest.approx(rows['qp_gap_direct']['value_ev'] - lowest)
    assert {source['uuid'] for source in binding['sources']} >= {excitons.uuid, qp.uuid}
    assert not {'crystal_gap', 'crystal_gap_direct'} & set(rows)
    assert content['missing']['crystal_gap'] == 'nothing of crystal was given'
    assert content['warnings'] == []


@pytest.mark.corpus
def test_binding_energy_is_of_what_the_excitons_were_built_on(quasiparticles, kpoints, excitons):
    qp = quasiparticle_edges(quasiparticles, kpoints)['edges']
    values = {}
    for settings in ({}, {'built_on': 'dft'}, {'built_on': 'scissor', 'scissor_ev': 0.7}):
        row = rows_of(compare_gaps(quasiparticle=qp, excitons=excitons, settings=orm.Dict(settings)))
        values[settings.get('built_on')] = row['exciton_binding_energy']
    assert values['scissor']['value_ev'] == pytest.approx(values['dft']['value_ev'] + 0.7)
    assert values[None]['value_ev'] - values['dft']['value_ev'] == pytest.approx(0.525, abs=2e-3)
    assert 'scissor of 0.7 eV' in values['scissor']['method']
    # Below the DFT gap there is no exciton: said, not hidden.
    assert values['dft']['value_ev'] < 0
    assert 'no bound exciton' in values['dft']['warning']


@pytest.mark.corpus
def test_without_quasiparticles_there_is_no_binding_energy(excitons):
    rows = compare_gaps(excitons=excitons)['comparison'].get_dict()
    assert [row['quantity'] for row in rows['rows']] == ['optical_gap']
    assert rows['missing']['exciton_binding_energy'] == 'the direct gap of the quasi-particles is not known'


def test_dark_excitons_are_not_the_optical_gap():
    node = orm.ArrayData()
    node.set_array('energies_ev', np.array([2.0, 2.5, 3.0]))
    node.set_array('strengths', np.array([1e-6, 0.4, 1.0]))
    rows = rows_of(compare_gaps(excitons=node))
    assert (rows['dark_gap']['value_ev'], rows['optical_gap']['value_ev']) == (2.0, 2.5)
    node = node.clone()
    node.set_array('bright', np.array([False, False, True]))  # the node's own word counts more
    assert rows_of(compare_gaps(excitons=node))['optical_gap']['value_ev'] == 3.0


def test_nothing_gives_no_table():
    _, node = compare_gaps.run_get_node(crystal=orm.Dict({'is_metal': True}))
    assert node.exit_status == 404
    _, node = compare_gaps.run_get_node(settings=orm.Dict({'built_on': 'hope'}))
    assert node.exit_status == 403


def edges(vbm, cbm, **others):
    kind = 'direct' if vbm == cbm else 'indirect'
    return orm.Dict({'gap_ev': 1.0, 'gap_kind': kind, 'vbm_kpoints': [vbm], 'cbm_kpoints': [cbm], **others})


G, X, X2, L = [0.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0], [0.5, 0.5, 0.5]


def warnings_of(**inputs):
    return compare_gaps(**inputs)['comparison']['warnings']


def test_edges_that_disagree_are_told(generate_structure):
    structure = generate_structure('MgO')
    lines = warnings_of(crystal=edges(G, G), dft=edges(G, X), structure=structure)
    assert lines[0] == 'the gap is direct for CRYSTAL and indirect for DFT'
    assert 'conduction bands begin at (0, 0, 0) for CRYSTAL' in lines[1]
    assert '(0.5, 0, 0.5) for DFT' in lines[1] and '1/Å apart' in lines[1]
    assert len(lines) == 2


def test_kpoints_that_symmetry_makes_equal_agree(generate_structure):
    """X along x and X along y, points a reciprocal vector apart, and k and -k."""
    structure = generate_structure('MgO')
    assert warnings_of(crystal=edges(G, X), dft=edges(G, X2), structure=structure) == []
    assert warnings_of(crystal=edges(G, X), dft=edges(G, [-0.5, 1.0, 0.5])) == []
    assert warnings_of(crystal=edges(G, [0.25, 0, 0]), dft=edges(G, [-0.25, 0, 0])) == []
    assert len(warnings_of(crystal=edges(G, X), dft=edges(G, X2))) == 1  # without the structure they are two points
    assert len(warnings_of(crystal=edges(G, X), dft=edges(G, L), structure=structure)) == 1


def test_what_the_stand_in_computed_is_told():
    lines = warnings_of(crystal=edges(G, G, engine='STAND-IN'), dft=edges(G, G))
    assert lines == ['what stands for CRYSTAL is of the STAND-IN engine, not of CRYSTAL']


def test_metals_are_told():
    assert warnings_of(crystal=edges(G, G), dft=orm.Dict({'is_metal': True})) == ['DFT found a metal']
