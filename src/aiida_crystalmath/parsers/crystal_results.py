"""``output_parameters`` of a ``crystal`` run: plain numbers, with their units in the keys.

Energies belong to CRYSTAL's primitive cell, as printed; ``primitive_cells_in_structure`` tells how many of them the
input structure holds. A key is absent when its value was not printed or is not certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida_crystalmath.calculations.cells import CellMap
from aiida_crystalmath.crystal.outputs.models import CellParameters, CrystalOutput, ScfRun
from aiida_crystalmath.crystal.outputs.scf_log import ScfLog, final_scf
from aiida_crystalmath.parsers.base import drop_none, program_parameters, to_ev
from aiida_crystalmath.parsers.further_results import further_parameters

__all__ = ('add_scf_log', 'crystal_parameters', 'method_parameters', 'scf_results')

KEPT_CYCLES = 100
"""SCF cycles whose energies are kept, the last ones."""


def crystal_parameters(output: CrystalOutput, cells: CellMap) -> dict[str, Any]:
    """Return all results of an output."""
    return drop_none(
        {
            **program_parameters(output),
            **_system(output, cells),
            **_energies(output),
            **_electronic(output),
            'scf': scf_results(output.scf),
            'optimisation': _optimisation(output),
            **_mulliken(output, cells),
            **further_parameters(output, cells),
        }
    )


def method_parameters(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the names of functional and basis set, for tables and captions.

    Nothing, if the parameters are those of an imported run without a deck: they do not have the Hamiltonian.
    """
    if 'parameters' in inputs and inputs['parameters'].base.extras.get('incomplete', False):
        return {}
    parameters = inputs['parameters'].get_dict() if 'parameters' in inputs else {}
    hamiltonian = parameters.get('hamiltonian') or {}
    dft = hamiltonian.get('dft') or {}
    parts = [dft.get(name) for name in ('exchange', 'correlation')]
    functional = dft.get('functional') or '/'.join(str(part) for part in parts if part)
    names = dict.fromkeys(node.name for node in (inputs.get('basis_sets') or {}).values())
    library = (parameters.get('basis') or {}).get('library')
    return drop_none(
        {
            'functional': functional or hamiltonian.get('composite') or hamiltonian.get('method') or 'RHF',
            'basis_set': library or ' + '.join(name for name in names if name) or None,
        }
    )


def _system(output: CrystalOutput, cells: CellMap) -> dict[str, Any]:
    return {
        'title': output.title,
        'calculation_type': output.calculation_type,
        'hamiltonian': output.hamiltonian,
        'dimensionality': output.dimensionality,
        'space_group': output.space_group,
        'symmetry_group': _group(output),
        'two_component': output.two_component,
        'dft': _functional(output),
        'cell_primitive': _cell(output.cell_primitive),
        'cell_conventional': _cell(output.cell_conventional),
        'volume_angstrom3': output.cell_primitive.volume_angstrom3 if output.cell_primitive else None,
        'n_atoms': output.n_atoms,
        'n_electrons': output.n_electrons,
        'n_ao': output.n_ao,
        'n_kpoints': output.n_kpoints,
        'n_symmetry_operators': output.n_symmops,
        'primitive_cells_in_structure': cells.multiplicity,
        'atom_order': cells.atom_order,
    }


def _group(output: CrystalOutput) -> dict[str, Any] | None:
    group = output.group
    if group is None:
        return None
    return drop_none({'kind': group.kind, 'symbol': group.symbol, 'number': group.number})


def _functional(output: CrystalOutput) -> dict[str, Any] | None:
    found = output.functional
    if found is None:
        return None
    return drop_none(
        {
            'exchange': found.exchange,
            'correlation': found.correlation,
            'fock_exchange_percent': found.fock_exchange_percent,
        }
    )


def _cell(cell: CellParameters | None) -> list[float] | None:
    return None if cell is None else list(cell.lengths_and_angles)


