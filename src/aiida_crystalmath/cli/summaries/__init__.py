"""What ``crystalmath show`` says of the results of single kinds of calculation, one module a kind.

A module has ``rows(summary)``: rows of the table of results, below those that all calculations have. It may have
``tables(summary)`` as well: further tables of rich, printed below the first. ``summary`` is what
:func:`aiida_crystalmath.cli.summary.summarise` returns: ``results`` is ``output_parameters``, ``outputs`` has the PKs
of the outputs by label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ('Row', 'content_of', 'further_rows', 'further_tables')

Row = tuple[str, str, bool]
"""Name, value, and whether the value was computed (and is marked if a stand-in computed it)."""

# To add one: a module in this package, and a line here, from the label of a process (the name of its class) or the
# label of an output (which any process may have, calculations too) to the module. A module is asked once.
MODULES: Mapping[str, str] = {
    'CrystalCounterpoiseWorkChain': 'counterpoise',
    'CrystalConvergenceWorkChain': 'convergence',
    'CrystalEosWorkChain': 'eos',
    'CrystalMagneticOrderingWorkChain': 'magnetic',
    'CrystalQuasiHarmonicWorkChain': 'quasi_harmonic',
    'output_elastic_properties': 'elastic',
    'output_modes': 'vibrations',
    'output_phonon_bands': 'phonons',
    'output_preflight': 'preflight',
    'CrystalSequenceWorkChain': 'sequence',
    'CrystalSlabWorkChain': 'slab',
    'MultiCodeWorkChain': 'multicode',
    'YamboBSEWorkChain': 'many_body',
    'YamboConvergenceWorkChain': 'many_body',
    'YamboGWWorkChain': 'many_body',
    'output_bonds': 'cohp',
    'output_maps': 'maps',
    'output_cube_integrals': 'maps',
    'output_transport_summary': 'transport',
}


def further_rows(summary: Mapping[str, Any]) -> list[Row]:
    """Return the rows of the modules for this process and its outputs."""
    return [row for module in _modules(summary) for row in module.rows(summary)]


def further_tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return their further tables."""
    return [table for module in _modules(summary) if hasattr(module, 'tables') for table in module.tables(summary)]


def content_of(summary: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return the content of an output that is a ``Dict``; empty if there is none."""
    from aiida import orm

    pk = summary['outputs'].get(label)
    return {} if pk is None else dict(orm.load_node(pk).get_dict())


def _modules(summary: Mapping[str, Any]) -> Iterator[Any]:
    labels = [summary['process'], *summary['outputs']]
    for name in dict.fromkeys(MODULES[label] for label in labels if label in MODULES):
        yield import_module(f'{__name__}.{name}')
