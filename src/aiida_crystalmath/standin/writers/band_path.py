"""The k-points of a BAND block: how CRYSTAL spreads NSUB points over the segments of a path.

Read off real outputs: the path has NSUB - 1 steps over its whole length, each segment gets its share rounded (at least
one), and its first point is left out when it is the last one of the segment before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import BOHR_PRINTED

Real = NDArray[np.float64]
Point = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Segment:
    """One line of the path.

    :param start: integer coordinates in units 1/ISS.
    :param fractional: of its points, shape (n, 3).
    :param distances: of its points from the start of the path, bohr⁻¹; a jump between segments has no length.
    :param steps: intervals between the ends.
    :param step: length of one interval, bohr⁻¹.
    :param first: index of its first point in the path.
    """

    start: Point
    end: Point
    fractional: Real
    distances: Real
    steps: int
    step: float
    first: int

    @property
    def joins(self) -> bool:
        """Whether it starts where the segment before ended, so that its first point is left out."""
        return len(self.fractional) == self.steps

    @property
    def last(self) -> int:
        """Index of its last point in the path."""
        return self.first + len(self.fractional) - 1


@dataclass(frozen=True, eq=False)
class BandPath:
    """A path through the Brillouin zone.

    :param iss: unit of the integer coordinates.
    :param reciprocal: reciprocal vectors as rows, with 2 pi, bohr⁻¹.
    """

    title: str
    iss: int
    n_sub: int
    segments: tuple[Segment, ...]
    reciprocal: Real

    @property
    def fractional(self) -> Real:
        """All points, shape (n, 3)."""
        return np.concatenate([segment.fractional for segment in self.segments])

    @property
    def distances(self) -> Real:
        """Distances of all points, bohr⁻¹."""
        return np.concatenate([segment.distances for segment in self.segments])

    @property
    def ticks(self) -> list[tuple[int, float, Point]]:
        """Index (from 0), distance and integer coordinates of the start and of the end of every segment."""
        first = self.segments[0]
        marks = [(0, float(first.distances[0]), first.start)]
        return marks + [(segment.last, float(segment.distances[-1]), segment.end) for segment in self.segments]


def band_path(
    cell: Real, iss: int, n_sub: int, ends: Sequence[tuple[Sequence[int], Sequence[int]]], title: str = ''
) -> BandPath:
    """Lay the points of a BAND block.

    :param cell: lattice vectors as rows, Å.
    :param ends: start and end of each segment in units 1/ISS.
    """
    reciprocal: Real = np.asarray(2.0 * np.pi * np.linalg.inv(cell / BOHR_PRINTED).T, dtype=float)
    lengths = [float(np.linalg.norm((np.array(end) - np.array(start)) / iss @ reciprocal)) for start, end in ends]
    unit = sum(lengths) / max(n_sub - 1, 1)
    segments: list[Segment] = []
    travelled, count = 0.0, 0
    for (start, end), length in zip(ends, lengths, strict=True):
        steps = max(1, round(length / unit)) if unit > 0.0 else 1
        joins = bool(segments) and tuple(segments[-1].end) == tuple(start)
        fractions = np.linspace(0.0, 1.0, steps + 1)[1 if joins else 0 :]
        first, last = np.array(start) / iss, np.array(end) / iss
        segments.append(
            Segment(
                start=_point(start),
                end=_point(end),
                fractional=first + fractions[:, None] * (last - first),
                distances=travelled + fractions * length,
                steps=steps,
                step=length / steps,
                first=count,
            )
        )
        travelled += length
        count += len(fractions)
    return BandPath(title, iss, n_sub, tuple(segments), reciprocal)


def _point(values: Sequence[int]) -> Point:
    first, second, third = (int(value) for value in values)
    return first, second, third
