"""``verdi data crystalmath.basis``: basis-set families, installed, looked at, written out and deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.groups import VerdiCommandGroup
from aiida.cmdline.utils import decorators, echo

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.basis import BasisSet
    from aiida_crystalmath.data.basis_family import BasisSetFamily
    from aiida_crystalmath.data.basis_set import BasisSetData

as_json = click.option('--json', 'as_json', is_flag=True, help='Print JSON for scripts.')
DEFAULT_SHIPPED = 'sto-3g'


@click.group('crystalmath.basis', cls=VerdiCommandGroup)
def basis() -> None:
    """Manage CRYSTAL basis sets and their families."""


@basis.command('list')
@as_json
@decorators.with_dbenv()
def list_families(as_json: bool) -> None:
    """List the families that are installed, and the shipped sets that are not."""
    from aiida_crystalmath.crystal import basis_library
    from aiida_crystalmath.data.basis_family import BasisSetFamily

    rows = [_family_row(family) for family in BasisSetFamily.installed()]
    labels = {row['label'] for row in rows}
    for name in basis_library.available():
        if name not in labels:
            symbols = [_symbol(number) for number in sorted(basis_library.load(name))]
            description = basis_library.entry(name).description
            rows.append({'label': name, 'pk': None, 'elements': symbols, 'description': description})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        state = f'pk {row["pk"]}' if row['pk'] else 'shipped, not installed'
        echo.echo(f'{row["label"]:<20} {state:<24} {_ranges(row["elements"]):<28} {row["description"]}')
    if not labels:
        echo.echo(f'\nNo family is installed yet: verdi data crystalmath.basis install {DEFAULT_SHIPPED}')


@basis.command('show')
@click.argument('identifier')
@click.argument('element', required=False)
@as_json
@decorators.with_dbenv()
def show(identifier: str, element: str | None, as_json: bool) -> None:
    """Show a family (its label), one of its ELEMENTs, or a single basis set (its PK or UUID)."""
    with _explained():
        found = _family_or_node(identifier)
        if isinstance(found, dict):
            return _show_family(found['family'], as_json) if element is None else _show_one(found, element, as_json)
        _show_node(found, as_json)
    return None


@basis.command('install')
@click.argument('source')
@click.option('--label', help='Label of the family; by default the name of the set, file or folder.')
@click.option('--exchange', is_flag=True, help='SOURCE is the name of a set of Basis Set Exchange (extra "basis").')
@click.option('--element', 'elements', multiple=True, help='With --exchange: only this element; can be repeated.')
@as_json
@decorators.with_dbenv()
def install(source: str, label: str | None, exchange: bool, elements: tuple[str, ...], as_json: bool) -> None:
    """Install a family: a shipped set (sto-3g, pob-tzvp-rev2), a FILE or a FOLDER in CRYSTAL's format.

    Installing the same set again changes nothing.
    """
    from aiida_crystalmath.crystal import basis_library
    from aiida_crystalmath.data.basis_family import BasisSetFamily

    path = Path(source)
    with _explained():
        if elements and not exchange:
            raise ValueError('--element goes with --exchange: shipped sets, files and folders are installed whole')
        if exchange:
            family = BasisSetFamily.create_from_exchange(source, elements or None, label)
        elif source.lower() in basis_library.available():
            family = BasisSetFamily.create_from_library(source, label)
        elif path.is_dir():
            family = BasisSetFamily.create_from_folder(path, label)
        elif path.is_file():
            family = BasisSetFamily.create_from_file(path, label)
        else:
            raise ValueError(
                f'{source!r} is neither a shipped set ({", ".join(basis_library.available())}) nor a file or folder; '
                'for a set of Basis Set Exchange add --exchange'
            )
    row = _family_row(family)
    if as_json:
        click.echo(json.dumps(row, indent=2))
    else:
        echo.echo_success(f'family {row["label"]} (pk {row["pk"]}) has {len(row["elements"])} elements')


@basis.command('export')
@click.argument('identifier')
@click.argument('elements', nargs=-1)
@click.option('-o', '--output', type=click.Path(dir_okay=False), help='File to write; stdout by default.')
@click.option('-f', '--force', is_flag=True, help='Overwrite the file.')
@decorators.with_dbenv()
def export(identifier: str, elements: tuple[str, ...], output: str | None, force: bool) -> None:
    """Write a family, some of its ELEMENTS, or a single basis set as the basis block of a .d12."""
    with _explained():
        found = _family_or_node(identifier)
        if isinstance(found, dict):
            family = found['family']
            chosen = [_capital(element) for element in elements] or family.elements
            nodes = list(family.get_basis_sets(elements=chosen).values())
        else:
            nodes = [found]
        text = ''.join(_as_block(node) for node in nodes) + '99 0\n'
        if output is None:
            click.echo(text, nl=False)
            return
        path = Path(output)
        if path.exists() and not force:
            raise ValueError(f'{output} exists: choose another name or add --force')
        path.write_text(text, encoding='utf-8')
    echo.echo_success(f'{len(nodes)} basis set(s) written to {output}')


@basis.command('delete')
@click.argument('label')
@click.option('--nodes', is_flag=True, help='Also delete its basis sets that no calculation and no other family uses.')
@click.option('-f', '--force', is_flag=True, help='Do not ask.')
@decorators.with_dbenv()
def delete(label: str, nodes: bool, force: bool) -> None:
    """Delete a family. Its basis sets stay, unless --nodes is given; those in use always stay."""
    from aiida.tools import delete_nodes

    from aiida_crystalmath.data.basis_family import BasisSetFamily

    with _explained():
        family = _find_family(label)
        unused = _unused(family) if nodes else []
        question = f'Delete the family {label}' + (f' and {len(unused)} unused basis sets' if nodes else '')
        if not force:
            click.confirm(f'{question}?', abort=True)
        BasisSetFamily.collection.delete(int(family.pk or 0))
        if unused:
            delete_nodes(unused, dry_run=False)
    echo.echo_success(f'family {label} deleted' + (f', with {len(unused)} basis sets' if nodes else ''))


# ---------------------------------------------------------------------------------------------------- helpers


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the errors that a person can act on into a message and exit status 1."""
    try:
        yield
    except (ValueError, ImportError, OSError) as exception:
        echo.echo_critical(str(exception))


