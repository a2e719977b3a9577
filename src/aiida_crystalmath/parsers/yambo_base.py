"""What the parsers of p2y, yambo and ypp share: the texts of a run, and what is told of it in ``output_parameters``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.calculations.yambo_base import TRACE
from aiida_crystalmath.parsers.guarded import GuardedParser, describe, drop_none

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.catalogue import Finding
    from aiida_crystalmath.yambo.inputs import Difference
    from aiida_crystalmath.yambo.outputs.messages import Message
    from aiida_crystalmath.yambo.outputs.report import Levels, Report

__all__ = ('YamboParserBase', 'level_keys', 'report_keys')

MAX_MESSAGES = 50
"""Of a flood of warnings only the first ones are kept in the database."""


class YamboParserBase(GuardedParser):
    """Base of the parsers of Yambo's programs."""

    def texts(self, temporary: str | None) -> dict[str, str]:
        """Return reports, logs and tables of the run, by path: those that are kept, and those only the parser sees."""
        found: dict[str, str] = {}
        repository = self.files.base.repository
        for root, _, names in repository.walk():
            for name in names:
                if name.startswith(('r-', 'r_', 'l-', 'l_', 'o-')):
                    path = (Path(root) / name).as_posix()
                    found[path] = self.text(path) or ''
        if temporary is not None:
            for file in sorted(Path(temporary).rglob('l[-_]*')):
                path = file.relative_to(temporary).as_posix()
                found.setdefault(path, file.read_text(encoding='utf-8', errors='replace'))
        return found

    def ran(self) -> bool:
        """Tell whether the program began, where it left neither report nor log: by its trace, or MPI's last words."""
        name = str(self.node.get_option('output_filename'))
        words = (self.text(name) or '') + self.scheduler_stderr()
        return TRACE in self.files.base.repository.list_object_names() or 'MPI_ABORT was invoked' in words

    def told(
        self,
        program: str,
        status: str,
        report: Report | None,
        *,
        messages: Sequence[Message],
        findings: Iterable[Finding],
        differences: Iterable[Difference] = (),
    ) -> dict[str, Any]:
        """Return what ``output_parameters`` of every run have."""
        return {
            'program': program,
            'engine': program,
            'status': status,
            **(report_keys(report) if report is not None else {}),
            'warnings': _words(messages, 'warning'),
            'errors': _words(messages, 'error'),
            'input_differences': [
                drop_none({'name': item.name, 'sort': item.sort, 'asked': item.asked, 'used': item.used})
                for item in differences
            ],
            'diagnoses': describe(findings),
        }


def report_keys(report: Report) -> dict[str, Any]:
    """Return what a report says of the program, the system and the resources."""
    return drop_none(
        {
            'version': report.version,
            'revision': report.revision,
            'n_processes': report.n_processes,
            'n_threads': report.n_threads,
            'n_bands': report.n_bands,
            'n_kpoints': report.n_kpoints,
            'n_electrons': report.n_electrons,
            'n_spins': report.n_spins,
            'n_spinors': report.n_spinors,
            'kpoints_mesh': list(report.grid) if report.grid is not None else None,
            'last_section': report.last_section,
            'memory_peak_mb': report.memory_peak_mb,
            'wall_time_s': report.wall_time_s,
            'started_at': report.started.isoformat() if report.started is not None else None,
            'ended_at': report.ended.isoformat() if report.ended is not None else None,
        }
    )


def level_keys(levels: Levels, prefix: str = '') -> dict[str, Any]:
    """Return gaps and edges; energies in eV, k-points counted from 1.

    :param prefix: of the names: ``dft_``, ``starting_`` or nothing.
    """
    values: Mapping[str, Any] = {
        'gap_direct_ev': levels.gap_direct_ev,
        'gap_direct_kpoint': levels.gap_direct_kpoint,
        'gap_indirect_ev': levels.gap_indirect_ev,
        'gap_indirect_kpoints': list(levels.gap_indirect_kpoints) if levels.gap_indirect_kpoints is not None else None,
    }
    return drop_none({f'{prefix}{name}': value for name, value in values.items()})


def _words(messages: Iterable[Message], kind: str) -> list[str]:
    return [message.text for message in messages if message.kind == kind][:MAX_MESSAGES]
