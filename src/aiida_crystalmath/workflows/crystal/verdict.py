"""How a calculation ended: what the scheduler says, what the program printed and what a monitor saw, together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.crystal.diagnosis import CATALOGUE, by_name

if TYPE_CHECKING:
    from aiida import orm

__all__ = ('Verdict', 'results_of')

SCHEDULER = {110: 'out_of_memory', 120: 'walltime', 140: 'node_failure', 170: 'cancelled'}
"""Entries of the catalogue for the exit codes of the scheduler."""

CANCELLED = 170
STOPPED_BY_MONITOR = 150

CUT = frozenset({'walltime', 'killed', 'interrupted', 'crashed', 'aborted_without_reason', 'not_crystal_output'})
"""What a run that is cut short says in its last words: with a better reason beside it, a consequence only."""

USUAL = {400: 'walltime', 404: 'interrupted', 410: 'scf_too_many_cycles', 500: 'geometry_not_converged'}
"""The entry meant by an exit code that several have, when no line was found."""


@dataclass(frozen=True)
class Verdict:
    """The end of a calculation.

    :param status: exit status of the calculation, 0 if it finished well.
    :param scheduler: the scheduler's part in it (100-199), if any.
    :param names: entries of the catalogue that explain the end, the decisive one first; empty if none does.
    :param warnings: entries that explain nothing, and yet stand in the output.
    :param words: what a monitor said when it stopped the job.
    :param values: numbers that the markers of the entries read, such as ``{'exchsize': '3735657'}``.
    """

    status: int
    scheduler: int | None
    names: tuple[str, ...]
    warnings: tuple[str, ...]
    words: str
    values: dict[str, str]

    @classmethod
    def of(cls, node: orm.CalcJobNode) -> Verdict:
        """Combine what is known of the end of a calculation.

        The program's own errors decide over the machine's verdict: a job that was killed after it said what is wrong
        would say it again. The last words of a run that was cut short decide nothing when the scheduler, or a monitor,
        tells why. Who cancels a job has decided already, whatever the program said.
        """
        status = node.exit_status or 0
        scheduler = status if 100 <= status < 200 else None
        found = results_of(node).get('diagnoses') or []
        values = {key: value for entry in found for key, value in (entry.get('values') or {}).items()}
        known = [entry['name'] for entry in found if entry['name'] in _names()]
        warnings = tuple(name for name in known if by_name(name).severity != 'error')
        errors = [name for name in known if name not in warnings] if status else []
        words = (node.exit_message or '') if status == STOPPED_BY_MONITOR else ''
        machine = _machine(status, words)
        if status == CANCELLED:
            own = []
        elif machine:
            own = [name for name in errors if name not in CUT and name != 'unclassified_error']
        else:
            own = [name for name in errors if name not in CUT] or errors[:1]
        names = tuple(dict.fromkeys([*own, *machine])) or _of_status(status)
        return cls(status, scheduler, names, warnings, words, values)

    @property
    def name(self) -> str | None:
        """The decisive entry of the catalogue."""
        return self.names[0] if self.names else None

    @property
    def is_out_of_time(self) -> bool:
        """Whether the time limit ended the run."""
        return 'walltime' in self.names

    @property
    def next_step(self) -> str:
        """What a person may do, in words."""
        if self.name is not None:
            return by_name(self.name).remedy
        return 'Read the last lines of the output and what the scheduler wrote (`crystalmath why`).'


def results_of(node: orm.CalcJobNode) -> dict[str, Any]:
    """Return the output parameters of a calculation, empty if it has none."""
    return node.outputs.output_parameters.get_dict() if 'output_parameters' in node.outputs else {}


def _machine(status: int, words: str) -> list[str]:
    """Return what the scheduler, or a monitor, says, as entries of the catalogue."""
    if status == STOPPED_BY_MONITOR:
        name = words.partition(':')[0].strip()
        return [name] if name in _names() else []
    return [SCHEDULER[status]] if status in SCHEDULER else []


def _of_status(status: int) -> tuple[str, ...]:
    """Return the entry of an exit code."""
    if status in USUAL:
        return (USUAL[status],)
    return next(((entry.name,) for entry in CATALOGUE if status and entry.exit_code == status), ())


@cache
def _names() -> frozenset[str]:
    return frozenset(entry.name for entry in CATALOGUE)
