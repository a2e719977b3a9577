"""Results of GW, of the Bethe-Salpeter equation and of their convergence: what they stand on, and all gaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.cli.summaries import Row, content_of
from aiida_crystalmath.cli.summaries.gaps import gaps_table

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ('rows', 'tables')

SERIES = {'bands': 'bands', 'cutoff': 'exchange cutoff (Ry)', 'block': 'response block (Ry)', 'kpoints': 'k-points'}
BUILT_ON = {'quasiparticles': 'quasi-particle energies (GW)', 'none': 'energies of DFT, not corrected'}


def rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return where the structure is from, what the spectrum was built on, and what is an estimate."""
    return [*_structure_rows(summary), *_energy_rows(summary), *_spectrum_rows(summary), *_series_rows(summary)]


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the table of gaps, or those of a convergence."""
    comparison = content_of(summary, 'comparison')
    series = summary['results'].get('series') or []
    return [*([gaps_table(comparison)] if comparison else []), *(_series_table(one) for one in series)]


def _structure_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return who optimised the structure, or whose results it came with."""
    from aiida import orm

    node: Any = orm.load_node(summary['pk'])
    for link in node.base.links.get_outgoing().all():
        if link.link_label == 'crystal' and 'output_parameters' in link.node.outputs:
            engine = link.node.outputs.output_parameters.get('engine', None)
            return [('optimised by', f'{_engine(engine)} (PK {link.node.pk})', False)]
    for link in node.base.links.get_incoming().all():
        if link.link_label == 'crystal_results__parameters':
            results: Any = link.node
            origin = results.creator
            where = f' (PK {origin.pk})' if origin is not None else ''
            return [('begins with', f'a finished run of {_engine(results.get("engine", None))}{where}', False)]
    return []


def _engine(name: Any) -> str:
    return 'STAND-IN (PySCF), not CRYSTAL' if 'STAND' in str(name or '').upper() else str(name or 'unknown engine')


def _energy_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return what the pairs of a BSE were built on; a scissor is labelled."""
    from aiida import orm

    inputs = orm.load_node(summary['pk']).inputs
    if 'energies' not in inputs:
        return []
    energies = inputs.energies.value
    if energies == 'scissor':
        return [('built on', f'DFT and a scissor of {inputs.scissor_ev.value:g} eV, which was put in', False)]
    if energies != 'crystal_gap':
        return [('built on', BUILT_ON.get(energies, energies), False)]
    scissor = content_of(summary, 'scissor')
    if not scissor:
        return [('built on', 'DFT and a scissor from the gap of CRYSTAL', False)]
    found: list[Row] = [('built on', f'DFT and a scissor of {scissor["scissor_ev"]:.3f} eV', False)]
    found.append(('scissor', scissor['label'], False))
    return found + ([('warning', scissor['warning'], False)] if 'warning' in scissor else [])


def _spectrum_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return where absorption is strongest."""
    results = summary['results']
    if results.get('absorption_peak_ev') is None:
        return []
    alone = results.get('absorption_peak_ip_ev')
    without = f', without excitons at {alone:.2f} eV' if alone is not None else ''
    return [('absorption peak', f'{results["absorption_peak_ev"]:.2f} eV{without}', True)]


def _series_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return what a convergence recommends; limits of fits are labelled."""
    found: list[Row] = []
    results = summary['results']
    for one in results.get('series') or []:
        name = SERIES[one['parameter']]
        if one['is_converged']:
            text = f'{_words(one["recommended"])}: three gaps agree within {results["threshold_ev"]:g} eV'
        else:
            text = f'not converged to {results["threshold_ev"]:g} eV: add larger values'
        found.append((name, text, False))
        limit = one.get('extrapolated')
        if limit is not None:
            text = f'{limit["gap_direct_ev"]:.3f} eV, EXTRAPOLATED by {limit["model"]}: {limit["note"]}'
            found.append((f'{name}, limit', text, False))
    return found


def _series_table(series: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style='bold')
    table.add_column(SERIES[series['parameter']])
    table.add_column('direct gap (eV)', justify='right')
    table.add_column('change (eV)', justify='right')
    for value, gap, change in zip(series['values'], series['gap_direct_ev'], series['change_ev'], strict=True):
        mark = ' <-' if value == series.get('recommended') else ''
        table.add_row(_words(value) + mark, f'{gap:.4f}', '' if change is None else f'{change:+.4f}')
    return table


def _words(value: Any) -> str:
    return 'x'.join(str(item) for item in value) if isinstance(value, list) else str(value)
