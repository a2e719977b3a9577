"""Basis-set family: one basis set per element, under one label, as a group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from aiida.orm import Group, QueryBuilder

from aiida_crystalmath.crystal import basis_library
from aiida_crystalmath.crystal.basis import BasisError, BasisSet, read_basis
from aiida_crystalmath.crystal.elements import NUMBERS, SYMBOLS

from .basis_set import BasisSetData

if TYPE_CHECKING:
    from aiida.orm import Node, StructureData


class BasisFamilyError(ValueError):
    """A family lacks an element, or what is to be installed contradicts what is there."""


class BasisSetFamily(Group):
    """Basis sets that belong together, at most one of each element.

    Where they come from is kept in the extras ``source``, ``version``, ``licence`` and ``references`` of the group.
    """

    # ------------------------------------------------------------------------------------------------ making

    @classmethod
    def create_from_basis_sets(
        cls,
        label: str,
        basis_sets: Iterable[BasisSet],
        description: str = '',
        extras: Mapping[str, Any] | None = None,
    ) -> BasisSetFamily:
        """Return the family with these basis sets, after storing what of it is not there yet.

        Doing it twice changes nothing, and one that was interrupted is completed.

        :param label: the label of the family.
        :param basis_sets: one basis set per element.
        :param extras: where the sets come from.
        :raises BasisFamilyError: if there is a family of this label with other basis sets.
        :raises BasisError: if two of the sets are of the same element, or CRYSTAL would refuse one.
        """
        wanted = _unique(basis_sets)
        if not wanted:
            raise BasisError(f'no basis sets were found for the family {label!r}')
        for basis in wanted.values():
            basis.check()
        family = cls.find(label)
        if family is not None:
            family._check_same(wanted)
        else:
            family = cls(label=label, description=description)
        nodes = BasisSetData.get_or_create_many(wanted.values())
        if not family.is_stored:
            family.store()
            for key, value in (extras or {}).items():
                family.base.extras.set(key, value)
        present = set(family.elements)
        family.add_nodes([node for node in nodes if node.element not in present])
        return family

    @classmethod
    def create_from_library(cls, name: str, label: str | None = None) -> BasisSetFamily:
        """Install a set that is shipped with this package (``sto-3g``, ``pob-tzvp-rev2``); twice is once.

        :param label: label of the family; the name by default.
        :raises BasisError: if no such set is shipped.
        :raises BasisFamilyError: if there is a family of this label with other basis sets.
        """
        entry = basis_library.entry(name)
        extras = {
            'source': entry.source,
            'version': entry.version,
            'licence': entry.licence,
            'references': list(entry.references),
        }
        basis_sets = basis_library.load(name).values()
        return cls.create_from_basis_sets(label or entry.name, basis_sets, entry.description, extras)

    @classmethod
    def create_from_file(cls, path: str | Path, label: str | None = None) -> BasisSetFamily:
        """Install the basis sets of one file in CRYSTAL's format.

        :param path: elements one after the other, with or without the closing ``99 0``.
        :param label: label of the family; by default the name of the file without its ending.
        :raises BasisError: if the file cannot be read, with the line.
        :raises BasisFamilyError: if there is a family of this label with other basis sets.
        """
        file = Path(path)
        chosen = label or file.stem
        return cls.create_from_basis_sets(chosen, _read_file(file, chosen), extras={'source': file.name})

    @classmethod
    def create_from_folder(cls, path: str | Path, label: str | None = None) -> BasisSetFamily:
        """Install the basis sets of all files of a folder (hidden files and sub-folders left out).

        :param label: label of the family; by default the name of the folder.
        :raises BasisError: if a file cannot be read, with file and line, or an element comes twice.
        :raises BasisFamilyError: if there is a family of this label with other basis sets.
        """
        folder = Path(path).resolve()
        files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith('.'))
        chosen = label or folder.name
        found = [basis for file in files for basis in _read_file(file, chosen)]
        return cls.create_from_basis_sets(chosen, found, extras={'source': folder.name})

    @classmethod
    def create_from_exchange(
        cls, name: str, elements: Iterable[str | int] | None = None, label: str | None = None
    ) -> BasisSetFamily:
        """Install a set of Basis Set Exchange (extra ``basis``).

        :param name: its name there, in upper or lower case.
        :param elements: symbols or atomic numbers; all by default.
        :param label: label of the family; by default the name in lower case.
        :raises BasisError: if the set or an element does not exist there, or CRYSTAL cannot express it.
        :raises BasisFamilyError: if there is a family of this label with other basis sets.
        :raises ImportError: if ``basis_set_exchange`` is not installed, naming the extra that brings it.
        """
        from aiida_crystalmath.crystal.basis_exchange import load_from_exchange

        chosen = None if elements is None else [_atomic_number(element) for element in elements]
        found = load_from_exchange(name, chosen)
        references = {line for basis in found.values() for line in basis.citation.split('; ') if line}
        extras = {'source': 'Basis Set Exchange', 'version': _version(found), 'references': sorted(references)}
        description = f'{name} of Basis Set Exchange'
        return cls.create_from_basis_sets(label or name.lower(), found.values(), description, extras)

    # ------------------------------------------------------------------------------------------------ asking

    @classmethod
    def find(cls, label: str) -> BasisSetFamily | None:
        """Return the family of this label, None if there is none."""
        found: BasisSetFamily | None = QueryBuilder().append(cls, filters={'label': label}).first(flat=True)
        return found

    @classmethod
    def installed(cls) -> list[BasisSetFamily]:
        """Return all families of the profile, by label."""
        return sorted(QueryBuilder().append(cls).all(flat=True), key=lambda family: str(family.label))

    @property
    def basis_sets(self) -> dict[str, BasisSetData]:
        """Basis set of each chemical symbol, by atomic number."""
        nodes = self._query().all(flat=True) if self.is_stored else []
        return {node.element: node for node in sorted(nodes, key=lambda node: int(node.number))}

    @property
    def elements(self) -> list[str]:
        """Chemical symbols that the family has, by atomic number."""
        if not self.is_stored:
            return []
        query = self._query()
        query.add_projection('basis', 'attributes.element')
        return sorted(query.all(flat=True), key=lambda symbol: NUMBERS[symbol])

    def get_basis_set(self, element: str) -> BasisSetData:
        """Return the basis set of an element.

        :raises BasisFamilyError: if the family lacks it, naming families that have it.
        """
        return self.get_basis_sets(elements=[element])[element]

    def get_basis_sets(
        self,
        structure: StructureData | None = None,
        kinds: Mapping[str, Any] | None = None,
        elements: Iterable[str] | None = None,
    ) -> dict[str, BasisSetData]:
        """Return the basis set of each kind: what ``basis_sets`` of a calculation takes.

        Give one of ``structure``, ``elements``, or ``kinds`` alone.

        :param structure: a basis set for each of its kinds.
        :param kinds: without a structure, the element of each kind name (``{'Fe1': 'Fe'}``); with one, what the
            calculation is told of its kinds, of which only the names are checked.
        :param elements: chemical symbols; the keys are the same.
        :raises BasisFamilyError: if elements are missing, naming them and the families that have them all.
        """
        symbols = _symbols_of(structure, kinds, elements)
        wanted = set(symbols.values())
        query = self._query()
        query.add_filter('basis', {'attributes.element': {'in': sorted(wanted) or ['']}})
        query.add_projection('basis', '*')
        nodes = {node.element: node for node in query.all(flat=True)}
        if missing := sorted(wanted - set(nodes), key=lambda symbol: NUMBERS.get(symbol, 0)):
            raise BasisFamilyError(self._explain_missing(missing, wanted))
        return {kind: nodes[symbol] for kind, symbol in symbols.items()}

    def _query(self) -> QueryBuilder:
        query = QueryBuilder().append(BasisSetFamily, filters={'id': self.pk}, tag='family')
        return query.append(BasisSetData, with_group='family', tag='basis')

    def _explain_missing(self, missing: Sequence[str], wanted: set[str]) -> str:
        text = f'the basis-set family "{self.label}" has no basis set for {", ".join(missing)}. '
        others = [str(family.label) for family in self.installed() if wanted <= set(family.elements)]
        if others:
            return text + f'Installed families that have all of {", ".join(sorted(wanted))}: {", ".join(others)}.'
        numbers = {NUMBERS.get(symbol, 0) for symbol in wanted}
        shipped = [name for name in basis_library.available() if numbers <= set(basis_library.load(name))]
        if shipped:
            commands = ' or '.join(f'`verdi data crystalmath.basis install {name}`' for name in shipped)
            return text + f'No installed family has them all; {commands} would bring one.'
        return text + (
            'No installed or shipped family has them all; see what Basis Set Exchange has with '
            '`verdi data crystalmath.basis install --exchange NAME`, or install your own with `install FILE`.'
        )

    # ------------------------------------------------------------------------------------------------ keeping

    def add_nodes(self, nodes: Node | Sequence[Node]) -> None:
        """Add basis sets, at most one of each element.

        :raises TypeError: for anything but a :class:`BasisSetData`.
        :raises BasisFamilyError: if the family already has another basis set for an element.
        """
        given: list[BasisSetData] = []
        for node in nodes if isinstance(nodes, Sequence) else [nodes]:
            if not isinstance(node, BasisSetData):
                raise TypeError(f'a basis-set family holds BasisSetData nodes, not {type(node).__name__}')
            given.append(node)
        present = {element: node.uuid for element, node in self.basis_sets.items()}
        for basis in given:
            if present.setdefault(basis.element, basis.uuid) != basis.uuid:
                raise BasisFamilyError(
                    f'the family "{self.label}" already has another basis set for {basis.element}: remove it first'
                )
        super().add_nodes(given)

    def _check_same(self, wanted: Mapping[int, BasisSet]) -> None:
        """Check that no basis set of the family differs from the one that is to be installed."""
        present = {node.number: node for node in self.basis_sets.values()}
        different = [SYMBOLS[z] for z, node in present.items() if z not in wanted or node.basis_set != wanted[z]]
        if different:
            raise BasisFamilyError(
                f'there is a family "{self.label}" with other basis sets (for {", ".join(different)}): choose another '
                f'label, or delete it with `verdi data crystalmath.basis delete {quote(self.label)}`'
            )


def _unique(basis_sets: Iterable[BasisSet]) -> dict[int, BasisSet]:
    found: dict[int, BasisSet] = {}
    for basis in basis_sets:
        if basis.number in found:
            raise BasisError(f'there are two basis sets for {SYMBOLS[basis.number]}: a family has one per element')
        found[basis.number] = basis
    return found


def _read_file(path: Path, name: str) -> list[BasisSet]:
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as exception:
        raise BasisError(f'{path.name} cannot be read: {exception}') from exception
    found = read_basis(text, path.name)
    if not found:
        raise BasisError(f'{path.name} has no basis set')
    return [replace(basis, name=name) for basis in found]


def _atomic_number(element: str | int) -> int:
    number = element if isinstance(element, int) else NUMBERS.get(element.capitalize(), 0)
    if not 0 < number < len(SYMBOLS):
        raise BasisError(f'{element!r} is no element')
    return number


def _version(found: Mapping[int, BasisSet]) -> str:
    return next((basis.name for basis in found.values()), '')


def _symbols_of(
    structure: StructureData | None, kinds: Mapping[str, Any] | None, elements: Iterable[str] | None
) -> dict[str, str]:
    """Return the element of each kind that is asked for."""
    if structure is not None:
        from .structure import kind_symbols

        symbols = kind_symbols(structure)
        if stray := sorted(set(kinds or ()) - set(symbols)):
            raise BasisFamilyError(f'{", ".join(stray)} is no kind of the structure, which has {", ".join(symbols)}')
        return symbols
    if kinds is not None:
        wrong = [kind for kind, symbol in kinds.items() if not isinstance(symbol, str)]
        if wrong:
            raise BasisFamilyError(f'without a structure, `kinds` names elements; it does not for {", ".join(wrong)}')
        return dict(kinds)
    if elements is None:
        raise BasisFamilyError('give a structure, or the elements, or the element of each kind')
    return {symbol: symbol for symbol in elements}
