"""Every input of the corpus is read, and written to an equivalent deck.

Two decks are equivalent when they have the same records up to their last END. Records are compared word by word:
numbers by value, words in capitals. What CRYSTAL does not read does not count: blank lines, remarks, and numbers behind
those it wants (the group fixes how many cell parameters it reads). An END may be spelt in any way.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiida_crystalmath.crystal.inputs.d3 import read_d3, write_d3
from aiida_crystalmath.crystal.inputs.d12 import read_d12, write_d12
from aiida_crystalmath.crystal.inputs.geometry_block import GEOMETRY_KEYWORDS
from aiida_crystalmath.crystal.inputs.keywords import lookup

pytestmark = pytest.mark.corpus

#: Decks whose rewriting differs, and why: the text that differs, and what stands for it.
DIFFERENT = {
    # The group is cubic: CRYSTAL reads the first of the six cell parameters.
    'h_bulk_scf/h_bulk': [('1.6839861384 1.6839861384 1.6839861384 90 90 90', '1.6839861384')],
    # DOSS takes seven numbers: CRYSTAL ignores the eighth to tenth.
    'nacl_freq_band_doss/NaCl.d3': [('0 300 11 14 1 12 1 0 1 105', '0 300 11 14 1 12 1')],
    # A shell has five numbers: CRYSTAL ignores the sixth.
    'mackinawite_opt_failed/FAILED_GEOM_mackinawite_opt': [('0 3 1 0.0 1 0', '0 3 1 0.0 1')],
    'spin_opt_c17/cry17_spin_opt': [('0 3 1 0.0 1 0', '0 3 1 0.0 1')],
    # ENDGEOM closes ELASTCON and the geometry in this deck that CRYSTAL22 ran; we write both END.
    'graphene_elastic/elastic2D_graphene': [('PREOPTGEOM\nEND\nENDGEOM', 'PREOPTGEOM\nEND\nEND\nEND')],
    # ATOMSPIN of three atoms: CRYSTAL ignores the other five pairs. We write one pair per record.
    'slab_opt_c14/cry14_scf_and_opt_slab': [('1 1 2 1 3 1 4 1 5 1 6 1 7 1 8 1', '1 1\n2 1\n3 1')],
}
#: Outputs that show a deck in full; the name of the deck they echo is that of the output.
N_ECHOED = 42
PROPERTIES_INPUTS = ('mgo_sto3g_doss', 'mgo_sto3g_newk')


def _word(word: str) -> str:
    try:
        return f'{float(word.upper().replace("D", "E")):.12g}'
    except ValueError:
        return word.upper()


def _records(text: str) -> list[str]:
    """Return the records of a deck in their normal form."""
    found = []
    for line in text.splitlines():
        words = re.split(r'[!#]', line, maxsplit=1)[0].replace(',', ' ').split()
        if not words:
            continue
        found.append('END' if words[0].upper().startswith('END') else ' '.join(_word(word) for word in words))
    return found


def _assert_equivalent(name: str, original: str, written: str) -> None:
    """Compare two decks; what stands behind the last END of the rewritten one is not part of the deck."""
    for old, new in DIFFERENT.get(name, []):
        assert old in original
        original = original.replace(old, new)
    rewritten = _records(written)
    given = _records(original)[: len(rewritten)]
    assert len(given) == len(rewritten)
    assert [(old, new) for old, new in zip(given, rewritten, strict=True) if not _same(old, new)] == []


def _same(old: str, new: str) -> bool:
    """Whether two records say the same; a keyword may be followed by what CRYSTAL ignores."""
    if old == new:
        return True
    return new.isalnum() and lookup(new) is not None and old.split(maxsplit=1)[0] == new


def _inputs(corpus: Path, suffix: str) -> list[Path]:
    found = sorted(corpus.glob(f'*/*{suffix}'))
    assert found, f'no {suffix} in {corpus}'
    return found


def test_every_d12(corpus: Path) -> None:
    files = [*_inputs(corpus, '.d12'), *_inputs(corpus, 'INPUT')]
    decks = [file for file in files if file.parent.name not in PROPERTIES_INPUTS]
    assert len(decks) == 34
    for file in decks:
        text = file.read_text()
        deck = read_d12(text)
        assert read_d12(write_d12(deck)) == deck, file
        _assert_equivalent(f'{file.parent.name}/{file.stem}', text, write_d12(deck))


def test_every_d3(corpus: Path) -> None:
    files = [*_inputs(corpus, '.d3'), *(corpus / name / 'INPUT' for name in PROPERTIES_INPUTS)]
    assert len(files) == 15
    for file in files:
        text = file.read_text()
        deck = read_d3(text)
        assert read_d3(write_d3(deck)) == deck, file
        _assert_equivalent(f'{file.parent.name}/{file.name}', text, write_d3(deck))


def echoed(output: Path) -> str | None:
    """Return the deck that a run script copied to the head of an output, with what follows it."""
    lines = output.read_text(errors='replace').splitlines()
    banner = next((n for n, line in enumerate(lines) if re.match(r' \*{40,}', line)), 0)
    keywords = (n for n in range(1, banner) if lines[n].strip() in GEOMETRY_KEYWORDS)
    first = next(keywords, None)
    return None if first is None else '\n'.join(lines[first - 1 : banner])


def test_every_deck_echoed_in_an_output(corpus: Path) -> None:
    decks = {file: text for file in _inputs(corpus, '.out') if (text := echoed(file)) is not None}
    assert len(decks) == N_ECHOED
    for file, text in decks.items():
        name = f'{file.parent.name}/{file.stem}'
        deck = read_d12(text)
        assert read_d12(write_d12(deck)) == deck, file
        _assert_equivalent(name, text, write_d12(deck))
