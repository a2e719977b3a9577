"""The codes of a chain over pw.x and Yambo: those that were named, and beside them the only sensible others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.common import fail
from aiida_crystalmath.machines.codes import MANY_BODY, is_gone

if TYPE_CHECKING:
    from aiida.orm import InstalledCode

__all__ = ('PLUGINS', 'anchor_code', 'find_codes')

PROGRAMS = {'pw': 'pw.x', 'p2y': 'p2y', 'yambo': 'yambo', 'ypp': 'ypp'}
PLUGINS = {name: MANY_BODY[program] for name, program in PROGRAMS.items()}
"""By the name that the chains have for it, the calculation of each code."""

NEEDED = ('pw', 'p2y', 'yambo')


def find_codes(options: dict[str, Any], chain: str) -> dict[str, Any]:
    """Return the codes of pw.x, p2y and yambo, and ypp if there is one, on one computer.

    Exits with an explanation if one is missing, if they are on several computers, or if it is not clear which is meant.

    :param options: of the command: ``pw_code``, ``p2y_code``, ``yambo_code``, ``ypp_code``.
    """
    named = {name: _named(name, str(options[f'{name}_code'])) for name in PLUGINS if options.get(f'{name}_code')}
    there = {name: [named[name]] if name in named else _all(plugin) for name, plugin in PLUGINS.items()}
    _fail_for_missing([name for name in NEEDED if not there[name]], chain)
    computers = {name: {code.computer.pk: code.computer.label for code in codes} for name, codes in there.items()}
    must = [*NEEDED, *(['ypp'] if 'ypp' in named else [])]
    common = [pk for pk in computers['pw'] if all(pk in computers[name] for name in must)]
    if not common:
        places = '; '.join(f'{PROGRAMS[name]} on {", ".join(computers[name].values())}' for name in must)
        fail(
            f'the codes are not on one computer ({places}), and wavefunctions are not moved.',
            'Set up the others beside one of them: crystalmath setup code COMPUTER pw.x p2y yambo ypp',
        )
    chosen: dict[str, Any] = {}
    for name, codes in there.items():
        here = [code for code in codes if code.computer.pk in common]
        if len(here) > 1 and (name in NEEDED or len({code.computer.pk for code in here}) == 1):
            names = ', '.join(code.full_label for code in here)
            fail(f'there are several codes for {PROGRAMS[name]}: {names}.', f'Choose one with --{name}-code.')
        if here:
            chosen[name] = here[0]
    return chosen


def anchor_code(options: dict[str, Any], chain: str) -> InstalledCode:
    """Return the code whose computer the chain runs on."""
    code: InstalledCode = find_codes(options, chain)['pw']
    return code


def _named(name: str, identifier: str) -> InstalledCode:
    """Load a code that was named; exits with an explanation if it is none for that program."""
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        code: Any = orm.load_code(identifier)
    except (NotExistent, MultipleObjectsError, ValueError) as exception:
        fail(f'--{name}-code: no code "{identifier}": {exception}', 'List the codes with "verdi code list".')
    plugin = code.default_calc_job_plugin
    if plugin not in (None, PLUGINS[name]):
        fail(
            f'--{name}-code: "{identifier}" is a code of {plugin}, not of {PLUGINS[name]}.',
            'List the codes with "verdi code list".',
        )
    if isinstance(code, orm.InstalledCode) and is_gone(code):
        fail(f'--{name}-code: the program of "{identifier}", {code.filepath_executable}, is not there any more.')
    return code  # type: ignore[no-any-return]


def _all(plugin: str) -> list[Any]:
    """Return the codes for a calculation whose programs are there, as far as one can see."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.InstalledCode, filters={'attributes.input_plugin': plugin})
    return [code for code in query.all(flat=True) if not code.is_hidden and code.computer and not is_gone(code)]


def _fail_for_missing(names: list[str], chain: str) -> None:
    """Exit with what is missing, for what, and how to set it up."""
    if not names:
        return
    programs = ' '.join(PROGRAMS[name] for name in names)
    of = ', '.join(f'{PROGRAMS[name]} ({PLUGINS[name]})' for name in names)
    fail(
        f'--chain {chain} needs codes that are not set up: {of}.',
        f'Set them up where the programs are, on a computer of "verdi computer list": crystalmath setup code COMPUTER '
        f'{programs}\n(or one by one with "verdi code create core.code.installed").',
    )
