"""The table of gaps that ``compare_gaps`` made: value, where in the Brillouin zone, by what, from which process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ('QUANTITIES', 'gaps_table', 'with_pks')

QUANTITIES = {
    'crystal_gap': 'CRYSTAL',
    'crystal_gap_direct': 'CRYSTAL, direct',
    'dft_gap': 'DFT',
    'dft_gap_direct': 'DFT, direct',
    'qp_gap': 'quasi-particle',
    'qp_gap_direct': 'quasi-particle, direct',
    'optical_gap': 'optical',
    'dark_gap': 'lowest dark exciton',
    'exciton_binding_energy': 'exciton binding energy',
}
"""Rows of the comparison in the words of a table."""


def gaps_table(content: Mapping[str, Any]) -> Table:
    """Return the table; warnings of the comparison stand below it. ``of`` is how many k-points there were.

    :param content: of the ``comparison``.
    """
    from rich.markup import escape
    from rich.table import Table

    caption = '\n'.join(f'! {line}' for line in content['warnings']) or None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style='bold')
    for title, justify in (('gap', 'left'), ('eV', 'right'), ('kind', 'left'), ('at k', 'left'), ('of', 'right')):
        table.add_column(title, justify=justify, no_wrap=title in ('gap', 'eV', 'at k'))  # type: ignore[arg-type]
    for title in ('by', 'from'):
        table.add_column(title, overflow='fold')
    table.caption, table.caption_justify = (None if caption is None else escape(caption)), 'left'
    for row in content['rows']:
        points = ' → '.join(_point(values[0]) for values in (row.get('kpoints') or {}).values())
        code, method = escape(str(row.get('code', ''))), escape(str(row.get('method') or ''))
        code = f'[red]{code}[/]' if 'STAND' in code.upper() else code
        table.add_row(
            QUANTITIES.get(row['quantity'], row['quantity']),
            f'{row["value_ev"]:.3f}',
            row.get('kind', ''),
            points,
            str(row.get('n_kpoints') or ''),
            f'{code}, {method}' if method else code,
            _origin(row['sources']),
        )
    return table


def with_pks(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a comparison whose sources have the PKs of nodes and creators beside their UUIDs."""
    rows = [{**row, 'sources': [_known(source) for source in row['sources']]} for row in content['rows']]
    return {**content, 'rows': rows}


def _known(source: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: _pk(source.get(name)) for key, name in (('pk', 'uuid'), ('creator_pk', 'creator_uuid'))}
    return {**source, **{key: pk for key, pk in found.items() if pk is not None}}


def _pk(uuid: str | None) -> int | None:
    """Return the PK of a node; None if it is not in this profile."""
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_node

    if uuid is None:
        return None
    try:
        return load_node(uuid=uuid).pk
    except NotExistent:
        return None


def _origin(sources: list[Mapping[str, Any]]) -> str:
    """Return the calculations that a number is from; functions of ours that handed it on only if no other is known."""
    computed = [source for source in sources if str(source.get('creator', '')).endswith(('Calculation', 'WorkChain'))]
    return ', '.join(dict.fromkeys(_name(_known(source)) for source in computed or sources[:1]))


def _name(source: Mapping[str, Any]) -> str:
    if 'creator_pk' in source:
        return f'{str(source["creator"]).removesuffix("Calculation")} {source["creator_pk"]}'
    return f'node {source["pk"]}' if 'pk' in source else str(source['uuid']).partition('-')[0]


def _point(values: list[float]) -> str:
    return '(' + ' '.join(f'{round(value, 6) + 0.0:.3g}' for value in values) + ')'
