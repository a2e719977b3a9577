"""Errors, warnings and information, of the form `` KIND **** ROUTINE **** TEXT``, and the noise of the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from aiida_crystalmath.crystal.outputs.models import Message
from aiida_crystalmath.crystal.outputs.sections.base import Context, Handler, Section

_MESSAGE = re.compile(r'\s*(ERROR|WARNING|INFORMATION)\s*\*{4}\s*(\S+(?: \S+)?)\s*\*{4}\s*(.*?)\s*$')
_WARNING = re.compile(r'\s*WARNING\s*(?:!!|-|:)\s*(\S.*?)\s*$')

NOISE = re.compile(
    r'MPI_Abort|MPI_ABORT was invoked|^Abort\(|^forrtl:|SIGTERM|SIGKILL|SIGSEGV|KILLED BY SIGNAL|BAD TERMINATION'
    r'|slurmstepd|^srun: error|[Ss]egmentation fault|[Oo]ut[- ]of[- ][Mm]emory|oom-kill|DUE TO TIME LIMIT|CANCELLED AT'
    r'|[Nn]o space left|error during write|[Dd]isk full|[Dd]isk quota exceeded|Stack trace terminated'
    r'|SCF abnormal end|fort\.9 not found or empty|PBS: job killed|process rank|^\s*Killed\s*$'
)
"""Lines of the machine around the program (MPI, the Fortran runtime, the batch system, run scripts)."""

_NOISE_WORDS = tuple(
    'bort|ABORT|forrtl|SIG|egmentation|ut of |ut-of-|oom|KILL|Killed|killed|TERMINATION|slurm|srun|LIMIT|CANCELLED'
    '|o space|error during|isk |Stack|abnormal|fort.9|rank'.split('|')
)
"""Every alternative of :data:`NOISE` holds one of these; looking for words costs a fifth of looking for the pattern."""

_LIMIT = 300
_LONGEST = 1000


@lru_cache(maxsize=100)
def is_noise(line: str) -> bool:
    """Say whether the machine tells of trouble in this line; every rank of a parallel run says the same."""
    for word in _NOISE_WORDS:
        if word in line:
            return NOISE.search(line) is not None
    return False


def split_message(line: str) -> tuple[str, str, str]:
    """Return kind ('ERROR', 'WARNING', 'INFORMATION' or ''), routine and text of a line."""
    found = _MESSAGE.match(line)
    if found is None:
        return '', '', line.strip()
    return found[1], found[2], found[3]


class Messages(Section):
    """Collects messages; each text is kept once."""

    def __init__(self, context: Context) -> None:
        """Start without messages."""
        super().__init__(context)
        self.known: set[str] = set()

    def anchors(self) -> Mapping[str, Handler]:
        """Lines that start with ERROR, WARNING, INFORMATION, also without the leading blank of Fortran."""
        starts = (' ERRO', 'ERROR', '  ERR', ' WARN', 'WARNI', ' INFO', 'INFOR')
        return dict.fromkeys(starts, self.read)

    def read(self, line: str) -> None:
        """Read one message."""
        raw = line.strip()[:_LONGEST]
        # Every rank of a parallel run, and every cycle, may say the same.
        if raw in self.known:
            return
        kind, routine, text = split_message(line)
        output = self.output
        if kind == 'ERROR':
            target = output.errors
        elif kind == 'WARNING' or (not kind and _WARNING.match(line)):
            target = output.warnings
        elif kind == 'INFORMATION':
            target = output.information
        else:
            return
        if len(target) < _LIMIT:
            self.known.add(raw)
            target.append(Message(routine, text, self.context.line, raw, self.context.stage))
