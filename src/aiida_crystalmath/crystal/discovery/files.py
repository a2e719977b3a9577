"""What a file is: by its name where the name is CRYSTAL's own, by its first bytes otherwise.

Names are those of CRYSTAL (``fort.N``, ``NAME.DAT``), of its run scripts runcry and runprop (``X.f9``, ``X.gui``,
``X_dat.BAND``, ``X.optstory/``; as their messages in real outputs tell), and of AiiDA (``INPUT``, ``_scheduler-*``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..inputs.d12 import read_d12
from ..inputs.geometry_block import GEOMETRY_KEYWORDS
from ..inputs.keywords import PROPERTIES, lookup
from ..outputs.opt_steps import step_number

SNIFF_BYTES = 1 << 20
"""Run scripts and MPI may print much before CRYSTAL begins; the longest preamble of a real file has 17 kB."""
MAX_DECK_BYTES = 4 << 20
BANNER = re.compile(rb'^ EEEEEEEEEE STARTING|^ \*.*\bCRYSTAL(?:0[69]|1\d|2\d)\b', re.MULTILINE)


class FileKind(StrEnum):
    """Kinds of files, in words for people."""

    OUTPUT = 'output'
    SCF_LOG = 'log of the SCF'
    DECK = 'input of crystal'
    PROPERTIES_DECK = 'input of properties'
    GEOMETRY = 'geometry file'
    AUXILIARY = 'file of a run'
    SCHEDULER = 'file of the scheduler'
    EMPTY = 'empty output'
    FOREIGN = 'not of CRYSTAL'
    UNREADABLE = 'unreadable'


@dataclass(frozen=True)
class FoundFile:
    """A file of the tree.

    :param standard: name that CRYSTAL itself gives such a file (``fort.25``, ``BAND.DAT``), if there is one.
    :param stem: the file's name without what tells its kind: ``mgo`` for ``mgo.d12`` and ``mgo_dat.BAND``; empty for a
        file with a name of CRYSTAL's own.
    :param reason: why it cannot be read, or what it is not.
    """

    path: Path
    kind: FileKind
    size: int = 0
    mtime: float = 0.0
    standard: str = ''
    stem: str = ''
    reason: str = ''


_UNIT = re.compile(r'fort\.(\d{1,3})$')
_DATA = re.compile(r'[A-Z][A-Z0-9_]*\.DAT$')
_SCHEDULER = re.compile(r'(_scheduler-std(out|err)\.txt|_aiidasubmit\.sh|slurm-.*\.out|.*\.[oe]\d{3,})$')
_DAT_OF_RUNPROP = re.compile(r'(?P<stem>.+)_dat\.(?P<name>[A-Z0-9_]+)$')
_SUFFIXES = {
    'gui': 'fort.34',
    'scflog': 'SCFOUT.LOG',
    'hessopt': 'HESSOPT.DAT',
    'optinfo': 'OPTINFO.DAT',
    'freqinfo': 'FREQINFO.DAT',
    'hessfreq': 'HESSFREQ.DAT',
    'born': 'BORN.DAT',
    'ppan': 'PPAN.DAT',
    'forces': 'FORCES.DAT',
    'irspec': 'IRSPEC.DAT',
    'ramspec': 'RAMSPEC.DAT',
    'tensraman': 'TENS_RAMAN.DAT',
}
"""Suffixes that the run scripts give to files of CRYSTAL, in small letters."""
_UNIT_SUFFIX = re.compile(r'f(\d{1,3})$')
_MORE_PROPERTIES_KEYWORDS = frozenset(
    ('XRDSPEC', 'DLV_BAND', 'ANBD', 'CLAS', 'POLI', 'XFAC', 'ROTREF', 'INFOMEM', 'END')
)
"""Keywords of ``properties`` in real decks or in the manual that the table of keywords does not have."""
_OUTPUT_SUFFIXES = frozenset(('out', 'outp', 'o', 'log', 'cryst', 'prop', 'crystal', 'outg', 'outpg'))
_DECK_SUFFIXES = frozenset(('d12', 'd3', 'inp', 'input'))


def classify(path: Path, size: int, mtime: float = 0.0) -> FoundFile:
    """Tell what a file is; its content is looked at only where the name does not tell."""
    name = path.name
    standard, stem = standard_name(name)
    found = FoundFile(path, FileKind.AUXILIARY, size, mtime, standard, stem)
    if _SCHEDULER.fullmatch(name) or name == 'INPUT' or not standard:
        return _by_content(found)
    if standard == 'SCFOUT.LOG':
        return _as(found, FileKind.SCF_LOG)
    if standard == 'fort.34':
        return _as(found, FileKind.GEOMETRY)
    return found


def standard_name(name: str) -> tuple[str, str]:
    """Return CRYSTAL's own name of a file and its stem, for example ``('fort.25', 'mgo')`` for ``mgo.f25``.

    The name is empty if it does not tell what the file is; the stem is then the name without its last suffix.
    """
    if _UNIT.fullmatch(name) or _DATA.fullmatch(name) or name == 'SCFOUT.LOG':
        return name, ''
    if name.startswith(('opta', 'optc')) and '.' not in name and step_number(name):
        return name, ''
    if found := _DAT_OF_RUNPROP.fullmatch(name):
        return f'{found["name"]}.DAT', found['stem']
    stem, dot, suffix = name.rpartition('.')
    if not dot or not stem:
        return '', name
    if unit := _UNIT_SUFFIX.fullmatch(suffix):
        return f'fort.{int(unit[1])}', stem
    standard = _SUFFIXES.get(suffix.lower(), '')
    if standard == 'fort.34':
        stem = stem.removesuffix('_inp').removesuffix('_last')
    return standard, stem


def stems(name: str) -> tuple[str, ...]:
    """Return the stems that a file's name may have: ``mgo.cryst.out`` gives ``mgo.cryst`` and ``mgo``."""
    stem = name.rpartition('.')[0] or name
    found = [stem]
    while (parts := stem.rpartition('.'))[1] and parts[2].lower() in _OUTPUT_SUFFIXES:
        stem = parts[0]
        found.append(stem)
    return tuple(found)


