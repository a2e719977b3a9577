"""Basis set of one element as a node: the text CRYSTAL reads, and what is asked of it most often as attributes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from aiida.common.exceptions import ValidationError
from aiida.orm import QueryBuilder, SinglefileData

from aiida_crystalmath.crystal.basis import BasisError, BasisSet, read_basis, write_basis
from aiida_crystalmath.crystal.elements import SYMBOLS

_READ: dict[str, BasisSet] = {}
"""Basis sets read by this process, by the MD5 sum of their text: every job asks for each of its own several times."""


class BasisSetData(SinglefileData):
    """The basis set (and effective core potential, if any) of one element, in CRYSTAL's format.

    The attributes ``element``, ``number``, ``conventional_number``, ``has_ecp``, ``n_core``, ``n_functions``,
    ``n_electrons`` and ``md5`` are derived from the content, and checked against it when the node is stored; ``name``
    and ``citation`` say which published set it belongs to.
    """

    DEFAULT_FILENAME = 'element.basis'

    def __init__(
        self,
        file: str | Path | IO[Any] | None = None,
        filename: str | Path | None = None,
        content: str | Path | IO[Any] | None = None,
        *,
        name: str = '',
        citation: str = '',
        **kwargs: Any,
    ) -> None:
        """Make a node from a file or a text with the basis set of one element.

        :param file: absolute path or open file.
        :param content: the text itself, instead of ``file``.
        :param name: name of the published set, for people and for :meth:`get_or_create`.
        :param citation: where the set was published.
        :raises BasisError: if it is not the basis set of exactly one element.
        """
        super().__init__(file, filename, content, **kwargs)
        if name:
            self.base.attributes.set('name', name)
        if citation:
            self.base.attributes.set('citation', citation)

    @classmethod
    def from_basis_set(cls, basis: BasisSet) -> BasisSetData:
        """Make a new, unstored node of a basis set."""
        content = io.BytesIO(write_basis(basis).encode())
        return cls(content, _filename(basis), name=basis.name, citation=basis.citation)

    @classmethod
    def get_or_create(cls, basis: BasisSet) -> BasisSetData:
        """Return the stored node of a basis set, after storing one if there is none.

        A node with the same content is taken; if the basis set has a name, the node must have the same.

        :raises BasisError: if CRYSTAL would refuse the basis set.
        """
        return cls.get_or_create_many([basis])[0]

    @classmethod
    def get_or_create_many(cls, basis_sets: Iterable[BasisSet]) -> list[BasisSetData]:
        """Do what :meth:`get_or_create` does for several basis sets with one query.

        :raises BasisError: if CRYSTAL would refuse one; nothing is stored then.
        """
        wanted = list(basis_sets)
        for basis in wanted:
            basis.check()
        sums = [content_md5(write_basis(basis)) for basis in wanted]
        query = QueryBuilder().append(cls, filters={'attributes.md5': {'in': sums}}) if sums else None
        stored: dict[str, list[BasisSetData]] = {}
        for node in query.all(flat=True) if query else ():
            stored.setdefault(node.md5, []).append(node)
        return [cls._pick_or_store(basis, md5, stored) for basis, md5 in zip(wanted, sums, strict=True)]

    @classmethod
    def _pick_or_store(cls, basis: BasisSet, md5: str, stored: dict[str, list[BasisSetData]]) -> BasisSetData:
        same = stored.setdefault(md5, [])
        for node in same:
            if not basis.name or node.name == basis.name:
                return node
        same.append(cls.from_basis_set(basis).store())
        return same[-1]

    def set_file(self, file: str | Path | IO[Any], filename: str | Path | None = None) -> None:
        """Set the content and derive the attributes from it.

        :raises BasisError: if it is not the basis set of exactly one element.
        """
        super().set_file(file, filename)
        self.base.attributes.set_many(_attributes(self.get_content(mode='r')))

    @property
    def basis_set(self) -> BasisSet:
        """The content as a typed object, with name and citation."""
        basis = _READ.get(self.md5) if self.is_stored else None
        if basis is None:
            basis = _read_one(self.get_content(mode='r'))
            if self.is_stored:
                _READ[self.md5] = basis
        return BasisSet(basis.number, basis.conventional_number, basis.shells, basis.ecp, self.name, self.citation)

    @property
    def element(self) -> str:
        """Chemical symbol."""
        return str(self.base.attributes.get('element'))

    @property
    def number(self) -> int:
        """True atomic number."""
        return int(self.base.attributes.get('number'))

    @property
    def conventional_number(self) -> int:
        """CRYSTAL's conventional atomic number (Z + 200 with an effective core potential)."""
        return int(self.base.attributes.get('conventional_number'))

    @property
    def has_ecp(self) -> bool:
        """Whether an effective core potential replaces the core."""
        return bool(self.base.attributes.get('has_ecp'))

    @property
    def n_functions(self) -> int:
        """Number of atomic orbitals."""
        return int(self.base.attributes.get('n_functions'))

    @property
    def n_electrons(self) -> float:
        """Sum of the shell charges."""
        return float(self.base.attributes.get('n_electrons'))

    @property
    def name(self) -> str:
        """Name of the published set, empty if not given."""
        return str(self.base.attributes.get('name', ''))

    @property
    def citation(self) -> str:
        """Publications of the set, empty if not given."""
        return str(self.base.attributes.get('citation', ''))

    @property
    def md5(self) -> str:
        """MD5 sum of the content, by which equal basis sets are found."""
        return str(self.base.attributes.get('md5'))

    def _validate(self) -> bool:
        """Check the attributes against the content, and the content against CRYSTAL's rules.

        :raises ValidationError: naming the attribute or the shell at fault.
        """
        super()._validate()  # type: ignore[no-untyped-call]
        text = self.get_content(mode='r')
        try:
            found = _attributes(text)
            self.basis_set.check()
        except BasisError as exception:
            raise ValidationError(str(exception)) from exception
        wrong = [key for key, value in found.items() if self.base.attributes.get(key, None) != value]
        if wrong:
            raise ValidationError(f'attribute(s) {", ".join(wrong)} of the basis set do not belong to its content')
        return True


def content_md5(text: str) -> str:
    """Return the MD5 sum of the text of a basis set; an identity, not a protection."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _filename(basis: BasisSet) -> str:
    return f'{SYMBOLS[basis.number]}.basis'


def _read_one(text: str) -> BasisSet:
    found = read_basis(text)
    if len(found) != 1:
        raise BasisError(f'expected the basis set of one element, found {len(found)}: split the file by element')
    return found[0]


def _attributes(text: str) -> dict[str, Any]:
    basis = _read_one(text)
    return {
        'element': SYMBOLS[basis.number],
        'number': basis.number,
        'conventional_number': basis.conventional_number,
        'has_ecp': basis.has_ecp,
        'n_core': basis.n_core,
        'n_functions': basis.n_functions,
        'n_electrons': basis.n_electrons,
        'md5': content_md5(text),
    }