def _symbol(number: int) -> str:
    from aiida_crystalmath.crystal.elements import SYMBOLS

    return SYMBOLS[number]


def _capital(element: str) -> str:
    return element.capitalize()


def _find_family(label: str) -> BasisSetFamily:
    from aiida_crystalmath.data.basis_family import BasisSetFamily

    family = BasisSetFamily.find(label)
    if family is None:
        labels = ', '.join(str(other.label) for other in BasisSetFamily.installed())
        raise ValueError(f'no basis-set family {label!r} is installed; there are: {labels or "none"}')
    return family


def _family_or_node(identifier: str) -> dict[str, BasisSetFamily] | BasisSetData:
    """Find what an argument means: the label of a family first, then the PK or UUID of a node."""
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import load_node

    from aiida_crystalmath.data.basis_family import BasisSetFamily
    from aiida_crystalmath.data.basis_set import BasisSetData

    family = BasisSetFamily.find(identifier)
    if family is not None:
        return {'family': family}
    try:
        node = load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        return {'family': _find_family(identifier)}
    if not isinstance(node, BasisSetData):
        raise ValueError(f'node {identifier} is a {type(node).__name__}, not a basis set')
    return node


def _family_row(family: BasisSetFamily) -> dict[str, Any]:
    return {
        'label': family.label,
        'pk': family.pk,
        'elements': family.elements,
        'description': family.description,
    }


