"""The basis sets that are shipped: plain files in CRYSTAL's format, and ``index.yaml`` that says where they come from.

``setup_scripts/make_basis_library.py`` made them from Basis Set Exchange.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import yaml

from ..basis_models import BasisError, BasisSet
from ..basis_text import read_basis


@dataclass(frozen=True)
class LibraryEntry:
    """What is known of a shipped set.

    :param name: the name it goes by here, lower case.
    :param title: the name its authors gave it.
    :param internal: CRYSTAL's own name of the same set (keyword BASISSET), empty if there is none.
    :param version: of the source.
    :param source: where the numbers were taken from.
    :param licence: of the source.
    :param references: publications, the most important first.
    """

    name: str
    title: str
    description: str
    file: str
    internal: str
    version: str
    source: str
    licence: str
    references: tuple[str, ...]


def available() -> list[str]:
    """Return the names of the shipped sets."""
    return list(_index())


def entry(name: str) -> LibraryEntry:
    """Return what is known of a set; upper and lower case do not matter.

    :raises BasisError: if it is not shipped.
    """
    found = _index().get(name.lower())
    if found is None:
        raise BasisError(f'no basis set {name!r} is shipped: there are {", ".join(available())}')
    return found


def load(name: str) -> dict[int, BasisSet]:
    """Return the basis set of each atomic number of a shipped set.

    :raises BasisError: if it is not shipped.
    """
    return dict(_load(entry(name).name))


def citation(name: str) -> str:
    """Return the publications of a set as text, one a line.

    :raises BasisError: if it is not shipped.
    """
    return '\n'.join(entry(name).references)


@cache
def _index() -> dict[str, LibraryEntry]:
    document = yaml.safe_load((files(__name__) / 'index.yaml').read_text(encoding='utf-8'))
    return {
        name: LibraryEntry(name=name, **{**fields, 'references': tuple(fields['references'])})
        for name, fields in document.items()
    }


@cache
def _load(name: str) -> dict[int, BasisSet]:
    found = entry(name)
    text = (files(__name__) / found.file).read_text(encoding='utf-8')
    basis_sets = read_basis(text, found.file)
    return {basis.number: replace(basis, name=found.title, citation=citation(name)) for basis in basis_sets}
