"""Pictures of GW and BSE: what is drawn, from recorded runs of silicon and from known numbers."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from yambo_parameters import G0W0

from aiida_crystalmath.data.structure import to_geometry
from aiida_crystalmath.plotting import figures
from aiida_crystalmath.plotting.absorption import AbsorptionPlotData, plot_absorption
from aiida_crystalmath.plotting.data import Caption
from aiida_crystalmath.plotting.figure import Request
from aiida_crystalmath.plotting.quasiparticles import data_from_nodes, segments_through

MESH = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 1, 1], [0, 1, 2], [0, 1, 3], [0, 2, 2], [1, 2, 3]]) / 4
"""The irreducible points of a mesh 4 4 4 of an fcc lattice, in some order and of some images."""


@pytest.fixture
def drawn(monkeypatch):
    """Return the figures that are saved, in order."""
    from matplotlib.figure import Figure

    found = []
    monkeypatch.setattr(Figure, 'savefig', lambda figure, *_, **__: found.append(figure))
    return found


@pytest.fixture
def silicon(aiida_profile):
    a = 10.2 * 0.529177210903
    structure = orm.StructureData(cell=[[0, a / 2, a / 2], [a / 2, 0, a / 2], [a / 2, a / 2, 0]])
    structure.append_atom(position=(0, 0, 0), symbols='Si')
    structure.append_atom(position=(a / 4, a / 4, a / 4), symbols='Si')
    return structure


@pytest.fixture
def recorded(generate_calc_job_node, generate_parser, yambo_corpus, silicon):
    """Return the outputs of the recorded G0W0 of silicon, and what the chain would have beside them."""
    pytest.importorskip('h5py')
    folder = yambo_corpus / 'gw_ppa_mpi2'
    files = {f'out/{path.name}': path for path in folder.iterdir() if path.name[:2] in ('r-', 'l-', 'o-')}
    files['job/ndb.QP'] = folder / 'ndb.QP'
    node = generate_calc_job_node('crystalmath.yambo', files, {'parameters': orm.Dict(G0W0)})
    results, function = generate_parser('crystalmath.yambo').parse_from_node(node, store_provenance=False)
    assert function.is_finished_ok, function.exit_message
    handoff = orm.Dict({'n_filled_bands': 4, 'engine': 'STAND-IN'})
    return {**results, 'output_structure': silicon, 'crystal_handoff': handoff}


def test_all_states_with_their_own_zeros(recorded, drawn, tmp_path):
    """Both valence bands end at zero; corrections are drawn as computed, with no zero moved."""
    request = Request(tmp_path, 'Si', caption=Caption('Si', engine='yambo', pk=7))
    paths = figures.draw('YamboGWWorkChain', recorded, request)
    assert [path.name for path in paths] == ['Si_quasiparticles.png', 'Si_quasiparticle_bands.png']
    above, below = drawn[0].axes
    filled, empty = (points.get_offsets().data for points in above.collections)
    assert (len(filled), len(empty)) == (24, 24)
    assert filled.max(axis=0) == pytest.approx([0, 0])
    assert empty.min(axis=0) == pytest.approx([0.612049, 1.021], abs=1e-3)  # o-gw.qp and its report: indirect gaps
    states = recorded['output_quasiparticles']
    corrections = np.concatenate([points.get_offsets().data[:, 1] for points in below.collections])
    assert np.sort(corrections) == pytest.approx(np.sort(states.get_array('de_ev')))
    assert 'DFT 0.61 eV\nQP 1.02 eV' in above.texts[0].get_text()
    assert any('began with the STAND-IN engine' in text.get_text() for text in drawn[0].texts)


def test_bands_have_only_what_was_computed(recorded, drawn, tmp_path):
    """Of the path of Hinuma et al., lines with one computed point are left out; no point lies between the computed."""
    figures.draw('YamboGWWorkChain', recorded, Request(tmp_path, 'Si', caption=Caption('Si')))
    (axes,) = drawn[1].axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ['Γ', 'X|K', 'Γ', 'L', 'W', 'X']
    data = data_from_nodes(recorded, Caption())
    known = np.concatenate([data.dft, data.quasiparticle])
    shown = np.concatenate(
        [line.get_ydata() for line in axes.lines if line.get_marker() == 'o' and len(line.get_xdata())]
    )
    assert len(shown) == 2 * 6 * (3 + 2 + 3 + 2 + 2)
    assert np.abs(shown[:, None] - known).min(axis=1).max() < 1e-9
    assert 'computed k-points' in drawn[1].legends[0].get_title().get_text()


def test_points_of_a_mesh_on_the_path(silicon):
    """Γ-X has Γ, the middle and X; X-U only X, and is left out."""
    segments = segments_through(to_geometry(silicon), MESH)
    assert [(one.start, one.end, len(one.kpoints)) for one in segments] == [
        ('GAMMA', 'X', 3),
        ('K', 'GAMMA', 2),
        ('GAMMA', 'L', 3),
        ('L', 'W', 2),
        ('W', 'X', 2),
    ]
    for one in segments:
        assert list(one.places) == sorted(one.places)
        assert -1e-3 < one.places[0] and one.places[-1] < one.length + 1e-3
    assert segments[0].places == pytest.approx([0, segments[0].length / 2, segments[0].length], abs=2e-3)
    assert segments_through(to_geometry(silicon), MESH[:1]) == []


def test_without_knowing_what_is_filled_nothing_is_drawn(recorded, drawn, tmp_path):
    alone = {'output_quasiparticles': recorded['output_quasiparticles']}
    assert figures.draw('YamboCalculation', alone, Request(tmp_path, 'x')) == []
    # Of a job alone the occupations of its bands tell; no structure, no path.
    job = {**alone, 'output_bands': recorded['output_bands']}
    assert [path.name for path in figures.draw('YamboCalculation', job, Request(tmp_path, 'x'))] == [
        'x_quasiparticles.png'
    ]


def test_absorption_with_excitons(drawn, tmp_path):
    energies = np.linspace(0, 10, 11)
    data = AbsorptionPlotData(
        energies,
        energies**2,
        energies,
        np.array([2.0, 3.0, 4.0]),
        np.array([0.001, 1.0, 0.5]),
        np.array([False, True, True]),
        3.5,
        'on DFT and a scissor of 0.700 eV (estimated)',
        Caption('Si', engine='yambo', pk=7),
    )
    plot_absorption(data, tmp_path / 'absorption.png')
    axes, twin = drawn[0].axes
    by_name = {line.get_label(): line for line in axes.lines}
    assert by_name['with excitons'].get_ydata() == pytest.approx(energies**2)
    assert by_name['without excitons'].get_ydata() == pytest.approx(energies)
    assert by_name['direct gap 3.50 eV'].get_xdata() == [3.5, 3.5]
    (sticks,) = twin.collections
    assert [(stick[0][0], stick[1][1]) for stick in sticks.get_segments()] == [(3.0, 1.0), (4.0, 0.5)]
    assert sticks.get_label() == 'bright excitons, from 3.00 eV'
    assert twin.lines[0].get_xdata() == pytest.approx([2.0])
    assert 'scissor of 0.700 eV (estimated)' in drawn[0].legends[0].get_title().get_text()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ('photon energy (eV)', r'$\mathrm{Im}\,\varepsilon$')


def test_absorption_says_what_it_is_built_on(aiida_profile, aiida_localhost, drawn, tmp_path):
    """By the job that made the spectrum, so that the words cannot differ from the numbers; an estimate is labelled."""
    from aiida.common.links import LinkType

    job = orm.CalcJobNode(computer=aiida_localhost, process_type='aiida.calculations:crystalmath.yambo')
    parameters = orm.Dict({'kind': 'bse', 'scissor': {'shift_ev': 0.7}}).store()
    job.base.links.add_incoming(parameters, LinkType.INPUT_CALC, 'parameters')
    job.store()
    spectrum = orm.ArrayData()
    for name in ('energy_ev', 'eps_im'):
        spectrum.set_array(name, np.arange(5.0))
    spectrum.base.links.add_incoming(job, LinkType.CREATE, 'output_spectrum')
    label = 'estimated: fundamental gap of STAND-IN (PBE0) minus that of pw.x; no quasi-particles'
    outputs = {'output_spectrum': spectrum.store(), 'scissor': orm.Dict({'label': label})}
    request = Request(tmp_path, 'Si', caption=Caption('Si', engine='yambo'), results={'starting_gap_direct_ev': 3.25})
    assert [path.name for path in figures.draw('YamboBSEWorkChain', outputs, request)] == ['Si_absorption.png']
    title = ' '.join(drawn[0].legends[0].get_title().get_text().split())
    assert title == f'Si on DFT and a scissor of 0.700 eV ({label})'
    assert [line.get_label() for line in drawn[0].axes[0].lines] == ['with excitons', 'direct gap 3.25 eV']
