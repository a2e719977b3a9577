"""What the parsers share: retrieved text, the findings of the catalogue, and the exit code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_crystalmath.calculations.retrieved import read_retrieved
from aiida_crystalmath.crystal.units import HARTREE_EV

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.diagnosis import Finding
    from aiida_crystalmath.crystal.outputs.models import CrystalOutput

__all__ = ('CrystalParserBase', 'ParserBase', 'drop_none', 'finite', 'to_ev')

MAX_MESSAGES = 50
"""Of a flood of equal warnings only the first ones are kept in the database."""


class ParserBase(Parser):
    """Base of the parsers: they open retrieved files, call the ground floors, and build nodes."""

    @cached_property
    def files(self) -> orm.FolderData:
        """The retrieved files; AiiDA's own property looks for the node in the database whenever it is read."""
        return self.retrieved

    def text(self, name: str) -> str | None:
        """Return the content of a retrieved file, undecodable bytes replaced; None if it was not retrieved."""
        try:
            content: bytes = self.files.base.repository.get_object_content(name, mode='rb')
        except FileNotFoundError:
            return None
        return content.decode('utf-8', errors='replace')

    def scheduler_stderr(self) -> str:
        """Return what the scheduler caught on stderr, where MPI programs leave their last words."""
        name = self.node.get_option('scheduler_stderr')
        return (self.text(name) if name else None) or ''

    def attach(self, label: str, node: orm.Data, engine: str | None) -> None:
        """Attach an output, marked with the engine that computed it, if one did."""
        if engine is not None:
            node.base.extras.set('engine', engine)
        self.out(label, node)

    def attach_parameters(self, parameters: dict[str, Any], engine: str | None) -> None:
        """Attach ``output_parameters``; numbers that are none (asterisks, NaN) become null, as the database wants."""
        self.attach('output_parameters', orm.Dict(finite(parameters)), engine)

    def failure(self, label: str) -> ExitCode:
        """Return the exit code of a label of the calculation job."""
        code: ExitCode = self.exit_codes[label]
        return code

    def scheduler_verdict(self) -> ExitCode | None:
        """Return what the scheduler says of the end of the job (walltime, memory, node), which is never hidden."""
        status = self.node.exit_status
        return ExitCode(status, self.node.exit_message) if status else None

    def conclude(self, findings: Iterable[Finding], otherwise: ExitCode | None = None) -> ExitCode | None:
        """Log the findings and choose the exit code.

        The scheduler's verdict comes first; then the most decisive finding that has an exit code; then ``otherwise``.
        """
        chosen: ExitCode | None = None
        for finding in findings:
            diagnosis = finding.diagnosis
            log = self.logger.error if diagnosis.exit_code else self.logger.warning
            log(f'{diagnosis.name}: {diagnosis.message} [{_evidence(finding)}]')
            if chosen is None and diagnosis.exit_code:
                chosen = self.exit_codes(diagnosis.exit_code)
        return self.scheduler_verdict() or chosen or otherwise


class CrystalParserBase(ParserBase):
    """Base of the parsers of CRYSTAL's programs."""

    def output(self, default: str) -> CrystalOutput | None:
        """Read the output of the program as a stream, however large it is; None if it was not retrieved.

        :param default: name of the file, if the options do not say.
        """
        name = str(self.node.get_option('output_filename') or default)
        return read_retrieved(self.node, self.files, name)

    def conclude_without_program(self, output: CrystalOutput | None) -> ExitCode | None:
        """Conclude a run that has no output of the program, or none with its banner: killed before it printed, mostly.

        What fort.87 and the scheduler's stderr tell is kept in ``output_parameters`` all the same, so that handlers and
        readers see the reason beside the scheduler's verdict. Nobody knows the engine of such a run.

        :param output: what was printed instead; None if there is no file.
        """
        from aiida_crystalmath.crystal.diagnosis import diagnose
        from aiida_crystalmath.crystal.outputs.models import CrystalOutput

        findings = diagnose(output or CrystalOutput(), self.text('fort.87') or '', self.scheduler_stderr())
        if output is None:  # that there is no banner tells nothing then
            findings = [finding for finding in findings if finding.name != 'not_crystal_output']
        told = program_parameters(output) if output is not None and output.program is not None else {}
        if findings or told:
            self.attach_parameters({**told, 'diagnoses': describe(findings)}, told.get('engine'))
        label = 'ERROR_STDOUT_MISSING' if output is None else 'ERROR_NOT_CRYSTAL_OUTPUT'
        return self.conclude(findings, self.failure(label))


def _evidence(finding: Finding) -> str:
    """Return the line of output that a finding stands on."""
    return str(finding.evidence).strip()[:200]


def describe(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return findings as plain data for ``output_parameters``."""
    return [
        drop_none(
            {
                'name': finding.diagnosis.name,
                'severity': finding.diagnosis.severity,
                'message': finding.diagnosis.message,
                'remedy': finding.diagnosis.remedy,
                'evidence': _evidence(finding),
                'values': finding.values or None,
            }
        )
        for finding in findings
    ]


def program_parameters(output: CrystalOutput) -> dict[str, Any]:
    """Return what both programs tell: engine, version, times, messages."""
    return drop_none(
        {
            'engine': output.engine,
            'version': output.version,
            'release': output.release,
            'program': output.program,
            'status': output.status,
            'terminated': output.terminated,
            'incomplete_results': output.incomplete_results or None,
            'wall_time_s': output.timings.wall_s,
            'cpu_time_s': output.timings.cpu_s,
            'n_processes': output.resources.n_processes,
            'n_threads': output.resources.n_threads,
            'peak_memory_mb': output.resources.peak_memory_mb,
            'warnings': [message.raw for message in output.warnings[:MAX_MESSAGES]],
            'errors': [message.raw for message in output.errors[:MAX_MESSAGES]],
        }
    )


def finite(value: Any) -> Any:
    """Return plain data with None in place of numbers that are not finite."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def drop_none(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not known: an absent key is honest, a null invites misuse."""
    return {key: value for key, value in values.items() if value is not None}


def to_ev(hartree: float | None) -> float | None:
    """Convert an energy that may be unknown."""
    return None if hartree is None else hartree * HARTREE_EV


def temporary_file(folder: str | None, name: str) -> str | None:
    """Return the content of a temporarily retrieved file, None if it is not there."""
    if folder is None:
        return None
    path = Path(folder) / name
    return path.read_text(encoding='utf-8', errors='replace') if path.is_file() else None