def _as(found: FoundFile, kind: FileKind, reason: str = '') -> FoundFile:
    return FoundFile(found.path, kind, found.size, found.mtime, found.standard, found.stem, reason)


def _by_content(found: FoundFile) -> FoundFile:
    """Look into a file whose name does not tell."""
    suffix = found.path.suffix[1:].lower()
    looks_like_output = suffix in _OUTPUT_SUFFIXES
    scheduler = _SCHEDULER.fullmatch(found.path.name) is not None
    if found.size == 0:
        if looks_like_output and not scheduler:
            return _as(found, FileKind.EMPTY, 'the output is empty')
        return _as(found, FileKind.SCHEDULER if scheduler else FileKind.FOREIGN, 'the file is empty')
    try:
        with found.path.open('rb') as handle:
            head = handle.read(4096)
            if b'\0' in head and not looks_like_output:
                return _as(found, FileKind.FOREIGN, 'a binary file of unknown kind')
            head += handle.read(SNIFF_BYTES - len(head))
    except OSError as exception:
        return _as(found, FileKind.UNREADABLE, f'cannot be read: {exception.strerror or exception}')
    if BANNER.search(head):
        return _as(found, FileKind.OUTPUT)
    if scheduler:
        return _as(found, FileKind.SCHEDULER)
    kind = _deck_kind(head, found.size, suffix in _DECK_SUFFIXES or found.path.name == 'INPUT')
    if kind is not None:
        return _as(found, kind)
    if looks_like_output:
        return _as(found, FileKind.FOREIGN, 'no banner of CRYSTAL in it: another program, or one that never started')
    return _as(found, FileKind.FOREIGN, 'not a file of CRYSTAL')


def _deck_kind(head: bytes, size: int, by_name: bool) -> FileKind | None:
    """Tell whether a text is a deck: the line below the title of a d12 says what geometry follows."""
    if size > MAX_DECK_BYTES:
        return None
    lines = [line.strip() for line in head.decode('utf-8', errors='replace').splitlines()]
    second = next((line for line in lines[1:] if line and line[0] not in '!#'), '')
    if second.split()[:1] and second.split()[0].upper() in GEOMETRY_KEYWORDS:
        return FileKind.DECK if by_name or _is_deck(head) else None
    first = next((line.split()[0].upper() for line in lines if line and line[0] not in '!#'), '')
    if by_name and is_properties_keyword(first):
        return FileKind.PROPERTIES_DECK
    return None


def _is_deck(content: bytes) -> bool:
    """Whether a text can be read as a deck: other programs write ``CRYSTAL`` at the head of their files as well."""
    try:
        read_d12(content.decode('utf-8', errors='replace'))
    except ValueError:
        return False
    return True


def is_properties_keyword(word: str) -> bool:
    """Whether a word (in capitals) is a keyword of ``properties`` that can begin its input."""
    return word in _MORE_PROPERTIES_KEYWORDS or lookup(word, PROPERTIES) is not None
