"""Listed k-points become the straight lines of BAND."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_crystalmath.calculations.band_path import (
    PathError,
    coordinate_label,
    integer_path,
    path_segments,
)


def line(start, end, n):
    return np.linspace(start, end, n).tolist()


def ends(segments):
    return [(segment.start_label, segment.end_label) for segment in segments]


def test_continuous_path_shares_its_inner_ends():
    points = line([0, 0, 0], [0.5, 0, 0.5], 5) + line([0.5, 0, 0.5], [0.5, 0.25, 0.75], 4)[1:]
    segments = path_segments(points, [(0, 'GAMMA'), (4, 'X'), (7, 'W')])
    assert ends(segments) == [('GAMMA', 'X'), ('X', 'W')]
    assert segments[1].end == (0.5, 0.25, 0.75)


def test_jump_between_labelled_neighbours():
    points = line([0, 0, 0], [0.625, 0.25, 0.625], 4) + line([0.375, 0.375, 0.75], [0, 0, 0], 4)
    segments = path_segments(points, [(0, 'GAMMA'), (3, 'U'), (4, 'K'), (7, 'GAMMA')])
    assert ends(segments) == [('GAMMA', 'U'), ('K', 'GAMMA')]


def test_jump_written_with_the_point_twice_is_no_line():
    points = [*line([0, 0, 0], [0.5, 0, 0], 3), *line([0.5, 0, 0], [0.5, 0.5, 0], 3)]
    assert ends(path_segments(points, [(0, 'G'), (2, 'X'), (3, 'X'), (5, 'M')])) == [('G', 'X'), ('X', 'M')]


def test_special_points_alone_make_a_continuous_path():
    points = [[0, 0, 0], [0.5, 0, 0.5], [0.5, 0.25, 0.75]]
    assert ends(path_segments(points, [(0, 'G'), (1, 'X'), (2, 'W')])) == [('G', 'X'), ('X', 'W')]


def test_unlabelled_path_bends_where_the_direction_changes():
    points = line([0, 0, 0], [0.5, 0, 0], 3) + line([0.5, 0, 0], [0.5, 0.5, 0], 3)[1:]
    segments = path_segments(points)
    assert [(s.start, s.end) for s in segments] == [((0, 0, 0), (0.5, 0, 0)), ((0.5, 0, 0), (0.5, 0.5, 0))]


@pytest.mark.parametrize('labels', [[(0, 'G')], [(1, 'X'), (2, 'W')]])
def test_ends_without_label_are_refused(labels):
    with pytest.raises(PathError, match='first and the last'):
        path_segments([[0, 0, 0], [0.5, 0, 0.5], [0.5, 0.25, 0.75]], labels)


def test_integer_path_is_exact_with_the_smallest_factor():
    segments = path_segments([[0, 0, 0], [0.375, 0.375, 0.75], [1 / 3, -1 / 3, 0]], [(0, 'G'), (1, 'K'), (2, 'P')])
    iss, lines = integer_path(segments)
    assert iss == 24
    assert lines == [[[0, 0, 0], [9, 9, 18]], [[9, 9, 18], [8, -8, 0]]]


def test_general_points_come_within_half_a_thousandth():
    point = [0.35674, 0.61211, 0.13377]
    iss, lines = integer_path(path_segments([[0, 0, 0], point], [(0, 'G'), (1, 'Y')]))
    assert iss <= 999
    assert np.abs(np.array(lines[0][1]) / iss - point).max() < 5e-4


def test_labels_of_unnamed_points():
    assert coordinate_label([0, 0, 0]) == 'GAMMA'
    assert coordinate_label([0.5, 0, -0.25]) == '(0.5,0,-0.25)'
