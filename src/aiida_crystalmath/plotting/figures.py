"""The pictures of a process: which modules draw its outputs.

A module has ``draw(outputs, request)``: it writes what it can make of the outputs (nodes by label) to
``request.path('name')`` and returns the paths. It raises ``ValueError`` where a picture would be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from aiida_crystalmath.plotting.figure import Request

__all__ = ('draw', 'has_figures')

# To add one: a module in this package, and a line here, from the label of an output (which any process may have) or the
# label of a process (the name of its class) to the module. A module is asked once.
MODULES: Mapping[str, str] = {
    'CrystalMagneticOrderingWorkChain': 'magnetic',
    'CrystalSlabWorkChain': 'slab',
    'output_potential': 'slab',
    'output_bands': 'electronic',
    'output_dos': 'electronic',
    'output_elastic': 'elastic',
    'output_eos': 'eos',
    'output_ir_broadened': 'spectra',
    'output_phonon_bands': 'phonons',
    'output_phonon_dos': 'phonons',
    'output_raman_broadened': 'spectra',
    'output_thermal': 'thermal',
    'CrystalConvergenceWorkChain': 'convergence',
    'output_thermal_properties': 'quasi_harmonic',
    'output_cohp': 'cohp',
    'output_cubes__dens': 'maps',
    'output_cubes__pot': 'maps',
    'output_cubes__spin': 'maps',
    'output_difference_maps': 'maps',
    'output_maps': 'maps',
    'output_quasiparticles': 'quasiparticles',
    'output_spectrum': 'absorption',
    'output_transport': 'transport',
}


def has_figures(process: str, outputs: Mapping[str, Any]) -> bool:
    """Tell whether there is anything to draw of a process with these outputs (only the labels count)."""
    return any(label in MODULES for label in (process, *outputs))


def draw(process: str, outputs: Mapping[str, Any], request: Request) -> list[Path]:
    """Draw what there is; return the paths written.

    :param process: label of the process.
    :param outputs: nodes by label.
    :raises MissingExtraError: if matplotlib is not installed.
    :raises ValueError: where a picture would be wrong.
    """
    names = dict.fromkeys(MODULES[label] for label in (process, *outputs) if label in MODULES)
    modules = [import_module(f'{__package__}.{name}') for name in names]
    return [path for module in modules for path in module.draw(outputs, request)]
