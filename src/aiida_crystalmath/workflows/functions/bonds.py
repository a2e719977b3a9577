"""Integrated overlap and Hamilton populations of bonds."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction
from numpy.typing import NDArray

__all__ = ('bond_populations', 'integrated')


@calcfunction
def bond_populations(cohp: orm.XyData, coop: orm.XyData, bonds: orm.List, parameters: orm.Dict) -> orm.Dict | ExitCode:
    """Integrate the curves of every bond over the occupied states in the window.

    Up to the Fermi energy of a metal, up to the middle of the gap of an insulator: there its broadened bands end.

    :param cohp: over eV, energy per energy and cell, one curve a bond, or two for alpha and beta.
    :param coop: likewise, electrons/eV/cell.
    :param bonds: what each bond is (``Bond.to_dict``), in the order of the curves.
    :param parameters: ``output_parameters`` of the self-consistent field.
    :return: ``bonds``: what was given with ``icohp_ev`` and ``icoop_electrons`` (and ``..._alpha``, ``..._beta``) per
        primitive cell, and both per bond (``..._per_bond``); ``integrated_from_ev`` and ``integrated_to_ev``
        (absolute); ``atom_order`` of the numbers of atoms; ``engine``. An exit code, if the number of curves is not
        that of the bonds, or the Fermi energy is not in the window.
    """
    results = parameters.get_dict()
    fermi = cohp.base.attributes.get('fermi_energy_ev', None)
    fermi = results.get('fermi_energy_ev') if fermi is None else fermi
    gap = 0.0 if results.get('is_conducting') else results.get('gap_ev') or 0.0
    vbm = results.get('vbm_ev')
    end = float(fermi) if not gap else float(fermi if vbm is None else vbm) + gap / 2
    energies = np.asarray(cohp.get_x()[1], dtype=float)
    if not energies[0] < end < energies[-1]:
        return ExitCode(400, f'the occupied states end at {end:.2f} eV, outside the window of the curves')
    told = [dict(bond) for bond in bonds.get_list()]
    for node, key in ((cohp, 'icohp_ev'), (coop, 'icoop_electrons')):
        curves = [np.asarray(values, dtype=float) for _, values, _ in node.get_y()]
        n_spin, rest = divmod(len(curves), len(told))
        if rest or n_spin not in (1, 2):
            return ExitCode(400, f'there are {len(curves)} curves for {len(told)} bonds')
        for number, bond in enumerate(told):
            parts = [integrated(energies, curves[number * n_spin + spin], end) for spin in range(n_spin)]
            bond[key] = round(sum(parts), 6)
            bond[f'{key}_per_bond'] = round(sum(parts) / (bond['n_bonds'] or 1), 6)
            if n_spin == 2:
                bond[f'{key}_alpha'], bond[f'{key}_beta'] = (round(part, 6) for part in parts)
    summary: dict[str, Any] = {
        'bonds': told,
        'integrated_from_ev': float(energies[0]),
        'integrated_to_ev': end,
        'atom_order': 'crystal',
        'engine': results.get('engine'),
    }
    return orm.Dict({key: value for key, value in summary.items() if value is not None})


def integrated(energies: NDArray[np.float64], values: NDArray[np.float64], end: float) -> float:
    """Return the integral of a curve up to an energy between two points.

    :param energies: rising, shape (n,).
    :param end: within the range of the energies.
    """
    inside = energies < end
    x = np.append(energies[inside], end)
    y = np.append(values[inside], np.interp(end, energies, values))
    return float(np.sum(0.5 * (y[1:] + y[:-1]) * np.diff(x)))
