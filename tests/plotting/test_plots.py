"""Plots: the data behind the picture is checked by value, the picture by its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.plotting.data import (
    BandsPlotData,
    Caption,
    DosPlotData,
    occupied_bands,
    path_distance,
)
from aiida_crystalmath.plotting.mpl import plot_bands, plot_bands_and_dos, plot_dos, pretty_label


def chain(n_k: int = 41, gap: float = 2.0) -> BandsPlotData:
    """The two bands of a dimerised chain, E = ±sqrt(t1² + t2² + 2 t1 t2 cos k): gap 2|t1 - t2| at k = π."""
    k = np.linspace(0.0, np.pi, n_k)
    t1, t2 = 2.0, 2.0 - gap / 2
    energy = np.sqrt(t1**2 + t2**2 + 2 * t1 * t2 * np.cos(k))
    return BandsPlotData(
        k,
        np.stack([-energy, energy], axis=1)[None],
        ((0, 'GAMMA'), (n_k - 1, 'X')),
        0.0,
        (1,),
        Caption('A2', 'model', 'STAND-IN', 7),
    )


def test_edges_of_a_dimerised_chain():
    edges = chain(gap=2.0).edges()
    assert edges.gap == pytest.approx(2.0)
    assert edges.is_direct
    assert edges.vbm_index == 40
    assert chain().zero() == (pytest.approx(-1.0), 'VBM')


def test_indirect_gap_is_told_from_a_direct_one():
    data = chain()
    energies = data.energies.copy()
    energies[0, 3, 1] = -0.5
    shifted = BandsPlotData(data.distance, energies, data.ticks, 0.0, (1,))
    assert not shifted.edges().is_direct
    assert shifted.edges().gap == pytest.approx(0.5)


def test_crossing_bands_have_no_gap_and_zero_at_fermi():
    data = chain()
    metal = BandsPlotData(data.distance, data.energies, data.ticks, 3.0, ())
    assert metal.edges() is None
    assert metal.zero() == (3.0, 'F')


def test_occupied_bands_counts_per_spin_and_refuses_crossings():
    bands = chain().energies
    assert occupied_bands(bands, 0.0) == (1,)
    assert occupied_bands(np.concatenate([bands, bands - 10.0]), 0.0) == (1, 2)
    assert occupied_bands(bands, 2.0) == ()


def test_path_has_no_step_at_a_break():
    kpoints = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 3, 0]], dtype=float)
    np.testing.assert_allclose(path_distance(kpoints, {1}), [0, 1, 1, 2])


@pytest.mark.parametrize(
    ('label', 'pretty'), [('GAMMA', 'Γ'), ('G', 'Γ'), ('X_1', 'X₁'), ('SIGMA_0', 'Σ₀'), ('K', 'K')]
)
def test_labels_as_in_papers(label, pretty):
    assert pretty_label(label) == pretty


def test_caption_says_what_engine():
    assert 'stand-in engine, not CRYSTAL' in Caption('MgO', 'PBE', 'STAND-IN', 3).text()
    assert 'stand-in' not in Caption('MgO', 'PBE', 'CRYSTAL', 3).text()


def dos() -> DosPlotData:
    energies = np.linspace(-12, 12, 300)
    peak = np.exp(-((np.abs(energies) - 3) ** 2))
    return DosPlotData(energies, peak[None], {'A': peak[None] * 0.7, 'B': peak[None] * 0.3}, 0.0, Caption('A2'))


def test_pictures_are_written_and_not_blank(tmp_path):
    from matplotlib.image import imread

    paths = [
        plot_bands(chain(), tmp_path / 'deep' / 'bands.png'),
        plot_dos(dos(), tmp_path / 'dos.png'),
        plot_bands_and_dos(chain(), dos(), tmp_path / 'both.png'),
    ]
    for path in paths:
        pixels = imread(path)[:, :, :3]
        assert pixels.shape[0] > 500
        assert 0.01 < float((pixels.min(axis=2) < 0.9).mean()) < 0.6
    red = imread(paths[0])[:30, :200, :3]
    assert ((red[..., 0] > 0.6) & (red[..., 1] < 0.5)).any(), 'a stand-in plot carries its mark'
