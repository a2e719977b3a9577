"""Which remedy is proven by which test: collected from the markers of the tests, without running or importing them.

A test that shows a remedy at work carries ``@pytest.mark.proves('scf_too_many_cycles', handler='handle_small_gap',
by='physics')``: the entry of the catalogue that went wrong, the handler that acted, and whether real physics failed and
was cured (the stand-in) or recorded files of CRYSTAL were played again and the two inputs compared.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parents[1] / 'tests'
WAYS = ('physics', 'replay')

UNPROVEN: dict[str, str] = {
    'handle_node_failure': 'only a scheduler reports it; tested on a finished calculation with its exit status',
}
"""Handlers that no test proves, with the reason; listed in the documentation."""


class Proof(NamedTuple):
    """A test that proves a remedy.

    :param by: ``physics`` or ``replay``.
    :param test: its file, from the folder of the tests, and its name.
    """

    diagnosis: str
    handler: str
    by: str
    test: str


def collect_proofs(tests: Path = TESTS) -> list[Proof]:
    """Return what all tests prove.

    :raises ValueError: if a marker is not of the form above.
    """
    found = []
    for path in sorted(tests.rglob('test_*.py')):
        text = path.read_text()
        if 'mark.proves' not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                where = f'{path.relative_to(tests)}::{node.name}'
                found += [Proof(*marker, where) for marker in _markers(node, where)]
    return found


def _markers(function: ast.FunctionDef, where: str) -> Iterator[tuple[str, str, str]]:
    """Yield diagnosis, handler and way of every marker of a test; one marker may name several diagnoses."""
    for decorator in function.decorator_list:
        if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == 'pytest.mark.proves'):
            continue
        try:
            diagnoses = [ast.literal_eval(argument) for argument in decorator.args]
            keywords = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in decorator.keywords}
        except ValueError as exception:
            raise ValueError(f'{where}: the arguments of `proves` must be plain text') from exception
        if not diagnoses or set(keywords) != {'handler', 'by'} or keywords['by'] not in WAYS:
            raise ValueError(f"{where}: write proves('diagnosis', handler='handle_...', by='physics' or 'replay')")
        for diagnosis in diagnoses:
            yield diagnosis, keywords['handler'], keywords['by']


def remedies_page() -> str:
    """Return the page with the table of diagnoses, remedies and their proofs."""
    from aiida_crystalmath.crystal.diagnosis import CATALOGUE
    from aiida_crystalmath.workflows.crystal.remedies import remedies

    proofs = collect_proofs()
    table = remedies()
    lines = [
        '# Remedies, and how they are proven',
        '',
        'Made from the handlers of `CrystalBaseWorkChain`, the catalogue of failures and the markers of the tests. '
        '**physics**: the stand-in really failed so, and was cured to the right energy. **replay**: recorded files of '
        'a failing run of CRYSTAL (or, where none may be published, its documented message) were played, then good '
        'ones, and the input of the second run was compared with that of the first. **by its kin**: the handler is '
        'proven with another failure that it treats in the same way. How far the remedies may go is set in the '
        '{doc}`configuration of recovery </topics/recovery>`.',
        '',
        '| failure | what is done | handler | proven by |',
        '|---|---|---|---|',
    ]
    for entry in CATALOGUE:
        for one in table[entry.name]:
            name = one.handler.removeprefix('handle_')
            request = ' (on request)' if one.remedy.on_request else ''
            strategy = one.strategy.split('. ')[0].rstrip('.').replace('|', '\\|')
            lines.append(
                f'| {entry.name} | {strategy}{request} | `{name}` | {_proven(entry.name, one.handler, proofs)} |'
            )
    lines += ['', '## Left to a person', '', 'The chain stops at once, and `crystalmath why` says what to do.', '']
    lines += ['| failure | what to do |', '|---|---|']
    for entry in CATALOGUE:
        if entry.severity == 'error' and not table[entry.name]:
            lines.append(f'| {entry.name} | {" ".join(entry.remedy.split())} |'.replace('\\|', '|'))
    return '\n'.join(lines) + '\n'


def _proven(diagnosis: str, handler: str, proofs: list[Proof]) -> str:
    """Return how a remedy is proven for a failure."""
    own = [proof.by for proof in proofs if proof.handler == handler and proof.diagnosis == diagnosis]
    if own:
        return ' and '.join(way for way in WAYS if way in own)
    kin = {proof.by for proof in proofs if proof.handler == handler}
    if kin:
        return f'{" and ".join(way for way in WAYS if way in kin)}, by its kin'
    return f'unproven: {UNPROVEN.get(handler, "no test is marked")}'
