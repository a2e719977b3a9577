"""The part of ``crystalmath why`` that looks into AiiDA: the calculation where a failure began, and its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli.common import echo_json, load_any, load_process, load_profile
from aiida_crystalmath.cli.summary import deepest_failure
from aiida_crystalmath.cli.why import print_explanation

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_crystalmath.crystal.explanation import Explanation

FORT87 = 'fort.87'


def explain_node(ctx: click.Context, identifier: str, *, as_json: bool, all_remarks: bool) -> None:
    """Explain a process: say where its failure began, and read the files of that calculation."""
    load_profile(ctx)
    node = load_process(identifier)
    failure = deepest_failure(node)
    deepest = load_any(str(failure['pk'])) if failure else node
    explanation = explain_retrieved(deepest)
    if as_json:
        echo_json({**_describe(node), 'failure': failure, 'explanation': explanation and explanation.as_dict()})
        return
    _print_process(node, failure)
    if explanation is not None:
        click.echo('')
        print_explanation(explanation, all_remarks=all_remarks)
    elif failure:
        click.echo(f'More: verdi process report {failure["pk"]}')


def explain_retrieved(node: Any) -> Explanation | None:
    """Explain the output that a calculation job retrieved; None if it has none."""
    from aiida.orm import CalcJobNode

    from aiida_crystalmath.crystal.explanation import explain
    from aiida_crystalmath.crystal.run_files import Beside
    from aiida_crystalmath.crystal.summary import read_lines

    if not isinstance(node, CalcJobNode) or 'retrieved' not in node.outputs:
        return None
    name = node.get_option('output_filename') or 'crystal.out'
    text = _retrieved(node, name)
    if text is None:
        return None
    text = _own_part(node, text)
    stderr = node.get_option('scheduler_stderr')
    beside = Beside(_retrieved(node, FORT87) or '', None, (_retrieved(node, stderr) or '') if stderr else '', None)
    return explain(read_lines(text.splitlines(keepends=True), f'{name} of {node.pk}', beside), text)


def _retrieved(node: Any, name: str) -> str | None:
    """Return a retrieved file, undecodable bytes replaced; None if it was not retrieved."""
    try:
        content: bytes = node.outputs.retrieved.base.repository.get_object_content(name, mode='rb')
    except FileNotFoundError:
        return None
    return content.decode('utf-8', errors='replace')


def _own_part(node: Any, text: str) -> str:
    """Return what the calculation itself printed, of the output of several programs that was imported.

    What stands before becomes blank lines, so that the numbers of the lines stay those of the file.
    """
    from aiida_crystalmath.crystal.discovery.parts import parts_of

    part = (node.get_option('import_from') or {}).get('part')
    content = text.encode()
    parts = parts_of(content) if part is not None else []
    if part is None or part >= len(parts):
        return text
    first, end = parts[part]
    return '\n' * content.count(b'\n', 0, first) + content[first:end].decode()


def _describe(node: ProcessNode) -> dict[str, Any]:
    """Return what identifies a process and how it ended."""
    return {
        'pk': node.pk,
        'uuid': node.uuid,
        'process': node.process_label,
        'state': node.process_state.value if node.process_state else 'created',
        'exit_status': node.exit_status,
        'exit_message': node.exit_message,
        'is_ok': node.is_finished_ok,
    }


def _print_process(node: ProcessNode, failure: dict[str, Any] | None) -> None:
    """Print how the process ended, and where its failure began."""
    head = f'{node.process_label or type(node).__name__} PK {node.pk}'
    if not node.is_terminated:
        click.echo(f'{head} has not ended yet.')
    elif failure is None:
        click.echo(f'{head}: {click.style("finished well", fg="green", bold=True)}')
    else:
        reason = node.exit_message or node.exception or (node.process_state.value if node.process_state else '')
        status = f'exit status {node.exit_status}, ' if node.exit_status else ''
        click.echo(f'{head}: {click.style("failed", fg="red", bold=True)}, {status}{reason}')
        if failure['pk'] != node.pk:
            reason = failure['exit_message'] or failure['exception'] or failure['state']
            status = f'exit status {failure["exit_status"]}, ' if failure['exit_status'] else ''
            click.echo(f'It began in {failure["process"] or "the process"} PK {failure["pk"]}: {status}{reason}')
