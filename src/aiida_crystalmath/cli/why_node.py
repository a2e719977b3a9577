"""The part of ``crystalmath why`` that looks into AiiDA: the calculation where a failure began, and its files."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from aiida_crystalmath.cli import why_story
from aiida_crystalmath.cli.common import echo_json, load_process, load_profile
from aiida_crystalmath.cli.summary import deepest_failure
from aiida_crystalmath.cli.why import print_explanation

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_crystalmath.crystal.explanation import Explanation

FORT87 = 'fort.87'
N_LAST_WORDS = 3
OF_CRYSTAL = ('crystalmath.crystal23', 'crystalmath.properties23')
"""Entry points of the programs whose output is read again here; of others the parser's diagnoses are told."""


def explain_node(ctx: click.Context, identifier: str, *, as_json: bool, all_remarks: bool) -> None:
    """Explain a process: where its failure began, what the files of that calculation say, what was tried, what to do.

    A process that waits is followed to the one that it waits for.
    """
    from aiida_crystalmath.workflows.failures import failure_path

    load_profile(ctx)
    node = load_process(identifier)
    path = failure_path(node) or [node]
    deepest = path[-1]
    explanation = explain_retrieved(deepest)
    reports = why_story.attempts_along(path)
    steps = why_story.next_steps(path) if not node.is_finished_ok else []
    if as_json:
        story = {
            'path': [_describe(level) for level in path],
            'standing': why_story.standing(deepest),
            'scheduler': why_story.scheduler_says(deepest),
            'explanation': explanation and explanation.as_dict(),
            'diagnoses': diagnoses_of(deepest),
            'last_words': last_words(deepest)[1],
            'recovery': reports,
            'next_steps': steps,
        }
        echo_json({**_describe(node), 'failure': deepest_failure(node), **story})
        return
    _print_process(node, path)
    for line in [*why_story.standing(deepest), why_story.scheduler_says(deepest)]:
        if line:
            click.echo(line)
    if explanation is not None:
        click.echo('')
        print_explanation(explanation, all_remarks=all_remarks)
    elif diagnoses := diagnoses_of(deepest):
        _print_diagnoses(diagnoses)
        _print_last_words(deepest)
    elif last_words(deepest)[1]:
        _print_last_words(deepest)
        click.echo(f'More: verdi process report {deepest.pk}')
    elif node.is_terminated and not node.is_finished_ok:
        click.echo(f'More: verdi process report {deepest.pk}')
    why_story.print_attempts(reports)
    advice = next((report['next_step'] for report in reversed(reports) if report['next_step']), '')
    told = explanation is None and any(item.get('remedy') == advice for item in diagnoses_of(deepest))
    if advice and not steps and not told:
        click.echo(f'\nNext step: {advice}')
    why_story.print_next_steps(steps)


def explain_retrieved(node: Any) -> Explanation | None:
    """Explain the output that a calculation job retrieved; None if it has none."""
    from aiida.orm import CalcJobNode

    from aiida_crystalmath.crystal.explanation import explain
    from aiida_crystalmath.crystal.run_files import Beside
    from aiida_crystalmath.crystal.summary import read_lines

    if not isinstance(node, CalcJobNode) or 'retrieved' not in node.outputs:
        return None
    if not str(node.process_type).endswith(OF_CRYSTAL):
        return None
    name = node.get_option('output_filename') or 'crystal.out'
    text = _retrieved(node, name)
    if text is None:
        return None
    text = _own_part(node, text)
    stderr = node.get_option('scheduler_stderr')
    beside = Beside(_retrieved(node, FORT87) or '', None, (_retrieved(node, stderr) or '') if stderr else '', None)
    return explain(read_lines(text.splitlines(keepends=True), f'{name} of {node.pk}', beside), text)


def diagnoses_of(node: Any) -> list[dict[str, Any]]:
    """Return what the parser found wrong with a calculation, of whatever program, the most decisive first."""
    outputs: Any = getattr(node, 'outputs', None)
    if outputs is None or 'output_parameters' not in outputs:
        return []
    found: list[dict[str, Any]] = outputs.output_parameters.get_dict().get('diagnoses') or []
    return found


def last_words(node: Any) -> tuple[str, list[str]]:
    """Return the file and the last lines of what a job that failed wrote to stderr (or, of Yambo's, to its output).

    Empty for the programs of CRYSTAL, whose output is explained.
    """
    from aiida.orm import CalcJobNode

    if not isinstance(node, CalcJobNode) or node.is_finished_ok or 'retrieved' not in node.outputs:
        return '', []
    if str(node.process_type).endswith(OF_CRYSTAL):
        return '', []
    names = [node.get_option('scheduler_stderr')]
    if ':crystalmath.' in str(node.process_type):
        names.append(node.get_option('output_filename'))
    for name in filter(None, names):
        lines = [line.rstrip() for line in (_retrieved(node, name) or '').splitlines() if line.strip()]
        if lines:
            return name, lines[-N_LAST_WORDS:]
    return '', []


def _print_last_words(node: Any) -> None:
    """Print what a job wrote at last."""
    name, words = last_words(node)
    if words:
        click.echo(f'\nThe last lines of {name} of PK {node.pk}:')
    for line in words:
        click.echo(f'    {line}')


def _print_diagnoses(diagnoses: list[dict[str, Any]]) -> None:
    """Print what the parser found wrong with a calculation of another program than CRYSTAL."""
    for item in diagnoses:
        click.echo(f'\n{click.style(item["message"], bold=True)}')
        if item.get('evidence'):
            click.echo(f'  seen: {item["evidence"]}')
        if item.get('remedy'):
            click.echo(f'  What to do: {item["remedy"]}')


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


def _print_process(node: ProcessNode, path: list[ProcessNode]) -> None:
    """Print how the process ended, and the way down to where its failure began."""
    head = f'{node.process_label or type(node).__name__} PK {node.pk}'
    if not node.is_terminated:
        click.echo(f'{head} {"is paused" if node.paused else "has not ended yet"}.')
    elif node.is_finished_ok:
        click.echo(f'{head}: {click.style("finished well", fg="green", bold=True)}')
    else:
        click.echo(f'{head}: {click.style("failed", fg="red", bold=True)}, {_ending(node)}')
    for depth, (caller, level) in enumerate(pairwise(path), start=1):
        began = 'It began in' if depth == len(path) - 1 else 'by way of'
        began = began if node.is_terminated else 'It waits for'
        link = _link_label(caller, level)
        click.echo(
            f'{"  " * (depth - 1)}{began} {link}{level.process_label or "the process"} PK {level.pk}: {_ending(level)}'
        )


def _ending(node: ProcessNode) -> str:
    """Return how a process ended, or where it stands, in a few words."""
    state = node.process_state.value if node.process_state else 'created'
    exception = (node.exception or '').strip().splitlines()[-1:]
    reason = node.exit_message or (exception[0] if exception else '')
    status = f'exit status {node.exit_status}' if node.exit_status else ''
    return ', '.join(filter(None, [status, reason])) or state


def _link_label(caller: ProcessNode, called: ProcessNode) -> str:
    """Return the name that a work chain gave to what it called, as ``geopt: ``."""
    for link in called.base.links.get_incoming().all():
        if link.node.uuid == caller.uuid and link.link_label != 'CALL':
            return f'{link.link_label}: '
    return ''