def _energies(output: CrystalOutput) -> dict[str, Any]:
    return {
        'energy_hartree': output.energy_hartree,
        'energy_ev': to_ev(output.energy_hartree),
        'energy_source': output.energy_source,
        'energy_scf_hartree': output.energy_scf_hartree,
        'energy_dispersion_hartree': output.energy_dispersion_hartree,
    }


def _electronic(output: CrystalOutput) -> dict[str, Any]:
    return {
        'is_spin_polarised': output.is_spin_polarized,
        'gap_ev': output.gap_ev,
        'gap_kind': output.gap_kind,
        'gap_alpha_ev': output.gap_alpha_ev,
        'gap_beta_ev': output.gap_beta_ev,
        'is_conducting': output.is_conducting,
        'is_level_shifted': output.level_shifted,
        'fermi_energy_ev': to_ev(output.fermi_energy_hartree),
        'vbm_ev': to_ev(output.vbm_hartree),
        'cbm_ev': to_ev(output.cbm_hartree),
    }


def scf_results(runs: Sequence[ScfRun]) -> dict[str, Any] | None:
    """Describe the last SCF; in an optimisation CRYSTAL prints only the first one in the main output."""
    if not runs:
        return None
    run = runs[-1]
    cycles = run.cycles[-KEPT_CYCLES:]
    state = None if run.converged else run.state
    return drop_none(
        {
            'converged': run.converged,
            'status': run.status,
            'n_cycles': run.n_cycles if run.n_cycles is not None else len(run.cycles),
            'energies_hartree': [cycle.energy_hartree for cycle in cycles],
            **({} if state is None else {'gap_ev': state.gap_ev, 'is_conducting': state.is_conducting}),
        }
    )


def add_scf_log(parameters: dict[str, Any], output: CrystalOutput, log: ScfLog) -> None:
    """Add what the log of an optimisation's SCFs tells: the last one, and the levels of the final geometry.

    :param parameters: of the main output, whose gap is kept where it has one; older versions print none.
    """
    last = scf_results(log.runs)
    if last is not None and 'optimisation' in parameters:
        parameters['optimisation']['last_scf'] = last
    final = final_scf(output, log)
    state = final.state if final is not None else None
    if state is None or state.level_shifted or not output.succeeded:
        return
    told = {
        'gap_ev': state.gap_ev,
        'gap_kind': state.gap_kind,
        'gap_alpha_ev': state.gap_alpha_ev,
        'gap_beta_ev': state.gap_beta_ev,
        'is_conducting': state.is_conducting,
        'fermi_energy_ev': to_ev(state.fermi_hartree),
        'vbm_ev': to_ev(state.vbm_hartree),
        'cbm_ev': to_ev(state.cbm_hartree),
    }
    for key, value in drop_none(told).items():
        parameters.setdefault(key, value)


def _optimisation(output: CrystalOutput) -> dict[str, Any] | None:
    optimisation = output.optimisation
    if optimisation is None:
        return None
    last = optimisation.points[-1] if optimisation.points else None
    return drop_none(
        {
            'kind': optimisation.kind,
            'converged': optimisation.status == 'converged',
            'status': optimisation.status,
            'n_points': optimisation.n_points if optimisation.n_points is not None else len(optimisation.points),
            'energy_hartree': optimisation.energy_hartree,
            'last_max_gradient_hartree_per_bohr': last.max_gradient if last else None,
            'last_rms_gradient_hartree_per_bohr': last.rms_gradient if last else None,
        }
    )


def _mulliken(output: CrystalOutput, cells: CellMap) -> dict[str, Any]:
    """Return the last Mulliken analysis, atom by atom in the order that ``atom_order`` tells."""
    mulliken = output.mulliken
    if mulliken is None:
        return {}
    known = [charge for charge in mulliken.net_charges if charge is not None]
    charges = cells.atoms(known) if known and len(known) == len(mulliken.electrons) else None
    return {
        'mulliken': drop_none(
            {
                'electrons': cells.atoms(mulliken.electrons),
                'charges': charges,
                'spins': None if mulliken.spins is None else cells.atoms(mulliken.spins),
            }
        ),
        'total_spin': None if mulliken.spins is None else float(sum(mulliken.spins)),
    }
