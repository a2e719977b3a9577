"""From a list of k-points to the straight lines of CRYSTAL's keyword BAND, and the labels of their ends.

Free of AiiDA. BAND wants integer coordinates in units 1/ISS of the primitive reciprocal vectors, and distributes NSUB
points along the whole path by length (CRYSTAL User's Manual, properties, BAND).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ('PathError', 'PathSegment', 'coordinate_label', 'integer_path', 'path_segments')

MAX_ISS = 999
"""fort.25 writes the coordinates in five columns; three digits and a sign always fit."""

EXACT = 1e-6


class PathError(ValueError):
    """A list of k-points that is no path; the message says what to change."""


@dataclass(frozen=True)
class PathSegment:
    """A straight line of a path, with the labels of its ends.

    :param start: fractional coordinates; of which cell, the maker knows.
    """

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    start_label: str = ''
    end_label: str = ''


def path_segments(kpoints: ArrayLike, labels: Sequence[tuple[int, str]] | None = None) -> list[PathSegment]:
    """Return the straight lines of a path whose points are listed.

    Every labelled point ends a line. Two labelled neighbours are a jump (``U|K``) if the first of them ends a line and
    there are lines with inner points; otherwise they are a short line. Without labels, lines end where the direction
    changes.

    :param kpoints: fractional coordinates, shape (n, 3).
    :param labels: (index, label) of the special points.
    :raises PathError: if there are fewer than two points, or the path does not begin and end with labelled points.
    """
    points = np.asarray(kpoints, dtype=float).reshape(-1, 3)
    if len(points) < 2:
        raise PathError('a band path needs at least two k-points')
    named = dict(labels or ())
    ends = sorted(named) if named else _corners(points)
    if ends[0] != 0 or ends[-1] != len(points) - 1:
        raise PathError('the first and the last k-point of a band path must carry labels')
    has_inner_points = any(second - first > 1 for first, second in pairwise(ends))
    segments: list[PathSegment] = []
    previous_was_line = False
    for first, second in pairwise(ends):
        jump = second - first == 1 and has_inner_points and previous_was_line
        if not jump and not np.allclose(points[first], points[second], atol=EXACT):
            segments.append(
                PathSegment(
                    _triple(points[first]), _triple(points[second]), named.get(first, ''), named.get(second, '')
                )
            )
        previous_was_line = not jump
    return segments


def _corners(points: NDArray[np.float64]) -> list[int]:
    """Return the indices where an unlabelled path changes its direction, with both ends."""
    steps = np.diff(points, axis=0)
    corners = [0]
    for index in range(1, len(points) - 1):
        if np.linalg.norm(np.cross(steps[index - 1], steps[index])) > EXACT or steps[index - 1] @ steps[index] <= 0:
            corners.append(index)
    return [*corners, len(points) - 1]


def integer_path(
    segments: Sequence[PathSegment],
) -> tuple[int, list[list[list[int]]]]:
    """Return ISS and the ends of the lines as integers in units 1/ISS.

    The smallest ISS that is exact is taken; for points on general positions (in low symmetry) the one of at most 999
    that comes closest.

    :param segments: in CRYSTAL's primitive reciprocal cell.
    """
    ends = np.array([[segment.start, segment.end] for segment in segments], dtype=float)
    candidates = np.arange(1, MAX_ISS + 1)
    scaled = ends[None] * candidates[:, None, None, None]
    errors = np.abs(scaled - np.round(scaled)).max(axis=(1, 2, 3)) / candidates
    exact = np.flatnonzero(errors < EXACT)
    iss = int(candidates[exact[0] if exact.size else np.argmin(errors)])
    return iss, np.round(ends * iss).astype(int).tolist()


def coordinate_label(point: ArrayLike) -> str:
    """Return a label for a point that has no name: its coordinates, or GAMMA for the centre."""
    values = np.asarray(point, dtype=float)
    if np.abs(values).max() < EXACT:
        return 'GAMMA'
    return f'({",".join(f"{value:.3g}" for value in values + 0.0)})'


def _triple(point: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return three floats."""
    return (float(point[0]), float(point[1]), float(point[2]))
