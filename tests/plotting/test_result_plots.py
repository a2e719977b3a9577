"""Pictures of equations of state, convergences and thermal properties: what is drawn, from known numbers."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.plotting.convergence import ConvergencePlotData, plot_convergence
from aiida_crystalmath.plotting.data import Caption
from aiida_crystalmath.plotting.eos import EosPlotData, plot_eos
from aiida_crystalmath.plotting.quasi_harmonic import ThermalPlotData, plot_quasi_harmonic

CAPTION = Caption('MgO', 'PBE', 'STAND-IN', 7)
VOLUMES = np.linspace(17, 20, 7)
ENERGIES = -275 + 0.01 * (VOLUMES - 18.5) ** 2


@pytest.fixture
def drawn(monkeypatch):
    """Return the figures that are saved, in order."""
    from matplotlib.figure import Figure

    figures = []
    monkeypatch.setattr(Figure, 'savefig', lambda figure, *_, **__: figures.append(figure))
    return figures


def test_equation_of_state(drawn, tmp_path):
    """Energies in meV above the lowest point; every fit is a curve, inside the range of the points only."""
    wide = np.linspace(10, 30, 401)
    curves = {'birch_murnaghan': (wide, -275 + 0.01 * (wide - 18.5) ** 2)}
    plot_eos(EosPlotData(VOLUMES, ENERGIES, 'volume (Å³)', curves, '$V_0$ = 18.500 Å³', CAPTION), tmp_path / 'eos.png')
    (axes,) = drawn[0].axes
    curve, points = axes.lines
    assert curve.get_label() == 'birch-murnaghan'
    assert (curve.get_xdata().min(), curve.get_xdata().max()) == (17, 20)
    assert points.get_ydata().max() == pytest.approx(0.01 * 1.5**2 * 27211.386, rel=1e-6)
    assert axes.get_legend().get_title().get_text() == '$V_0$ = 18.500 Å³'
    assert 'STAND-IN' in [text.get_text() for text in drawn[0].texts]


def test_convergence(drawn, tmp_path):
    """Sizes of the differences, the reference left out; the times beside them."""
    data = ConvergencePlotData('SHRINK', ['2', '4', '6'], [-30.0, 0.5, 0.0], [1.0, None, 9.0], 1.0, 1, CAPTION)
    plot_convergence(data, tmp_path / 'convergence.png')
    axes, cost = drawn[0].axes
    assert axes.lines[0].get_ydata() == pytest.approx([30.0, 0.5])
    assert axes.get_yscale() == 'log'
    assert [bar.get_height() for bar in cost.patches] == [1.0, 9.0]
    assert [text.get_text() for text in axes.texts] == ['recommended']


def test_thermal_properties(drawn, tmp_path):
    """A panel for each quantity there is; expansion in millionths."""
    temperatures = np.array([10.0, 300.0, 600.0])
    curves = {'volume_angstrom3': np.array([18.0, 18.1, 18.3]), 'expansion_per_k': np.array([0, 2e-5, 3e-5])}
    plot_quasi_harmonic(ThermalPlotData(temperatures, curves, CAPTION), tmp_path / 'thermal.png')
    volume, expansion = drawn[0].axes
    assert volume.lines[0].get_ydata() == pytest.approx([18.0, 18.1, 18.3])
    assert expansion.lines[0].get_ydata() == pytest.approx([0, 20, 30])
