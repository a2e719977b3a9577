"""Catalogues of failures: what an entry is, and how ``diagnoses.yaml`` of a program is read.

Which program it is does not matter here: each has its own catalogue, and its own rules beside the markers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

import yaml

__all__ = ('Catalogue', 'Diagnosis', 'Finding', 'Severity', 'load_catalogue')

Severity = Literal['error', 'warning', 'info']


@dataclass(frozen=True)
class Diagnosis:
    """One entry of the catalogue; the fields are explained at the head of ``diagnoses.yaml``."""

    name: str
    source: str
    severity: Severity
    message: str
    remedy: str
    reference: str
    recoverable: bool
    example: str = ''
    marker: str | None = None
    rule: str | None = None
    exit_code: int | None = None
    exit_label: str | None = None

    def search(self, line: str) -> re.Match[str] | None:
        """Find the marker in a line."""
        return re.search(self.marker, line) if self.marker else None


@dataclass(frozen=True)
class Finding:
    """An entry that fits a run.

    :param evidence: the line it stands on, stripped.
    :param where: file of the line: 'stdout', 'fort.87', 'stderr', or its name.
    :param line: its number in that file, 0 if there is none.
    :param values: what the marker reads from the line, for example ``{'exchsize': '5038884'}``.
    """

    diagnosis: Diagnosis
    evidence: str
    where: str = 'stdout'
    line: int = 0
    values: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the entry."""
        return self.diagnosis.name


@dataclass(frozen=True)
class Catalogue:
    """All entries of a program.

    :param codes: label and message of every exit code.
    :param entries: the most decisive first.
    """

    codes: Mapping[int, tuple[str, str]]
    entries: tuple[Diagnosis, ...]

    def by_name(self, name: str) -> Diagnosis:
        """Return an entry.

        :raises KeyError: there is none of this name.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)

    def exit_codes(self) -> Iterator[tuple[int, str, str]]:
        """Give (status, label, message) of every exit code, by number."""
        for status, (label, message) in sorted(self.codes.items()):
            yield status, label, message


def load_catalogue(package: str, rules: Collection[str]) -> Catalogue:
    """Read the catalogue that is shipped with a package.

    :param package: the one that has the ``diagnoses.yaml``.
    :param rules: names of the rules that its entries may have.
    :raises ValueError: an entry has neither or both of marker and rule, or an exit code or rule that does not exist.
    """
    text = files(package).joinpath('diagnoses.yaml').read_text(encoding='utf-8')
    content: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    codes = {int(status): (str(code['label']), str(code['message'])) for status, code in content['exit_codes'].items()}
    entries = []
    for raw in content['diagnoses']:
        status = raw.get('exit_code')
        if ('marker' in raw) == ('rule' in raw):
            raise ValueError(f'diagnoses.yaml: `{raw["name"]}` must have either a marker or a rule')
        if (status is not None and status not in codes) or ('rule' in raw and raw['rule'] not in rules):
            raise ValueError(f'diagnoses.yaml: the exit code or the rule of `{raw["name"]}` is not defined')
        entries.append(Diagnosis(**raw, exit_label=codes[status][0] if status is not None else None))
    return Catalogue(codes, tuple(entries))
