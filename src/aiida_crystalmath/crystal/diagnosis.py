"""What went wrong, and what to do: reads the catalogue ``diagnoses.yaml`` and finds its entries in a run's files.

The catalogue is the one place where failures are known by name: exit codes of calculations, decisions of the parsers,
handlers of the work chains and the page of the documentation are made from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from aiida_crystalmath.crystal.catalogue import Diagnosis, Finding, Severity, load_catalogue
from aiida_crystalmath.crystal.outputs.fort87 import read_fort87
from aiida_crystalmath.crystal.outputs.models import CrystalOutput
from aiida_crystalmath.crystal.outputs.sections.messages import NOISE

__all__ = ('CATALOGUE', 'Diagnosis', 'Finding', 'Severity', 'by_name', 'diagnose', 'exit_codes')


@dataclass(frozen=True)
class _Line:
    """A line that may hold a marker."""

    text: str
    where: str
    number: int


@dataclass(frozen=True)
class _Case:
    """Everything a rule may look at."""

    output: CrystalOutput
    errors: tuple[_Line, ...]
    noise: tuple[_Line, ...]
    found: tuple[Finding, ...]


def diagnose(output: CrystalOutput, fort87: str = '', stderr: str = '') -> list[Finding]:
    """Return the entries of the catalogue that fit a run, the most decisive first; an entry is given once.

    :param output: the parsed stdout.
    :param fort87: text of fort.87.
    :param stderr: text of the scheduler's or program's stderr.
    """
    errors = [_Line(message.raw, 'stdout', message.line) for message in output.errors]
    soft = [_Line(message.raw, 'stdout', message.line) for message in (*output.warnings, *output.information)]
    for message in read_fort87(fort87):
        # Words without the form of an error are a reason where the program stopped, and none where it ended.
        is_error = message.raw.startswith('ERROR') or not (message.routine or output.terminated)
        (errors if is_error else soft).append(_Line(message.raw, 'fort.87', message.line))
    noise = [_Line(message.raw, 'stdout', message.line) for message in output.noise]
    stderr_lines = [_Line(text.strip(), 'stderr', number) for number, text in enumerate(stderr.splitlines(), start=1)]
    errors += [line for line in stderr_lines if line.text.startswith('ERROR ****')]
    noise += [line for line in stderr_lines if NOISE.search(line.text)]
    if output.terminated and not errors:
        # What the machine says after a normal end (mpirun cleaning up, a signal to a sleeping rank) is no failure.
        soft, noise = soft + noise, []
    findings: list[Finding] = []
    for diagnosis in CATALOGUE:
        if diagnosis.rule is None:
            pool = errors + noise if diagnosis.severity == 'error' else soft + noise
            finding = _search(diagnosis, pool)
        else:
            case = _Case(output, tuple(errors), tuple(noise), tuple(findings))
            line = _RULES[diagnosis.rule](case)
            finding = None if line is None else Finding(diagnosis, line.text, line.where, line.number)
        if finding is not None:
            findings.append(finding)
    return findings


def _search(diagnosis: Diagnosis, pool: Iterable[_Line]) -> Finding | None:
    """Return the first line that has the marker."""
    for line in pool:
        if match := diagnosis.search(line.text):
            values = {key: value for key, value in match.groupdict().items() if value is not None}
            return Finding(diagnosis, line.text, line.where, line.number, values)
    return None


# ------------------------------------------------------------------------------------------------------------ rules


def _explained(case: _Case) -> bool:
    """Say whether an error with an exit code has been found already."""
    return any(finding.diagnosis.exit_code is not None for finding in case.found)


def _scf_too_many_cycles(case: _Case) -> _Line | None:
    """Find out whether the last SCF of the main output used up its cycles."""
    if case.output.scf_status != 'too_many_cycles':
        return None
    run = case.output.scf[-1]
    text = f'== SCF ENDED - TOO MANY CYCLES E(AU) {run.energy_hartree} CYCLES {run.n_cycles}'
    return _Line(text, 'stdout', run.line)


def _optimisation_failed(case: _Case) -> _Line | None:
    """Find out whether OPT END says FAILED and no ERROR line says it better."""
    optimisation = case.output.optimisation
    if optimisation is None or optimisation.status != 'failed' or _explained(case):
        return None
    text = f'* OPT END - FAILED * E(AU): {optimisation.energy_hartree} POINTS {optimisation.n_points} *'
    return _Line(text, 'stdout', optimisation.line)


def _optimisation_without_end(case: _Case) -> _Line | None:
    """Find out whether the program ended normally in the middle of an optimisation."""
    output = case.output
    if not output.terminated or _explained(case) or output.status != 'geometry_unconverged':
        return None
    optimisation = output.optimisation
    if optimisation is None or not optimisation.points:
        return _Line(output.last_line, 'stdout', output.n_lines)
    point = optimisation.points[-1]
    return _Line(f'{optimisation.kind} OPTIMIZATION - POINT {point.n}', 'stdout', point.line)


def _result_missing(case: _Case) -> _Line | None:
    """Find out whether the program ended normally without a result it was run for."""
    output = case.output
    if not output.terminated or _explained(case) or not output.missing_results:
        return None
    return _Line(
        f'no complete {", ".join(output.missing_results)} before: {output.last_line}', 'stdout', output.n_lines
    )


def _unclassified_error(case: _Case) -> _Line | None:
    """Find an ERROR line that no marker knows."""
    known = {(finding.evidence, finding.where) for finding in case.found}
    markers = [diagnosis for diagnosis in CATALOGUE if diagnosis.marker and diagnosis.severity == 'error']
    for line in case.errors:
        if (line.text, line.where) not in known and not any(diagnosis.search(line.text) for diagnosis in markers):
            return line
    return None


def _aborted_without_reason(case: _Case) -> _Line | None:
    """Find MPI_Abort where nobody says why."""
    if _explained(case) or case.output.terminated:
        return None
    return next((line for line in case.noise if re.search(r'MPI_Abort|MPI_ABORT|^Abort\(', line.text)), None)


def _interrupted(case: _Case) -> _Line | None:
    """Find out whether the program started, never said that it ended, and nothing tells why."""
    output = case.output
    if output.program is None or output.terminated or _explained(case):
        return None
    return _Line(output.last_line, 'stdout', output.n_lines)


def _not_crystal_output(case: _Case) -> _Line | None:
    """Find out whether there is no banner, and nothing tells why."""
    if case.output.program is not None or _explained(case):
        return None
    return _Line(case.output.last_line, 'stdout', case.output.n_lines)


def _level_shifted(case: _Case) -> _Line | None:
    """Find out whether a level shifter acts at the end."""
    return _Line('INSULATING STATE - LEVEL SHIFTER', 'stdout', 0) if case.output.level_shifted else None


def _told_elsewhere(case: _Case) -> _Line | None:
    """Find nothing: the scheduler, a monitor or a work chain tells this, and no file of the run does."""
    return None


_RULES: dict[str, Callable[[_Case], _Line | None]] = {
    'scf_too_many_cycles': _scf_too_many_cycles,
    'optimisation_failed': _optimisation_failed,
    'optimisation_without_end': _optimisation_without_end,
    'result_missing': _result_missing,
    'unclassified_error': _unclassified_error,
    'aborted_without_reason': _aborted_without_reason,
    'interrupted': _interrupted,
    'not_crystal_output': _not_crystal_output,
    'level_shifted': _level_shifted,
    'told_elsewhere': _told_elsewhere,
}


# -------------------------------------------------------------------------------------------------------- catalogue


_LOADED = load_catalogue('aiida_crystalmath.crystal', _RULES)

CATALOGUE = _LOADED.entries
"""All entries, the most decisive first."""

_BY_NAME = {diagnosis.name: diagnosis for diagnosis in CATALOGUE}


def by_name(name: str) -> Diagnosis:
    """Return an entry.

    :raises KeyError: there is none of this name.
    """
    return _BY_NAME[name]


def exit_codes() -> Iterator[tuple[int, str, str]]:
    """Give (status, label, message) of every exit code, by number."""
    return _LOADED.exit_codes()
