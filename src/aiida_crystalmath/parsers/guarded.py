"""What the parsers of all programs share: retrieved text, outputs, the findings of a catalogue, and the exit code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.catalogue import Finding

__all__ = ('GuardedParser', 'describe', 'drop_none', 'finite')


class GuardedParser(Parser):
    """Base of the parsers: they open retrieved files, call the floor of their program, and build nodes."""

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
