"""Band edges from the bands of any code."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_crystalmath.workflows.multicode.converters.common import code_of, edges_of, known, source_of
from aiida_crystalmath.workflows.multicode.converters.declaration import Check, Converter, Stays, Travels, declared
from aiida_crystalmath.workflows.multicode.edges import EDGES_KEYS

__all__ = ('band_edges',)


def _has_gap(outputs: Any) -> str | None:
    return 'the bands have no gap: there are no edges' if outputs['edges']['is_metal'] else None


@declared(
    Converter(
        source='any',
        target='',
        summary='Highest filled and lowest empty level of bands, the k-points they are at, and the kinds of gap.',
        travels=(
            *(Travels(meaning, f'edges.{key}', unit=unit) for key, (unit, meaning) in EDGES_KEYS.items()),
            Travels('Code that the bands are from, where the calculation that made them tells.', 'edges.code'),
            Travels('`CRYSTAL` or `STAND-IN`, where the numbers beside the bands tell.', 'edges.engine'),
            Travels('Where the bands are from: UUID, and the calculation that made them.', 'edges.source'),
        ),
        stays=(
            Stays('edges between the k-points', 'only what was sampled is known: a coarse mesh may miss the true ones'),
            Stays('a common zero of energy', 'each code has its own; gaps can be compared, edges cannot'),
        ),
        outputs={'edges': orm.Dict},
        usual={
            'bands': ('output_band', 'output_bands', 'bands', 'band_structure'),
            'parameters': ('output_parameters', 'band_parameters', 'misc'),
        },
        checks=(Check('insulator', 'The bands have a gap.', _has_gap, 'warn'),),
    )
)
@calcfunction
def band_edges(
    bands: orm.BandsData, parameters: orm.Dict | None = None, settings: orm.Dict | None = None
) -> dict[str, orm.Data] | ExitCode:
    """Return the edges of bands, told from occupations, electrons or the Fermi energy, in this order.

    :param bands: in eV, on a mesh or a path.
    :param parameters: ``output_parameters`` of the run: electrons and Fermi energy.
    :param settings: ``n_filled``: filled bands, if nothing else tells, or one for each spin.
    """
    said = {} if settings is None else settings.get_dict()
    try:
        edges = edges_of(bands, None if parameters is None else parameters.get_dict(), said.get('n_filled'))
    except ValueError as exception:
        return ExitCode(400, f'no band edges: {exception}')
    engine = None if parameters is None else parameters.get('engine', None)
    content = {**edges.to_dict(), **known({'code': code_of(bands), 'engine': engine}), 'source': source_of(bands)}
    return {'edges': orm.Dict(content)}
