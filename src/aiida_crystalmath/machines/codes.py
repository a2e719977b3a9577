"""Codes: the programs of CRYSTAL, pw.x and those of Yambo on a computer, as AiiDA knows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiida.orm import Code

CRYSTAL = 'crystalmath.crystal23'
PROPERTIES = 'crystalmath.properties23'
PW = 'quantumespresso.pw'
MANY_BODY = {'pw.x': PW, 'p2y': 'crystalmath.p2y', 'yambo': 'crystalmath.yambo', 'ypp': 'crystalmath.ypp'}
"""Calculations of the programs of Quantum ESPRESSO and Yambo, by their names."""

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
    code = _code(label, computer)
    return None if code is None else Path(str(code.filepath_executable))


def real_codes() -> list[str]:
    """Return the labels of the codes of CRYSTAL itself whose programs are there."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.InstalledCode, filters={'attributes.input_plugin': CRYSTAL})
    codes = [code for code in query.all(flat=True) if not code.is_hidden]
    return [code.full_label for code in codes if not is_standin(code) and not is_gone(code)]


@contextmanager
def or_the_old_one(label: str, computer: str) -> Iterator[None]:
    """Make and try a code of that label within: if that fails or is interrupted, the one that was there is back."""
    old = _code(label, computer)
    was_hidden = old is not None and old.is_hidden
    try:
        yield
    except BaseException:
        new = _code(label, computer)
        if new is not None and (old is None or new.pk != old.pk):
            _put_aside(new, 'failed')
        if old is not None:
            old.label, old.is_hidden = label, was_hidden
        raise


def _code(label: str, computer: str) -> Code | None:
    """Return the code of that label, or ``None`` where there is none."""
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    try:
        return orm.load_code(f'{label}@{computer}')
    except NotExistent:
        return None


def _put_aside(code: Code, why: str) -> None:
    """Rename and hide a code; what it has run stays true."""
    code.label, code.is_hidden = f'{code.label}-{why}-{code.pk}', True


def make_code(
    label: str, computer: str, path: str, plugin: str, *, with_mpi: bool | None, prepend_text: str = ONE_THREAD
) -> Code:
    """Make a code for a program; an old one of that label is put aside.

    A stored code cannot be changed, and what it has run must stay true: it is renamed and hidden.

    :param with_mpi: ``None`` leaves it to each job.
    """
    from aiida import orm

    old = _code(label, computer)
    if old is not None:
        _put_aside(old, 'old')
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
