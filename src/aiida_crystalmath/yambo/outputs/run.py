"""A run: all files of one call of yambo, ypp or p2y together, and how it ended.

How a run ended is decided by its words and files. Exit statuses tell nothing: without MPI, yambo ends with 0 after too
many bands, a failed allocation and a missing SAVE, and p2y after every error (shared recordings of Yambo 5.2.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from aiida_crystalmath.espresso.stdout import read_stdout
from aiida_crystalmath.yambo.inputs.deck import Deck
from aiida_crystalmath.yambo.inputs.variables import Program
from aiida_crystalmath.yambo.outputs.messages import Message, messages_in
from aiida_crystalmath.yambo.outputs.p2y import P2yLog, read_p2y_log
from aiida_crystalmath.yambo.outputs.report import Report, read_report

__all__ = ('P2yRun', 'Status', 'YamboRun', 'files_of', 'latest', 'read_p2y_run', 'read_yambo_run')

Status = Literal['finished', 'failed', 'interrupted', 'not_started']
"""``finished``: it says that it ended well; ``failed``: it says why it stopped; ``interrupted``: it stops in the
middle; ``not_started``: it left neither report nor log, which yambo does without a SAVE folder that is set up."""

_SUFFIX = re.compile(r'^(?P<stem>.+?)(?:_(?P<again>\d\d))?$')
_LOG = re.compile(r'^l[-_](?P<stem>.+?)(?:_CPU_(?P<cpu>\d+))?(?:_(?P<again>\d\d))?$')


@dataclass(frozen=True)
class YamboRun:
    """A run of yambo or ypp.

    :param report: of the last call in the folder; None if there is none.
    :param n_calls: how often the program was called in the folder, as the numbers at the ends of the names tell.
    :param tables: text of the o-files, the latest of each, by what they are about: ``qp``, ``eps_q1_diago_bse`` ...
        Their numbers at the end count how often they were written, not the calls.
    :param messages: of report and logs, each once.
    """

    program: Program
    status: Status
    report: Report | None = None
    n_calls: int = 0
    tables: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    last_line: str = ''

    @property
    def errors(self) -> list[Message]:
        """The messages that are errors."""
        return [message for message in self.messages if message.kind == 'error']

    @property
    def warnings(self) -> list[Message]:
        """The messages that are warnings."""
        return [message for message in self.messages if message.kind == 'warning']

    @property
    def used(self) -> Deck | None:
        """The echoed input."""
        return self.report.used if self.report is not None else None

    def table(self, beginning: str) -> str | None:
        """Return the text of the o-file that is about something, ``qp`` or ``eps``; None if there is none."""
        return next((text for about, text in self.tables.items() if about.partition('_')[0] == beginning), None)


@dataclass(frozen=True)
class P2yRun:
    """A run of p2y; ``log`` is that of the process that came furthest back."""

    status: Status
    log: P2yLog | None = None
    messages: tuple[Message, ...] = ()

    @property
    def errors(self) -> list[Message]:
        """The messages that are errors."""
        return [message for message in self.messages if message.kind == 'error']

    @property
    def warnings(self) -> list[Message]:
        """The messages that are warnings."""
        return [message for message in self.messages if message.kind == 'warning']


def files_of(folder: Path) -> dict[str, str]:
    """Return the text files that a run may have left in a folder, by their paths in it."""
    found = {}
    for path in sorted(folder.rglob('*')):
        if path.is_file() and re.match(r'^([rlo][-_]|fort\.0$)', path.name):
            found[path.relative_to(folder).as_posix()] = path.read_text(encoding='utf-8', errors='replace')
    return found


def latest(names: Iterable[str]) -> list[str]:
    """Return the names that belong to the last call: a call in a used folder adds ``_01``, ``_02`` ... to all names."""
    numbered = [(name, int(match['again'] or 0)) for name in names if (match := _SUFFIX.match(name))]
    last = max((number for _, number in numbered), default=0)
    return [name for name, number in numbered if number == last]


def read_yambo_run(files: Mapping[str, str], program: Program = 'yambo', *, setup: bool = False) -> YamboRun:
    """Read a run of yambo or ypp from its files.

    :param files: text by path; only the names count.
    :param setup: whether it is the set-up (``r_setup``) that is asked for, and nothing else.
    """
    by_name = {PurePosixPath(path).name: text for path, text in files.items()}
    reports = [name for name in by_name if name.startswith('r_' if setup else 'r-')]
    if not setup and not reports:
        reports = [name for name in by_name if name.startswith('r_')]
    logs = [name for name in by_name if _is_log(name, setup)]
    last = max((_again(name) for name in (*reports, *logs)), default=0)
    reports = [name for name in reports if _again(name) == last]
    logs = [name for name in logs if _again(name) == last]
    report = read_report(by_name[reports[-1]], reports[-1], program) if reports else None
    said = [message for name in logs for message in messages_in(by_name[name], name)]
    messages = _once([*(report.messages if report is not None else ()), *said])
    over = (report is not None and report.game_over) or any('Game Over' in by_name[name] for name in logs)
    spoken = [line for name in (logs or reports)[:1] for line in by_name[name].splitlines() if line.strip()]
    return YamboRun(
        program,
        _status(bool(reports or logs), over, messages),
        report,
        last + 1 if reports or logs else 0,
        _tables(by_name),
        messages,
        spoken[-1].strip() if spoken else '',
    )


def read_p2y_run(files: Mapping[str, str], stdout: str = '') -> P2yRun:
    """Read a run of p2y from its logs; under MPI all of them have to say that they ended well.

    :param files: text by path; only the names count.
    :param stdout: what it printed: the parts of Quantum ESPRESSO in it complain there, in a box of percent signs, and
        not in the log (an XML of another version of pw.x: yambo-code/yambo, issue 33).
    """
    names = {PurePosixPath(path).name: text for path, text in files.items()}
    logs = [read_p2y_log(text, name) for name, text in names.items() if name.startswith('l_p2y')]
    boxes = read_stdout(stdout).errors
    told = [Message('error', f'{box.routine}: {box.text} ({box.code})', 'stdout', box.line) for box in boxes]
    messages = _once([*(message for log in logs for message in log.messages), *told])
    if not logs:
        return P2yRun(_status(bool(told), False, messages), None, messages)
    slowest = min(logs, key=lambda log: (log.completed, log.found_save))
    return P2yRun(_status(True, slowest.completed, messages), slowest, messages)


def _is_log(name: str, setup: bool) -> bool:
    """Tell whether a name is that of a log of yambo: the set-up's, or that of anything else."""
    if not name.startswith(('l-', 'l_')) or name.startswith('l_p2y'):
        return False
    return name.startswith('l_setup') if setup else not name.startswith('l_setup')


def _again(name: str) -> int:
    """Return which call of the folder a name belongs to, from 0."""
    match = (_LOG if name.startswith('l') else _SUFFIX).match(name)
    return int(match['again'] or 0) if match is not None else 0


def _status(any_words: bool, over: bool, messages: tuple[Message, ...]) -> Status:
    """Tell how a run ended."""
    if not any_words:
        return 'not_started'
    if any(message.kind == 'error' for message in messages):
        return 'failed'
    return 'finished' if over else 'interrupted'


def _once(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return messages, those with the same words only once: report and logs of all processes repeat them."""
    kept: dict[tuple[str, str], Message] = {}
    for message in messages:
        kept.setdefault((message.kind, message.text), message)
    return tuple(kept.values())


def _tables(files: Mapping[str, str]) -> dict[str, str]:
    """Return the o-files by what they are about, of each the latest."""
    found: dict[str, str] = {}
    for name in sorted(name for name in files if name.startswith('o-') and '.' in name):
        about = name.rpartition('.')[2]
        match = _SUFFIX.match(about)
        found[match['stem'] if match is not None else about] = files[name]
    return found
