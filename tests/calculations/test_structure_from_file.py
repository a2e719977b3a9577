"""From a structure file to a structure node: one can walk back to the file."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from aiida import orm

from aiida_crystalmath.calculations.functions.structure_from_file import structure_from_file
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.outputs.fort34 import write_fort34
from aiida_crystalmath.data.structure_files import StructureFileError

CIF = Path(__file__).parents[2] / 'examples' / 'MgO.cif'
EXTERNAL = 'H2\nEXTERNAL\nEND\n1 1\n1 0 3 1. 0.\n99 0\nEND\nEND\n'


def file_node(content: bytes, name: str) -> orm.SinglefileData:
    return orm.SinglefileData(io.BytesIO(content), filename=name)


def test_structure_walks_back_to_its_file():
    structure = structure_from_file(orm.SinglefileData(CIF))
    assert structure.get_formula() == 'Mg4O4'
    assert structure.creator.inputs.file.filename == 'MgO.cif'


def test_deck_with_external_takes_its_geometry_file():
    geometry = Geometry.from_arrays([[0, 0, 0]] * 3, [[0, 0, 0], [0, 0, 0.74]], [1, 1], 0)
    external = file_node(write_fort34(geometry).encode(), 'h2.gui')
    structure = structure_from_file(file_node(EXTERNAL.encode(), 'h2.d12'), external=external)
    assert structure.get_formula() == 'H2'
    assert structure.pbc == (False, False, False)
    assert structure.creator.inputs.external.uuid == external.uuid


def test_file_in_another_encoding():
    content = CIF.read_text().replace('Smith', 'Sm\xefth').encode('latin-1')
    assert structure_from_file(file_node(content, 'a.cif')).get_formula() == 'Mg4O4'


def test_bad_file_raises_with_its_name():
    with pytest.raises(StructureFileError, match=r'^bad\.xyz: '):
        structure_from_file(file_node(b'garbage', 'bad.xyz'))
