"""Find the entries of a catalogue in lines of text: for programs whose errors are recognised by their words alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from aiida_crystalmath.crystal.catalogue import Catalogue, Diagnosis, Finding

__all__ = ('Line', 'conclude', 'noise')


@dataclass(frozen=True)
class Line:
    """A line that may hold a marker, and the file it stands in."""

    text: str
    where: str
    number: int = 0


def noise(text: str, where: str) -> list[Line]:
    """Return the lines of a stream that are not empty."""
    return [Line(line.strip(), where, number) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def conclude(
    catalogue: Catalogue, lines: Sequence[Line], rules: Collection[str], *, failed: bool, stopped: bool
) -> list[Finding]:
    """Return the entries that fit, the most decisive first; where none explains a failure, the one that says so.

    :param lines: all that may hold a marker.
    :param rules: names of the rules that hold.
    :param failed: whether the program said that it stops.
    :param stopped: whether its output just ends.
    """
    found = [finding for entry in catalogue.entries if (finding := _search(entry, lines)) is not None]
    if not any(finding.diagnosis.exit_code for finding in found):
        rules = {*rules, *(['unclassified_error'] if failed else []), *(['interrupted'] if stopped else [])}
    evidence = lines[0] if lines and (failed or stopped) else None
    for entry in catalogue.entries:
        if entry.rule in rules:
            finding = Finding(entry, entry.message)
            if evidence is not None and entry.rule in ('unclassified_error', 'interrupted'):
                finding = replace(finding, evidence=evidence.text, where=evidence.where, line=evidence.number)
            found.append(finding)
    order = {entry.name: index for index, entry in enumerate(catalogue.entries)}
    return sorted(found, key=lambda finding: order[finding.name])


def _search(diagnosis: Diagnosis, lines: Sequence[Line]) -> Finding | None:
    """Return the first line that has the marker."""
    for line in lines:
        if match := diagnosis.search(line.text):
            values = {key: value for key, value in match.groupdict().items() if value is not None}
            return Finding(diagnosis, line.text, line.where, line.number, values)
    return None