def _ranges(symbols: list[str]) -> str:
    """Shorten a list of elements: ``H, Li-F, Na-Cl``."""
    from aiida_crystalmath.crystal.elements import NUMBERS

    runs: list[list[str]] = []
    for symbol in symbols:
        if runs and NUMBERS[symbol] == NUMBERS[runs[-1][-1]] + 1:
            runs[-1].append(symbol)
        else:
            runs.append([symbol])
    return ', '.join(run[0] if len(run) == 1 else f'{run[0]}-{run[-1]}' for run in runs)


def _composition(basis_set: BasisSet) -> str:
    """Shells in words: ``3S 2SP 1D``."""
    types = [shell.type for shell in basis_set.shells]
    return ' '.join(f'{types.count(kind)}{kind}' for kind in dict.fromkeys(types))


def _node_row(node: BasisSetData) -> dict[str, Any]:
    return {
        'element': node.element,
        'pk': node.pk,
        'uuid': node.uuid,
        'name': node.name,
        'conventional_number': node.conventional_number,
        'n_functions': node.n_functions,
        'n_electrons': node.n_electrons,
        'has_ecp': node.has_ecp,
        'shells': _composition(node.basis_set),
    }


def _show_family(family: BasisSetFamily, as_json: bool) -> None:
    rows = [_node_row(node) for node in family.basis_sets.values()]
    extras = {key: family.base.extras.get(key, None) for key in ('source', 'version', 'licence', 'references')}
    if as_json:
        click.echo(json.dumps({**_family_row(family), **extras, 'basis_sets': rows}, indent=2))
        return
    echo.echo(f'{family.label} (pk {family.pk}): {family.description}')
    for row in rows:
        core = 'ECP' if row['has_ecp'] else ''
        electrons = f'{row["n_electrons"]:>4g} electrons'
        echo.echo(
            f'  {row["element"]:<3} pk {row["pk"]:<7} {row["n_functions"]:>3} functions  {electrons:<14} '
            f'{row["shells"]:<18} {core}'.rstrip()
        )
    for key in ('source', 'version', 'licence'):
        if extras[key]:
            echo.echo(f'{key}: {extras[key]}')
    for reference in extras['references'] or ():
        echo.echo(f'please cite: {reference}')


def _show_one(found: dict[str, BasisSetFamily], element: str, as_json: bool) -> None:
    _show_node(found['family'].get_basis_set(_capital(element)), as_json)


def _show_node(node: BasisSetData, as_json: bool) -> None:
    content = str(node.get_content(mode='r'))
    if as_json:
        click.echo(json.dumps({**_node_row(node), 'citation': node.citation, 'content': content}, indent=2))
        return
    echo.echo(f'! {node.element}, {node.name or "no name"} (pk {node.pk}), {node.n_functions} functions')
    if node.citation:
        for line in node.citation.splitlines():
            echo.echo(f'! {line}')
    echo.echo(content.rstrip())


def _as_block(node: BasisSetData) -> str:
    from aiida_crystalmath.crystal.basis import write_basis

    return write_basis(node.basis_set)


def _unused(family: BasisSetFamily) -> list[int]:
    """PKs of the basis sets that no process takes and no other group holds."""
    from aiida.orm import Group, ProcessNode, QueryBuilder

    from aiida_crystalmath.data.basis_set import BasisSetData

    own = {int(node.pk): node for node in family.basis_sets.values() if node.pk is not None}
    query = QueryBuilder().append(BasisSetData, filters={'id': {'in': list(own) or [-1]}}, project='id', tag='basis')
    used = set(query.append(ProcessNode, with_incoming='basis').all(flat=True))
    query = QueryBuilder().append(BasisSetData, filters={'id': {'in': list(own) or [-1]}}, project='id', tag='basis')
    used |= set(query.append(Group, with_node='basis', filters={'id': {'!==': family.pk}}).all(flat=True))
    return [pk for pk in own if pk not in used]
