"""The table of keywords agrees with what the readers know."""

from __future__ import annotations

import pytest

from aiida_crystalmath.crystal.inputs import keywords
from aiida_crystalmath.crystal.inputs.block import Items
from aiida_crystalmath.crystal.inputs.d3_blocks import TYPED, Boltztra, Echg
from aiida_crystalmath.crystal.inputs.hamiltonian import FUNCTIONALS, Dft
from aiida_crystalmath.crystal.inputs.parameters import BASIS_ITEMS, SECTION_ITEMS
from aiida_crystalmath.crystal.inputs.tasks import TASK_ITEMS, Cphf, Elastcon, Eos, Freqcalc, Optgeom


@pytest.mark.parametrize(
    ('items', 'sections'),
    [
        (TASK_ITEMS, [keywords.GEOMETRY]),
        (Optgeom.items, [keywords.OPTIMISATION]),
        (Freqcalc.items, [keywords.FREQUENCIES]),
        (Elastcon.items, [keywords.OTHER_TASKS]),
        (Eos.items, [keywords.OTHER_TASKS]),
        (Cphf.items, [keywords.OTHER_TASKS]),
        (BASIS_ITEMS, [keywords.BASIS]),
        (SECTION_ITEMS, [keywords.HAMILTONIAN, keywords.SCF]),
        (Dft.items, [keywords.DFT]),
        (Echg.items, [keywords.MAPS]),
        (Boltztra.items, [keywords.MAPS]),
    ],
)
def test_every_keyword_with_a_field_is_documented(items: Items, sections: list[str]) -> None:
    names = {name for item in items.values() for name in item.keywords}
    functionals = {name for name in names if name.removesuffix('-D3') in FUNCTIONALS}
    missing = {n for n in names - functionals if not any(keywords.lookup(n, section) for section in sections)}
    assert missing == set()


def test_every_keyword_of_properties_with_a_block_is_documented() -> None:
    assert all(keywords.lookup(name, keywords.PROPERTIES) or name == 'BOLTZTRA' for name in TYPED)


def test_no_keyword_is_listed_twice() -> None:
    listed = [(entry.section, entry.name) for entry in keywords.KEYWORDS]
    assert len(set(listed)) == len(listed)


def test_tables_have_a_meaning_for_each_row() -> None:
    tables = keywords.tables()
    assert keywords.SCF in tables
    assert all(name.isupper() and meaning for rows in tables.values() for name, _, meaning in rows)


def test_blocks_are_told_from_keywords() -> None:
    assert 'GCP' in keywords.VERBATIM_BLOCKS
    assert 'SHRINK' not in keywords.VERBATIM_BLOCKS
