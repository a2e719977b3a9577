"""What all pictures share: matplotlib, the caption in the corner, and where a picture is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.plotting.data import Caption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ('COLOURS', 'WINDOW_EV', 'MissingExtraError', 'Request', 'pyplot', 'save', 'subplots')

COLOURS = ('#1f4e9c', '#c8442d', '#2e8b57', '#8e6bbf', '#d98e04', '#3a9fbf', '#7a5230', '#6b6b6b')
"""Colours of curves, in order."""

WINDOW_EV = (-10.0, 15.0)
"""Energies drawn by default, eV around the zero."""


class MissingExtraError(ImportError):
    """An optional library is not installed; the message names the extra that brings it."""


@dataclass(frozen=True)
class Request:
    """What is asked of a module that draws the outputs of a process.

    :param folder: where pictures go.
    :param stem: how their names begin.
    :param suffix: ``png``, ``pdf`` or ``svg``.
    :param caption: what is written in the corner.
    :param window: energies drawn of bands and densities, eV around the zero.
    :param results: ``output_parameters`` of the process, or of the wavefunction that it was made from.
    """

    folder: Path
    stem: str
    suffix: str = 'png'
    caption: Caption = field(default_factory=Caption)
    window: tuple[float, float] = WINDOW_EV
    results: Mapping[str, Any] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """Return the path of the picture called ``name``."""
        return self.folder / f'{self.stem}_{name}.{self.suffix}'


def pyplot() -> Any:
    """Return ``matplotlib.pyplot`` for drawing into files.

    :raises MissingExtraError: if matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as exception:
        raise MissingExtraError(
            'plots need matplotlib: pip install "aiida-crystalmath[plot]" (or [standin])'
        ) from exception
    matplotlib.use('Agg', force=False)
    from matplotlib import pyplot as module

    return module


def subplots(*shape: int, **options: Any) -> tuple[Figure, Any]:
    """Return a figure with room for the caption below, and its axes; the arguments are those of ``pyplot.subplots``.

    :raises MissingExtraError: if matplotlib is not installed.
    """
    figure, axes = pyplot().subplots(*shape, layout='constrained', **options)
    figure.get_layout_engine().set(rect=(0, 0.03, 1, 0.95))
    return figure, axes


def save(figure: Figure, caption: Caption, path: Path) -> Path:
    """Write the caption, and the mark of the stand-in if it is one's; save the figure and return its path."""
    figure.text(0.995, 0.005, caption.text(), ha='right', va='bottom', fontsize=7, color='0.35')
    if caption.is_standin:
        figure.text(0.005, 0.995, 'STAND-IN', ha='left', va='top', fontsize=8, color='#c8442d', weight='bold')
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160)
    pyplot().close(figure)
    return path
