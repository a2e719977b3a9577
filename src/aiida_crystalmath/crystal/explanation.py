"""Why a run ended as it did: what the catalogue knows of it, with the lines of its files that show it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiida_crystalmath.crystal.diagnosis import Finding
from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Optimisation, ScfRun
from aiida_crystalmath.crystal.summary import Reading

CONTEXT_BEFORE, CONTEXT_AFTER = 3, 2
MAX_LINE = 160
"""Longer lines are cut in what is shown."""
N_LAST = 6
"""Last cycles and points that are shown."""


@dataclass
class ShownLine:
    """One line of a file, cut to a length that can be shown."""

    number: int
    text: str


@dataclass
class Cause:
    """One entry of the catalogue that fits the run.

    :param file: name of the file in which it shows.
    :param line: number of the line that shows it, 0 where there is no single one.
    :param lines: that line and some around it; only the line itself where the file cannot be read again.
    :param values: numbers the message holds, as ``{'exchsize': '5038884'}``.
    """

    name: str
    severity: str
    message: str
    remedy: str
    reference: str
    recoverable: bool
    exit_status: int | None
    exit_label: str | None
    file: str
    line: int
    evidence: str
    lines: list[ShownLine] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class Explanation:
    """What there is to say of a run.

    :param verdict: one sentence.
    :param causes: why it failed, the most decisive first; empty for a run that went well.
    :param remarks: warnings and information of the catalogue.
    :param problem: why the file could not be explained: it is no output, or cannot be read; else None.
    :param engine: ``STAND-IN`` if the free stand-in computed it, else ``CRYSTAL``.
    :param progress: how the last cycles or points went, lines of a table; empty where it does not matter.
    """

    file: str
    program: str | None
    version: str | None
    status: str
    verdict: str
    problem: str | None = None
    causes: list[Cause] = field(default_factory=list)
    remarks: list[Cause] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)
    engine: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


VERDICTS = {
    'finished': 'It finished, and nothing is wrong with it.',
    'scf_unconverged': 'The SCF did not converge.',
    'geometry_unconverged': 'The geometry optimisation did not converge.',
    'failed': 'It failed.',
    'incomplete': 'It did not come to its end.',
}


def explain(reading: Reading, text: str | None = None) -> Explanation:
    """Explain a run that was read.

    :param text: the output, where it is at hand as a text and is no file.
    """
    summary, output = reading.summary, reading.output
    sources = _sources(reading, text)
    found = [_cause(finding, sources) for finding in reading.findings]
    causes = [cause for cause in found if cause.severity == 'error']
    verdict = VERDICTS[summary.status]
    if summary.problem:
        verdict = f'{summary.problem[0].upper()}{summary.problem[1:]}.'
        causes = [cause for cause in causes if cause.name != 'not_crystal_output']
    elif summary.status == 'incomplete' and output.terminated:
        missing = ', '.join(summary.incomplete_results).replace('_', ' ') or 'what it was to compute'
        verdict = f'The program ended, but the output lacks the end of: {missing}.'
    elif summary.status == 'finished' and not summary.is_good:
        verdict = f'{summary.program} finished; another program of the file did not.'
    return Explanation(
        file=summary.file,
        program=summary.program,
        version=summary.version,
        engine=summary.engine,
        status=summary.status,
        verdict=verdict,
        problem=summary.problem,
        causes=causes,
        remarks=[cause for cause in found if cause.severity != 'error'],
        progress=_progress(output) if summary.status != 'finished' else [],
    )


def _sources(reading: Reading, text: str | None) -> dict[str, tuple[str, Path | str | None]]:
    """Return for each kind of file its name and where its lines can be read again."""
    beside = reading.beside
    name = reading.summary.file
    again: Path | str | None = text if text is not None else (Path(name) if name != '-' else None)
    return {
        'stdout': (name, again),
        'fort.87': (str(beside.fort87_path or 'fort.87'), beside.fort87),
        'stderr': (str(beside.stderr_path or 'stderr'), beside.stderr),
    }


def _cause(finding: Finding, sources: dict[str, tuple[str, Path | str | None]]) -> Cause:
    """Return a finding with the lines that show it."""
    diagnosis = finding.diagnosis
    name, source = sources[finding.where]
    lines = around(source, finding.line) if finding.line else []
    return Cause(
        name=diagnosis.name,
        severity=diagnosis.severity,
        message=' '.join(diagnosis.message.split()),
        remedy=' '.join(diagnosis.remedy.split()),
        reference=' '.join(diagnosis.reference.split()),
        recoverable=diagnosis.recoverable,
        exit_status=diagnosis.exit_code,
        exit_label=diagnosis.exit_label,
        file=name,
        line=finding.line,
        evidence=finding.evidence,
        lines=lines or ([ShownLine(finding.line, _cut(finding.evidence))] if finding.evidence else []),
        values=finding.values,
    )


def around(source: Path | str | None, line: int) -> list[ShownLine]:
    """Return the lines around one, none where they cannot be read; the file is read no further than needed."""
    try:
        if isinstance(source, Path):
            with source.open(encoding='utf-8', errors='replace', newline='\n') as handle:
                return _window(handle, line)
        return _window(io.StringIO(source or '', newline='\n'), line)
    except OSError:
        return []


def _window(lines: Iterable[str], line: int) -> list[ShownLine]:
    """Return the lines around one."""
    window = []
    for number, text in enumerate(lines, start=1):
        if number > line + CONTEXT_AFTER:
            break
        if number >= line - CONTEXT_BEFORE:
            window.append(ShownLine(number, _cut(text)))
    return window


def _cut(text: str) -> str:
    """Return a line without its end and what no terminal should get."""
    shown = ''.join(char if char.isprintable() or char == '\t' else '·' for char in text.rstrip())
    return shown if len(shown) <= MAX_LINE else f'{shown[: MAX_LINE - 1]}…'


# ---------------------------------------------------------------------------------------------------------- progress


def _progress(output: CrystalOutput) -> list[str]:
    """Tell how the last points of an optimisation went, or the last cycles of the SCF."""
    if output.optimisation is not None and len(output.optimisation.points) > 1:
        return _points(output.optimisation)
    if output.scf and not output.scf[-1].converged and output.scf[-1].cycles:
        return _cycles(output.scf[-1])
    return []


def _points(optimisation: Optimisation) -> list[str]:
    """Return a table of the last points."""
    rows = ['point      energy (hartree)      change  max gradient  max displacement']
    for point in optimisation.points[-N_LAST:]:
        numbers = (
            _number(point.energy_hartree, 22, '.10f'),
            _number(point.delta_hartree, 12, '.2e'),
            _number(point.max_gradient, 14, '.6f'),
            _number(point.max_displacement, 18, '.6f'),
        )
        rows.append(f'{point.n:5}{"".join(numbers)}{"  step rejected" if point.rejected else ""}')
    return rows


def _cycles(run: ScfRun) -> list[str]:
    """Return a table of the last cycles."""
    rows = ['cycle      energy (hartree)      change']
    for cycle in run.cycles[-N_LAST:]:
        rows.append(f'{cycle.n:5}{_number(cycle.energy_hartree, 22, ".10f")}{_number(cycle.delta_hartree, 12, ".2e")}')
    return rows


def _number(value: float | None, width: int, form: str) -> str:
    """Return a number in a column, a dash where there is none."""
    return ('-' if value is None else format(value, form)).rjust(width)


def shown(lines: Sequence[ShownLine], marked: int) -> list[str]:
    """Return lines with their numbers, the marked one with a sign."""
    width = max((len(str(line.number)) for line in lines), default=1)
    return [f'{">" if line.number == marked else " "} {line.number:{width}} | {line.text}' for line in lines]
