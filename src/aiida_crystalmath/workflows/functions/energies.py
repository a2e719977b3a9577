"""Energies of several runs, compared only if they can be. No AiiDA here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

__all__ = (
    'METHOD',
    'METHOD_OF_ANY_SPIN',
    'Per',
    'check_repairs',
    'common_results',
    'comparable_energies',
    'of_any_spin',
    'repaired',
)

METHOD = ('engine', 'version', 'functional', 'hamiltonian', 'basis_set')
"""Keys of ``output_parameters`` that energies must share before one is subtracted from another."""

METHOD_OF_ANY_SPIN = ('engine', 'version', 'functional')
"""The same where one run may be polarised and another not; for results from :func:`of_any_spin`."""

REPAIRED = ('SMEAR', 'SHRINK', 'LDREMO')
"""What remedies change that energies depend on."""

Per = Literal['primitive_cell', 'structure', 'atom']


def comparable_energies(
    results: Mapping[str, Mapping[str, Any]], *, per: Per = 'primitive_cell', same: Iterable[str] = METHOD
) -> dict[str, float]:
    """Return the energies of several runs in hartree, by the labels of ``results``.

    :param results: contents of ``output_parameters`` of each run.
    :param per: ``primitive_cell``: as CRYSTAL gives them; ``structure``: of the cell of the input structure; ``atom``.
    :param same: keys that must have one value throughout; a convergence of the basis leaves out ``basis_set``.
    :raises ValueError: naming the run and the reason, if one has no energy, did not converge, gives an enthalpy, or was
        made with another engine or method than the first.
    """
    common_results(results, same)
    return {label: _energy(label, one, per) for label, one in results.items()}


def check_repairs(reports: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that no remedy changed in one run what the energy depends on, and left it in another.

    :param reports: content of ``recovery_report`` of each run, empty where nothing was repaired.
    :raises ValueError: naming the runs, and what to give to all of them.
    """
    told = {label: repaired(report) for label, report in reports.items()}
    first = next(iter(told), None)
    for label, changed in told.items():
        if first is not None and changed != told[first]:
            names = ', '.join(name for name in REPAIRED if changed.get(name) != told[first].get(name))
            raise ValueError(
                f'the energies cannot be compared: a remedy changed {names} in one of {first} and {label} and not in '
                'the other (see `recovery_reports`): give the same to all, in `scf` of the parameters, and run again.'
            )


def repaired(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what remedies changed that the energy depends on: keyword and value; of SHRINK only that it changed."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for action in report.get('actions') or ():
        for name, change in (action.get('changes') or {}).items():
            if name in REPAIRED:
                old.setdefault(name, change['old'])
                new[name] = change['new']
    return {name: True if name == 'SHRINK' else value for name, value in new.items() if value != old[name]}


def of_any_spin(results: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the results with one name for RHF and UHF, so that open and closed shells can be compared."""
    names = {'RHF': 'HF', 'UHF': 'HF'}
    return {
        label: {**one, 'functional': names.get(str(one.get('functional')), one.get('functional'))}
        for label, one in results.items()
    }


def common_results(results: Mapping[str, Mapping[str, Any]], same: Iterable[str] = METHOD) -> dict[str, Any]:
    """Return what all runs have in common of ``same``.

    :raises ValueError: if two runs differ in one of them.
    """
    if not results:
        return {}
    first = next(iter(results))
    common = {key: results[first].get(key) for key in same}
    for label, one in results.items():
        for key, value in common.items():
            if one.get(key) != value:
                raise ValueError(
                    f'the energies cannot be compared: {key} is {value!r} in {first}, {one.get(key)!r} in {label}.'
                )
    return {key: value for key, value in common.items() if value is not None}


def _energy(label: str, results: Mapping[str, Any], per: Per) -> float:
    energy = results.get('energy_hartree')
    if energy is None or (results.get('scf') or {}).get('converged') is False:
        raise ValueError(f'{label} has no converged energy.')
    if 'ENTHALPY' in str(results.get('energy_source')):
        raise ValueError(f'{label} gives an enthalpy under pressure, not an energy.')
    if (results.get('optimisation') or {}).get('converged') is False:
        raise ValueError(f'the optimisation of {label} did not converge.')
    if per == 'structure':
        return float(energy) * float(results.get('primitive_cells_in_structure') or 1)
    return float(energy) / int(results['n_atoms']) if per == 'atom' else float(energy)
