"""Read a file that somebody named: the summary, what is needed to explain it, and words for a file of another kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aiida_crystalmath.crystal.diagnosis import Finding
from aiida_crystalmath.crystal.file_kinds import HEAD_BYTES, describe, describe_head, is_binary
from aiida_crystalmath.crystal.outputs.models import CrystalOutput
from aiida_crystalmath.crystal.run_files import Beside, files_beside
from aiida_crystalmath.crystal.summary.build import findings_of, from_output, parse, with_problem
from aiida_crystalmath.crystal.summary.model import Summary

STANDARD_INPUT = '-'
_GIVE_THE_OUTPUT = 'give the output (what crystal or properties prints)'


@dataclass
class Reading:
    """A file that was read.

    :param output: empty for a file that could not be read.
    :param findings: of the catalogue, the most decisive first.
    :param beside: what else of the run was used.
    """

    summary: Summary
    output: CrystalOutput = field(default_factory=CrystalOutput)
    findings: list[Finding] = field(default_factory=list)
    beside: Beside = field(default_factory=Beside)


def read_file(path: Path) -> Reading:
    """Read an output; of anything else the summary says what it is. Never raises for what the file system says."""
    name = str(path)
    try:
        if path.is_dir():
            return _problem(name, 'this is a folder without an output of CRYSTAL in it')
        if path.exists() and not path.is_file():
            # A pipe, as bash makes of <(zcat X.out.gz), can be read once only.
            with path.open(encoding='utf-8', errors='replace', newline='\n') as lines:
                return read_lines(lines, name)
        if is_binary(path):
            return _problem(name, f'this is {describe(path)}: {_GIVE_THE_OUTPUT}')
        output = parse(path)
        beside = Beside() if output.status == 'finished' else files_beside(path)
        kind = describe(path) if _says_nothing(output) else None
    except OSError as exception:
        return _problem(name, f'cannot be read: {exception.strerror or exception}')
    return _reading(output, name, beside, kind)


def read_lines(lines: Iterable[str], name: str = STANDARD_INPUT, beside: Beside | None = None) -> Reading:
    """Read an output from its lines, of which only the first ones are kept."""
    head: list[str] = []
    output = parse(_keeping_head(lines, head))
    kind = describe_head(''.join(head).encode()) if _says_nothing(output) else None
    return _reading(output, name, beside or Beside(), kind)


def _keeping_head(lines: Iterable[str], head: list[str]) -> Iterator[str]:
    """Pass lines on, and keep as many of the first ones as it takes to say what a file is."""
    size = 0
    for line in lines:
        if size < HEAD_BYTES:
            head.append(line)
            size += len(line)
        yield line


def _says_nothing(output: CrystalOutput) -> bool:
    """Say whether neither a banner nor an SCF was found."""
    return output.program is None and not output.scf


def _reading(output: CrystalOutput, name: str, beside: Beside, kind: str | None) -> Reading:
    """Sum up an output, or say what else the file is.

    :param kind: what the file is, if it says nothing that CRYSTAL says.
    """
    findings = findings_of(output, beside.fort87, beside.stderr)
    summary = from_output(output, file=name, findings=findings)
    if kind == 'an empty file':
        summary.problem = 'the file is empty: the program did not start, or could not write'
    elif kind is not None:
        return Reading(with_problem(summary, f'this is {kind}: {_GIVE_THE_OUTPUT}'), output)
    elif _says_nothing(output):
        summary.problem = 'no banner of CRYSTAL: another program wrote this, or CRYSTAL did not start'
    _add_fort87(summary, findings, beside)
    return Reading(summary, output, findings, beside)


def _add_fort87(summary: Summary, findings: list[Finding], beside: Beside) -> None:
    """Add what only fort.87 tells: an error makes a run that seemed cut short a failed one."""
    told = [finding for finding in findings if finding.where == 'fort.87']
    if not told:
        return
    summary.fort87 = str(beside.fort87_path or 'fort.87')
    errors = [finding.evidence for finding in told if finding.diagnosis.severity == 'error']
    summary.errors += [line for line in errors if line not in summary.errors]
    if errors and summary.status == 'incomplete':
        summary.status = 'failed'


def _problem(name: str, words: str) -> Reading:
    """Return the reading of a file that was not read."""
    return Reading(with_problem(Summary(file=name), words))
