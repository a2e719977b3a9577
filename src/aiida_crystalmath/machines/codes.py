"""Codes: the programs of CRYSTAL on a computer, as AiiDA knows them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiida.orm import Code

CRYSTAL = 'crystalmath.crystal23'
PROPERTIES = 'crystalmath.properties23'
ONE_THREAD = 'export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}'


def is_standin(code: Code) -> bool:
    """Tell whether a code is one of the stand-in's programs."""
    return Path(str(code.filepath_executable)).name.startswith('crystalmath-')


def is_gone(code: Code) -> bool:
    """Tell whether the program of a code on this machine is missing; of other machines nothing is known."""
    is_here = code.computer is not None and code.computer.transport_type == 'core.local'
    return is_here and not Path(str(code.filepath_executable)).is_file()


def code_program(label: str, computer: str) -> Path | None:
    """Return the program that a code runs, or ``None`` where there is no such code."""
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    try:
        return Path(str(orm.load_code(f'{label}@{computer}').filepath_executable))
    except NotExistent:
        return None


def real_codes() -> list[str]:
    """Return the labels of the codes of CRYSTAL itself whose programs are there."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.InstalledCode, filters={'attributes.input_plugin': CRYSTAL})
    codes = [code for code in query.all(flat=True) if not code.is_hidden]
    return [code.full_label for code in codes if not is_standin(code) and not is_gone(code)]


def make_code(
    label: str, computer: str, path: str, plugin: str, *, with_mpi: bool, prepend_text: str = ONE_THREAD
) -> Code:
    """Make a code for a program; an old one of that label is put aside.

    A stored code cannot be changed, and what it has run must stay true: it is renamed and hidden.
    """
    from aiida import orm

    if code_program(label, computer) is not None:
        old = orm.load_code(f'{label}@{computer}')
        old.label = f'{label}-old-{old.pk}'
        old.is_hidden = True
    code = orm.InstalledCode(
        label=label,
        computer=orm.load_computer(label=computer),
        filepath_executable=path,
        default_calc_job_plugin=plugin,
        with_mpi=with_mpi,
        prepend_text=prepend_text,
        description='Set up by crystalmath',
    )
    return code.store()
