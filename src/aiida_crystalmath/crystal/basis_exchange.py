"""Basis sets of Basis Set Exchange, in CRYSTAL's conventions.

The package ``basis_set_exchange`` (Pritchard et al., J. Chem. Inf. Model. 59, 4814 (2019)) is imported only when used:
it is 350 MB. What it leaves open is settled here: shell charges (:mod:`.basis_occupations`), SPD shells split into SP
and D, general contractions repeated as segmented ones, potentials in CRYSTAL's INPUT form.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from .basis_models import ECP, SHELL_TYPES, BasisError, BasisSet, Shell
from .basis_occupations import occupy

INSTALL_HINT = 'pip install "aiida-crystalmath[basis]"'
_LETTERS = ('S', 'P', 'D', 'F', 'G')
# Elements that the exchange holds incompletely. The authors' own file of pob-TZVP has a slip in the head of sulfur's D
# shell (``0 3 1 0.0 1 0``, also in decks of its users), and the exchange's copies of both sets lack that shell.
_LOST_SHELL = 'Basis Set Exchange lost the D shell of its sulfur'
KNOWN_DEFECTS: dict[str, dict[int, str]] = {'pob-tzvp': {16: _LOST_SHELL}, 'pob-tzvp-rev2': {16: _LOST_SHELL}}
# Family names of two words, which the exchange cuts at the wrong place.
_SURNAMES = {'Oliveira, Daniel Vilela': 'Vilela Oliveira'}


def load_from_exchange(name: str, elements: Iterable[int] | None = None) -> dict[int, BasisSet]:
    """Load a set of Basis Set Exchange.

    :param name: the name it has there, in upper or lower case (``pob-TZVP-rev2``, ``def2-SVP``).
    :param elements: atomic numbers; None for all that the set has, without those in :data:`KNOWN_DEFECTS`.
    :return: basis set of each atomic number.
    :raises BasisError: if the set or an element does not exist or is known to be defective there, or CRYSTAL cannot
        express it.
    :raises ImportError: if the package is not installed, naming the extra that brings it.
    """
    document = fetch(name, elements)
    title = f'{document["name"]} (Basis Set Exchange, version {document["version"]})'
    return {
        int(number): convert_element(int(number), element, title, citation_of(element))
        for number, element in document['elements'].items()
    }


def fetch(name: str, elements: Iterable[int] | None = None) -> dict[str, Any]:
    """Return the document of a set, with general contractions written as segmented ones, without defective elements.

    :raises BasisError: if the set or an element does not exist or is known to be defective.
    :raises ImportError: if the package is not installed.
    """
    exchange = _exchange()
    wanted = None if elements is None else sorted(elements)
    known = {other.lower(): other for other in exchange.get_all_basis_names()}
    if name.lower() not in known:
        near = sorted(other for key, other in known.items() if name.lower()[:4] in key)[:8]
        hint = f' (similar names: {", ".join(near)})' if near else ''
        raise BasisError(f'Basis Set Exchange has no set {name!r}{hint}')
    try:
        document = exchange.get_basis(known[name.lower()], elements=wanted, uncontract_general=True)
    except KeyError as exception:
        raise BasisError(f'Basis Set Exchange: {exception.args[0]}') from exception
    defects = KNOWN_DEFECTS.get(name.lower(), {})
    for number in sorted(set(defects) & set(wanted or ())):
        raise BasisError(f'{name}, Z = {number}: {defects[number]}; take this element from its authors and install it')
    kept = {number: element for number, element in document['elements'].items() if int(number) not in defects}
    return {**document, 'elements': kept}


def citation_of(element: Mapping[str, Any]) -> str:
    """Return the references of one element of a document, as one line of text with DOIs."""
    exchange = _exchange()
    keys = dict.fromkeys(key for block in element.get('references', ()) for key in block['reference_keys'])
    library = exchange.get_reference_data()
    return '; '.join(_format_reference(library[key]) for key in keys)


def convert_element(number: int, element: Mapping[str, Any], name: str = '', citation: str = '') -> BasisSet:
    """Convert one element of a Basis Set Exchange document.

    :param element: with ``electron_shells`` and, perhaps, ``ecp_potentials`` and ``ecp_electrons``.
    :raises BasisError: for what CRYSTAL has no form for (h functions, spin-orbit potentials, ...).
    """
    shells: list[Shell] = []
    split = False
    for entry in element.get('electron_shells', ()):
        parts = _convert_shell(number, entry)
        split = split or (len(parts) > 1 and any(part.type == 'SP' for part in parts))
        shells.extend(parts)
    if not shells:
        raise BasisError(f'{name or "the set"} has no orbital basis for Z = {number}')
    if split:
        # SPD shells come after valence shells there: bring the parts into the order of the orbitals.
        shells.sort(key=lambda shell: (max(0, SHELL_TYPES.index(shell.type) - 1), -shell.primitives[0][0]))
    n_core = int(element.get('ecp_electrons') or 0)
    ecp = _convert_ecp(number, n_core, element['ecp_potentials']) if element.get('ecp_potentials') else None
    return BasisSet(number, 0, occupy(shells, number, n_core), ecp, name, citation)


def _exchange() -> Any:
    try:
        return importlib.import_module('basis_set_exchange')
    except ImportError as exception:
        raise ImportError(f'Basis Set Exchange is not installed; it comes with: {INSTALL_HINT}') from exception


def _convert_shell(number: int, entry: Mapping[str, Any]) -> list[Shell]:
    """Convert one entry: one Shell, or several for combined angular momenta and repeated contractions."""
    exponents = [float(text) for text in entry['exponents']]
    columns = [[float(text) for text in column] for column in entry['coefficients']]
    momenta = [int(momentum) for momentum in entry['angular_momentum']]
    if max(momenta) >= len(_LETTERS):
        raise BasisError(f'Z = {number} has functions beyond G (l = {max(momenta)}), which CRYSTAL does not have')
    if len(momenta) == 1:
        return [_shell(_LETTERS[momenta[0]], exponents, column) for column in columns]
    shells: list[Shell] = []
    if momenta[:2] == [0, 1]:
        rows = zip(exponents, columns[0], columns[1], strict=True)
        shells.append(Shell('SP', 0.0, primitives=tuple((exponent, s, p) for exponent, s, p in rows)))
        momenta, columns = momenta[2:], columns[2:]
    shells.extend(_shell(_LETTERS[l], exponents, column) for l, column in zip(momenta, columns, strict=True))
    return shells


def _shell(letter: str, exponents: list[float], column: list[float]) -> Shell:
    rows = tuple((a, c, None) for a, c in zip(exponents, column, strict=True) if c != 0.0)
    return Shell(letter, 0.0, primitives=rows)  # type: ignore[arg-type]  # one of the five letters


def _convert_ecp(number: int, n_core: int, potentials: Iterable[Mapping[str, Any]]) -> ECP:
    """Convert a potential: the highest angular momentum there is CRYSTAL's local term, and r^n is r^(n-2)."""
    by_momentum: dict[int, tuple[tuple[float, float, int], ...]] = {}
    for potential in potentials:
        if potential.get('ecp_type', 'scalar_ecp') != 'scalar_ecp':
            raise BasisError(f'Z = {number} has a spin-orbit potential, which is not converted')
        rows = zip(potential['gaussian_exponents'], potential['coefficients'][0], potential['r_exponents'], strict=True)
        kept = tuple((float(a), float(c), int(n) - 2) for a, c, n in rows if float(c) != 0.0)
        by_momentum[int(potential['angular_momentum'][0])] = kept
    local = by_momentum.pop(max(by_momentum))
    if by_momentum and max(by_momentum) > 4:
        raise BasisError(f'Z = {number} has a potential with l = {max(by_momentum)}: CRYSTAL goes to l = 4')
    return ECP('INPUT', float(number - n_core), (local, *(by_momentum.get(l, ()) for l in range(5))))


def _format_reference(entry: Mapping[str, Any]) -> str:
    authors = ', '.join(_SURNAMES.get(author, author.split(',')[0]) for author in entry.get('authors', ()))
    where = ' '.join(str(entry[key]) for key in ('journal', 'volume') if key in entry)
    pages = f', {entry["pages"]}' if 'pages' in entry else ''
    doi = f', doi:{entry["doi"]}' if 'doi' in entry else ''
    text = f'{authors}: {entry.get("title", "")}, {where}{pages} ({entry.get("year", "n.d.")}){doi}'
    return text.replace('\N{HYPHEN}', '-')
