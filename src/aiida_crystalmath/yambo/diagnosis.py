"""What went wrong in a run of p2y, yambo or ypp: reads the catalogue ``diagnoses.yaml`` and finds its entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiida_crystalmath.crystal.catalogue import Catalogue, Diagnosis, Finding, load_catalogue
from aiida_crystalmath.yambo.inputs.comparison import Difference
from aiida_crystalmath.yambo.inputs.deck import Deck
from aiida_crystalmath.yambo.outputs.messages import Message
from aiida_crystalmath.yambo.outputs.run import P2yRun, YamboRun

__all__ = ('CATALOGUE', 'diagnose')

_STOP = 'STOP signal received'
"""What yambo says before the reason: where it was."""


@dataclass(frozen=True)
class _Case:
    """Everything a rule may look at.

    :param ran: whether anything tells that the program began (``fort.0``), where there is neither report nor log.
    """

    run: YamboRun | P2yRun
    asked: Deck | None
    differences: Sequence[Difference]
    ran: bool
    found: Sequence[Finding]


def diagnose(
    run: YamboRun | P2yRun,
    *,
    asked: Deck | None = None,
    differences: Sequence[Difference] = (),
    ran: bool = True,
) -> list[Finding]:
    """Return the entries of the catalogue that fit a run, the most decisive first; an entry is given once.

    :param asked: the input that was written, if it is known.
    :param differences: what was used otherwise.
    :param ran: whether a file tells that the program began at all, where it left neither report nor log.
    """
    findings: list[Finding] = []
    for diagnosis in CATALOGUE.entries:
        if diagnosis.rule is None:
            finding = _search(diagnosis, run.messages)
        else:
            evidence = _RULES[diagnosis.rule](_Case(run, asked, differences, ran, tuple(findings)))
            finding = None if evidence is None else Finding(diagnosis, evidence, '', 0)
        if finding is not None:
            findings.append(finding)
    return findings


def _search(diagnosis: Diagnosis, messages: Sequence[Message]) -> Finding | None:
    """Return the first message that has the marker."""
    for message in messages:
        match = diagnosis.search(message.text)
        if match is not None:
            values = {key: value for key, value in match.groupdict().items() if value}
            return Finding(diagnosis, message.text, message.where, message.line, values)
    return None


# ------------------------------------------------------------------------------------------------------------ rules


def _explained(case: _Case) -> bool:
    """Say whether an error with an exit code has been found already."""
    return any(finding.diagnosis.exit_code is not None for finding in case.found)


def _p2y_without_save(case: _Case) -> str | None:
    """Find out whether p2y stopped before it found anything."""
    run = case.run
    if not isinstance(run, P2yRun) or run.status != 'interrupted' or run.log is None or run.log.found_save:
        return None
    return f'the log ends with: {run.log.last_line}'


def _no_output(case: _Case) -> str | None:
    """Find out whether nothing tells that the program ran."""
    if case.run.status != 'not_started':
        return None
    return 'no report, no log' if isinstance(case.run, P2yRun) or not case.ran else None


def _not_started(case: _Case) -> str | None:
    """Find out whether yambo began, and could not go on."""
    if not isinstance(case.run, YamboRun) or case.run.status != 'not_started' or not case.ran:
        return None
    return 'no report, no log, but fort.0'


def _qp_database_not_read(case: _Case) -> str | None:
    """Find out whether a spectrum that ended well did without the quasi-particles that were asked for."""
    run = case.run
    if _explained(case) or not isinstance(run, YamboRun) or run.status != 'finished' or run.report is None:
        return None
    wanted = (case.asked or run.used or Deck()).quasiparticle_database
    if wanted is None or any(path.endswith('ndb.QP') for path in run.report.databases_read):
        return None
    return f'the input names {wanted}, and no ndb.QP was read'


def _haydock_not_converged(case: _Case) -> str | None:
    """Find out whether the Haydock solver stopped above its threshold."""
    report = case.run.report if isinstance(case.run, YamboRun) else None
    if report is None or report.haydock_accuracy_percent is None or report.haydock_threshold_percent is None:
        return None
    reached, wanted = abs(report.haydock_accuracy_percent), abs(report.haydock_threshold_percent)
    return f'accuracy {reached} %, and {wanted} % was asked for' if reached > wanted else None


def _unclassified_error(case: _Case) -> str | None:
    """Find the words of an error that no marker knows; where yambo was when it stopped is no reason."""
    if _explained(case):
        return None
    texts = [message.text for message in case.run.errors]
    return next((text for text in texts if not text.startswith(_STOP)), texts[0] if texts else None)


def _interrupted(case: _Case) -> str | None:
    """Find out whether the run stops in the middle, and nothing tells why."""
    if case.run.status != 'interrupted' or _explained(case):
        return None
    last = case.run.last_line if isinstance(case.run, YamboRun) else case.run.log.last_line if case.run.log else ''
    return f'the log ends with: {last}'


def _of_sort(*sorts: str) -> Callable[[_Case], str | None]:
    """Return a rule that finds differences of some sorts."""

    def find(case: _Case) -> str | None:
        found = [str(difference) for difference in case.differences if difference.sort in sorts]
        return '; '.join(found) or None

    return find


_RULES: dict[str, Callable[[_Case], str | None]] = {
    'p2y_without_save': _p2y_without_save,
    'no_output': _no_output,
    'not_started': _not_started,
    'qp_database_not_read': _qp_database_not_read,
    'unclassified_error': _unclassified_error,
    'interrupted': _interrupted,
    'haydock_not_converged': _haydock_not_converged,
    'input_unknown': _of_sort('unknown'),
    'input_ignored': _of_sort('ignored'),
    'parallel_replaced': _of_sort('replaced'),
    'input_changed': _of_sort('changed'),
}

CATALOGUE: Catalogue = load_catalogue('aiida_crystalmath.yambo', _RULES)
"""All entries, the most decisive first."""
