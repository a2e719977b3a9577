"""What the parsers of CRYSTAL's programs share: retrieved text, the findings of the catalogue, and the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida.engine import ExitCode

from aiida_crystalmath.calculations.retrieved import read_retrieved
from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.parsers.guarded import GuardedParser, describe, drop_none, finite

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.outputs.models import CrystalOutput

__all__ = ('CrystalParserBase', 'describe', 'drop_none', 'finite', 'to_ev')

MAX_MESSAGES = 50
"""Of a flood of equal warnings only the first ones are kept in the database."""


class CrystalParserBase(GuardedParser):
    """Base of the parsers: they open retrieved files, call :mod:`aiida_crystalmath.crystal`, and build nodes."""

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


def to_ev(hartree: float | None) -> float | None:
    """Convert an energy that may be unknown."""
    return None if hartree is None else hartree * HARTREE_EV


def temporary_file(folder: str | None, name: str) -> str | None:
    """Return the content of a temporarily retrieved file, None if it is not there."""
    if folder is None:
        return None
    path = Path(folder) / name
    return path.read_text(encoding='utf-8', errors='replace') if path.is_file() else None
