"""opta and optc files: names, order, content and broken files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from aiida_crystalmath.crystal.outputs.opt_steps import read_opt_steps, step_number
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('opta01', ('a', 1)),
        ('optc012', ('c', 12)),
        ('optc0100', ('c', 100)),
        ('mgo-optc003.gui', ('c', 3)),
        ('optstep-opt004.gui', ('', 4)),
        ('mgo.opta001', ('a', 1)),
        ('optgeom.out', None),
        ('option1', None),
        ('HESSOPT.DAT', None),
        ('optc', None),
        ('adopt1', None),
    ],
)
def test_names(name, expected):
    assert step_number(name) == expected


@pytest.mark.corpus
def test_a_folder_of_real_files(corpus):
    """mgo_prop_newk: optc001 to optc003, with the energies of their first lines."""
    steps = read_opt_steps(corpus / 'mgo_prop_newk')
    assert steps.complete
    assert [(step.kind, step.n) for step in steps.steps] == [('c', 1), ('c', 2), ('c', 3)]
    assert steps.steps[0].energy_hartree == -275.44859113743
    assert steps.steps[0].geometry.formula == 'MgO'


@pytest.mark.corpus
def test_geometries_are_those_of_the_points(corpus):
    """mgo_opt_c22: the files of all four points have the geometries that the output prints."""
    folder = corpus / 'mgo_opt_c22'
    points = parse_stdout(folder / 'conv_mgoOpt.out').optimisation.points
    steps = read_opt_steps(folder).steps
    assert [step.n for step in steps] == [point.n for point in points] == [1, 2, 3, 4]
    for step, point in zip(steps, points, strict=True):
        assert step.geometry.volume_angstrom3 == pytest.approx(point.geometry.volume_angstrom3, rel=1e-6)
        assert np.allclose(sorted(step.geometry.numbers), sorted(point.geometry.numbers))


@pytest.mark.corpus
def test_a_file_that_was_cut(corpus, tmp_path):
    """What cannot be read is named with its reason; the others are given."""
    for name in ('optc001', 'optc002', 'optc003'):
        shutil.copyfile(corpus / 'mgo_prop_newk' / name, tmp_path / name)
    whole = (tmp_path / 'optc003').read_text()
    (tmp_path / 'optc003').write_text(whole[: len(whole) // 2])
    (tmp_path / 'optc010').mkdir()
    steps = read_opt_steps(tmp_path)
    assert [step.n for step in steps.steps] == [1, 2] and not steps.complete
    assert list(steps.unreadable) == ['optc003'] and 'fort.34' in steps.unreadable['optc003']
    assert not read_opt_steps(tmp_path / 'absent').complete
