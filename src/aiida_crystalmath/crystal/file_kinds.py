"""What a file is that is no output of CRYSTAL: said in words, for people who gave the wrong one.

Told by the first lines, as the readers of :mod:`aiida_crystalmath.crystal.outputs` know them, never by the name alone.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

HEAD_BYTES = 1 << 16
_GEOMETRY_KEYWORDS = frozenset(('CRYSTAL', 'SLAB', 'POLYMER', 'HELIX', 'MOLECULE', 'EXTERNAL', 'DLVINPUT'))
_PROPERTIES_KEYWORDS = frozenset(
    'NEWK BAND DOSS ECHG ECH3 POTM POT3 POTC PPAN PATO PBAN COOP COHP BOLTZTRA NOSYMADA RDFMWF CRYAPI_OUT TOPO '
    'XRDSPEC XFAC ANBD HIRSHCHG LOCALWF PROPS2COMP'.split()
)
_TRANSPORT = re.compile(r'# \d+ \[(.*?)( \(?in | in SI|\])', re.IGNORECASE)
_BANNER = re.compile(rb'EEEEEEEEEE STARTING|\bCRYSTAL(?:0[69]|1\d|2\d)\b')
_COMPRESSED = (b'\x1f\x8b', b'BZh', b'\xfd7zXZ', b'PK\x03\x04', b'\x28\xb5\x2f\xfd')
_TEXT_CONTROLS = frozenset(b'\t\n\r\f\b\x1b')


def describe(path: Path) -> str | None:
    """Say what a file is, for the sentence "this is ..."; None if nothing is known of it.

    :raises OSError: it cannot be read.
    """
    with path.open('rb') as handle:
        head = handle.read(HEAD_BYTES)
    return describe_head(head)


def is_binary(path: Path) -> bool:
    """Say whether a file is binary: a wavefunction (fort.9), a picture. An output with some NUL bytes is not.

    :raises OSError: it cannot be read.
    """
    with path.open('rb') as handle:
        return _is_binary(handle.read(HEAD_BYTES))


def _is_binary(head: bytes) -> bool:
    """Judge by the first bytes: compressed, or many control characters and no banner."""
    if head.startswith(_COMPRESSED):
        return True
    controls = sum(1 for byte in head if byte < 32 and byte not in _TEXT_CONTROLS)
    return controls > 0.1 * len(head) and not _BANNER.search(head)


def describe_head(head: bytes) -> str | None:
    """Say what a file with these first bytes is; None if nothing is known of it."""
    if not head.strip(b'\0 \t\r\n'):
        return 'an empty file'
    if head.startswith(_COMPRESSED):
        return 'a compressed file, to be unpacked first (zcat FILE | crystalmath read -)'
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return 'a text in UTF-16, to be converted first (iconv -f UTF-16 -t UTF-8 FILE | crystalmath read -)'
    if _is_binary(head):
        return 'a binary file, as the wavefunctions fort.9 and fort.20 are'
    lines = head.decode('utf-8', errors='replace').splitlines()
    for test in _TESTS:
        if found := test(lines):
            return found
    return None


def _fort25(lines: Sequence[str]) -> str | None:
    """Recognise plot data of properties, with the number of blocks of each kind."""
    if not lines[0].startswith('-%-'):
        return None
    kinds = Counter(line[4:8].strip() for line in lines if line.startswith('-%-'))
    blocks = ' and '.join(f'{count} {kind} block{"s" if count > 1 else ""}' for kind, count in kinds.items())
    return f'a fort.25 (plot data) that begins with {blocks}'


def _table(lines: Sequence[str]) -> str | None:
    """Recognise BAND.DAT, DOSS.DAT, PPAN.DAT, and the tables of BOLTZTRA and TOPOND."""
    first = lines[0].split()
    if first[:2] == ['#', 'NKPT']:
        return 'a BAND.DAT (a band structure)'
    if first[:2] == ['#', 'NEPTS']:
        is_coop = any('YAXIS' in line and 'DENSITY OF STATES' not in line for line in lines[:10])
        return 'a COOP.DAT or COHP.DAT' if is_coop else 'a DOSS.DAT (a density of states)'
    if (found := _TRANSPORT.match(lines[0])) and len(lines) > 1 and lines[1].startswith('#'):
        return f'a table of BOLTZTRA ({found[1].strip().lower()})'
    if lines[0].startswith('# Mulliken Populations'):
        return 'a PPAN.DAT (Mulliken populations)'
    return 'a map of TOPOND (SURF*.DAT)' if first == ['DSAA'] else None


def _numbers(line: str) -> list[float] | None:
    """Return the numbers of a line that has nothing else."""
    try:
        return [float(word) for word in line.replace('D', 'E').split()]
    except ValueError:
        return None


def _geometry(lines: Sequence[str]) -> str | None:
    """Recognise fort.34 and .gui: dimensionality, centring and crystal system, then three lattice vectors."""
    head = lines[0].split()[:3]
    vectors = [_numbers(line) for line in lines[1:4]]
    if len(head) == 3 and all(word.isdigit() for word in head) and head[0] in '0123':
        if len(vectors) == 3 and all(vector is not None and len(vector) == 3 for vector in vectors):
            return 'a geometry file (fort.34, .gui)'
    return None


def _cube(lines: Sequence[str]) -> str | None:
    """Recognise a cube file: two lines of comment, then the number of atoms and the origin, then three grid vectors."""
    rows = [line.split() for line in lines[2:6]]
    counted = all(len(row) in (4, 5) and row[0].lstrip('-').isdigit() for row in rows)
    if len(rows) == 4 and counted and all(_numbers(line) for line in lines[2:6]):
        return 'a cube file (a density or potential on a grid)'
    return None


def _deck(lines: Sequence[str]) -> str | None:
    """Recognise a d12: a title, then what kind of geometry follows; a d3: keywords of properties."""
    rows = [line.strip() for line in lines if line.strip()]
    second = rows[1].split()[0].upper() if len(rows) > 1 else ''
    if second in _GEOMETRY_KEYWORDS:
        return 'an input of crystal (d12)'
    if rows[0].split()[0].upper() in _PROPERTIES_KEYWORDS and len(rows) < 1000:
        return 'an input of properties (d3)'
    return None


def _others(lines: Sequence[str]) -> str | None:
    """Recognise files that begin with words of their own."""
    if any(line.startswith('LIMINF LIMTOL') for line in lines[:3]):
        return 'a formatted wavefunction (fort.98)'
    if lines[0].lstrip().startswith('ERROR ****') and len(lines) < 5:
        return 'a fort.87 (the reason of an abort)'
    if any(line.startswith(('data_', '_cell_length_a')) for line in lines[:50]):
        return 'a CIF'
    if any('BEGIN_BLOCK' in line or line.strip() == 'PRIMVEC' for line in lines[:20]):
        return 'an XCrySDen file (xsf, bxsf)'
    if lines[0].startswith(('%PDF', '<!DOCTYPE', '<html', '{', '<?xml')):
        return 'no text output at all'
    return None


_TESTS: tuple[Callable[[Sequence[str]], str | None], ...] = (_fort25, _table, _geometry, _others, _cube, _deck)
