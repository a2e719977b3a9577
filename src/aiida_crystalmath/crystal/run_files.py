"""Files beside an output that tell why its run stopped: fort.87, and what the scheduler caught on stderr.

A file with a name of its own (``X.f87`` beside ``X.out``) belongs to its output. One with a common name (``fort.87``)
belongs to it only if no other output lies in the folder, so that nobody is blamed for the error of another run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SNIFF_BYTES = 1 << 18
MAX_SIBLINGS = 200
"""Folders with more files are not searched."""
MAX_BYTES = 1 << 20
OUTPUT_SUFFIXES = ('.out', '.outp')
"""Of files that hold an output even when they are empty: the program was called and wrote nothing."""
_STARTING = re.compile(rb'^ EEEEEEEEEE STARTING', re.MULTILINE)
_RULE = re.compile(rb'^ \*{60,}\s*$', re.MULTILINE)
_NAME = re.compile(rb'^ \*[^\n]*\bCRYSTAL(?:0[69]|1\d|2\d)\b', re.MULTILINE)
"""The rule and the name in the box of a program that was stopped before it said that it starts."""
_STDERR = '_scheduler-stderr.txt'


@dataclass(frozen=True)
class Beside:
    """What lies beside an output; empty where nothing does.

    :param fort87: text of the fort.87, from the file ``fort87_path``.
    :param stderr: text of the scheduler's stderr, from ``stderr_path``.
    """

    fort87: str = ''
    fort87_path: Path | None = None
    stderr: str = ''
    stderr_path: Path | None = None


def files_beside(output: Path) -> Beside:
    """Return what surely belongs to the run of an output."""
    folder = output.parent
    own = [folder / f'{stem}.f87' for stem in dict.fromkeys((output.stem, output.name))]
    fort87 = next((path for path in own if path.is_file()), None)
    common = [path for path in (folder / 'fort.87', folder / _STDERR) if path.is_file() and path != output]
    if common and not _is_only_output(output):
        common = []
    if fort87 is None and folder / 'fort.87' in common:
        fort87 = folder / 'fort.87'
    stderr = folder / _STDERR if folder / _STDERR in common else None
    return Beside(_text(fort87), fort87, _text(stderr), stderr)


def looks_like_output(path: Path) -> bool:
    """Say whether a file is an output: by the banner of a program in its first lines, or empty with the name of one.

    False if it cannot be read.
    """
    try:
        if path.suffix in OUTPUT_SUFFIXES and path.stat().st_size == 0:
            return True
        with path.open('rb') as handle:
            head = handle.read(SNIFF_BYTES)
    except OSError:
        return False
    return bool(_STARTING.search(head) or (_RULE.search(head) and _NAME.search(head)))


def _is_only_output(output: Path) -> bool:
    """Say whether no other output lies in the folder; False where that cannot be found out."""
    try:
        siblings = [path for path in output.parent.iterdir() if path.name != output.name and path.is_file()]
    except OSError:
        return False
    return len(siblings) <= MAX_SIBLINGS and not any(map(looks_like_output, siblings))


def _text(path: Path | None) -> str:
    """Return the text of a small file; an unreadable one says nothing."""
    if path is None:
        return ''
    try:
        with path.open('rb') as handle:
            return handle.read(MAX_BYTES).decode('utf-8', errors='replace')
    except OSError:
        return ''
