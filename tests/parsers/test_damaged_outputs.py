"""Damaged outputs: whatever was read of them, building the nodes fails in known ways only."""

from __future__ import annotations

import json
import random

import pytest
from aiida import orm

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.crystal.symmetry import reduce
from aiida_crystalmath.data.structure import from_geometry
from aiida_crystalmath.parsers.base import finite
from aiida_crystalmath.parsers.crystal_nodes import CrystalNodes
from aiida_crystalmath.parsers.crystal_results import crystal_parameters
from aiida_crystalmath.parsers.vibrations import vibrating_geometry

pytestmark = pytest.mark.corpus

RUNS = (
    *('mgo_raman', 'nacl_freq_band_doss', 'si_freq_c14', 'graphene_phonon_dos', 'mgo_elastic_c14', 'graphene_elastic'),
    *('nio_tzvp_pbe0_opt', 'mackinawite_opt_failed', 'hfs2_grad_scf', 'quartz_hf_freq', 'mgo222_freq', 'toluene_opt'),
)
ROUNDS = 8


def damaged(lines, chance):
    """Return the text with lines dropped, doubled, exchanged, cut, overflowed or overwritten by others."""
    lines = list(lines)
    for _ in range(chance.choice([1, 5, 30])):
        first = chance.randrange(len(lines))
        last = min(len(lines), first + chance.choice([1, 3, 40]))
        other = chance.randrange(len(lines))
        kind = chance.choice(['drop', 'double', 'exchange', 'cut', 'overflow', 'overwrite'])
        if kind == 'drop':
            del lines[first:last]
        elif kind == 'double':
            lines[first:first] = lines[first:last]
        elif kind == 'exchange':
            lines[first], lines[other] = lines[other], lines[first]
        elif kind == 'cut':
            lines[first] = lines[first][: chance.randrange(len(lines[first]) + 1)] + '\n'
        elif kind == 'overflow':
            lines[first] = lines[first].replace('0', '*')
        else:
            lines[first:last] = lines[other : other + last - first]
    return ''.join(lines)


@pytest.mark.parametrize('run', RUNS)
def test_nodes_of_damaged_outputs(corpus, aiida_profile, run):
    """A ValueError is told of by the parser, and stands in the way of that node alone; nothing else may be raised."""
    file = json.loads((corpus / 'truth.json').read_text())[run]['file']
    lines = (corpus / run / file).read_text(errors='replace').splitlines(keepends=True)
    structure = parse_stdout(lines).initial_geometry
    reduced = reduce(structure, mode='none')
    chance = random.Random(run)
    for _ in range(ROUNDS):
        output = parse_stdout(damaged(lines, chance))
        cells = CellMap.of_run(reduced, output.initial_geometry, {})
        orm.Dict(finite(crystal_parameters(output, cells))).store()
        nodes = CrystalNodes(
            output, cells, CellMap.of_run(reduced, vibrating_geometry(output), {}), from_geometry(structure)
        )
        for label, build in nodes:
            try:
                node = build()
            except ValueError:
                continue
            assert node is None or label.startswith('output_')
            if node is not None:
                node.store()
