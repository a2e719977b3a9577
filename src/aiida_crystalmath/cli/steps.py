"""Steps that set something up: what is there is left, what is not is made, each said in one row of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.common import console
from aiida_crystalmath.machines.families import FAMILIES, has_family, make_family

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {
    'present': 'dim',
    'made': 'green',
    'would be made': 'yellow',
    'not made': 'red',
    'found': 'dim',
    'passed': 'green',
}


@dataclass
class Step:
    """One thing to see to.

    :param name: what it is about.
    :param present: whether it is there already.
    :param detail: what is, or will be, there.
    :param undo: command that takes it away again; empty when nothing needs to be.
    :param action: what makes it; a text that it returns replaces ``detail``.
    :param word: what to call its state, if not by one of the words for things made.
    """

    name: str
    present: bool
    detail: str
    undo: str = ''
    action: Callable[[], Any] | None = None
    done: bool = False
    word: str = ''

    def as_dict(self, dry_run: bool) -> dict[str, Any]:
        """Return what a script wants to know of this step."""
        state = 'present' if self.present else 'would be made' if dry_run else 'made' if self.done else 'not made'
        return {'step': self.name, 'state': self.word or state, 'detail': self.detail, 'undo': self.undo}


def family_steps(name: str, there: bool) -> list[Step]:
    """Return the steps that install the basis sets every profile begins with.

    :param name: of the profile.
    :param there: whether the profile is there, and loaded.
    """
    return [
        Step(
            'basis sets',
            there and has_family(family),
            family,
            f'verdi -p {name} group delete {family}',
            partial(make_family, family),
        )
        for family in FAMILIES
    ]


def carry_out(steps: list[Step], quiet: bool) -> None:
    """Do the steps that are not present, in order, each announced."""
    from rich.status import Status

    out = console(stderr=True)
    for step in steps:
        if step.present or step.action is None:
            continue
        if quiet or not out.is_terminal:
            said = step.action()
        else:
            with Status(f'{step.name}: {step.detail}', console=out):
                said = step.action()
        step.detail = said if isinstance(said, str) else step.detail
        step.done = True


def print_steps(steps: list[Step], out: Console, dry_run: bool = False) -> None:
    """Print a row for each step."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style='bold')
    for title in ('step', 'state', 'what'):
        table.add_column(title, overflow='fold')
    for step in steps:
        state = str(step.as_dict(dry_run)['state'])
        table.add_row(step.name, f'[{COLOURS[state]}]{state}[/]', escape(step.detail))
    out.print(table)
