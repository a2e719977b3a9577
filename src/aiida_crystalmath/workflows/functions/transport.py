"""What is worth telling of transport coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction
from numpy.typing import NDArray

__all__ = ('averaged', 'power_factor', 'total_seebeck', 'transport_summary')


@calcfunction
def transport_summary(transport: orm.ArrayData, parameters: orm.Dict, temperature_k: orm.Float) -> orm.Dict | ExitCode:
    """Return transport coefficients at a few chemical potentials, averaged over the directions that repeat.

    The chemical potentials are the band edges and the middle of the gap (the Fermi energy of a metal), and those of the
    largest power factors below and above. Where spins are apart, the conductivities are sums over both.

    :param transport: ``output_transport``.
    :param parameters: ``output_parameters`` of the self-consistent field.
    :param temperature_k: the nearest temperature there is gets taken.
    :return: ``temperature_k``, ``points`` (each ``name``, ``chemical_potential_ev``, ``carriers_per_cell``,
        ``seebeck_uv_per_k``, ``conductivity_s_per_m``, ``power_factor_mw_per_m_k2``,
        ``thermal_conductivity_w_per_m_k``), ``volume_cm3``, ``largest_mismatch`` of the files with each other, and
        ``engine``. What is not in the files is left out. An exit code, if conductivity or Seebeck coefficient are.
    """
    names = transport.get_arraynames()
    if not {'conductivity_per_ohm_m', 'seebeck_v_per_k'} <= set(names):
        return ExitCode(400, 'conductivity or Seebeck coefficient is missing')
    results = parameters.get_dict()
    temperatures = transport.get_array('temperatures_k')
    at = int(np.argmin(np.abs(temperatures - temperature_k.value)))
    mu = transport.get_array('chemical_potentials_ev')
    sigma, seebeck = (transport.get_array(name)[:, at] for name in ('conductivity_per_ohm_m', 'seebeck_v_per_k'))
    curves = {
        'carriers_per_cell': transport.get_array('carriers_per_cell')[:, at].sum(axis=0),
        'seebeck_uv_per_k': 1e6 * averaged(total_seebeck(sigma, seebeck)),
        'conductivity_s_per_m': averaged(sigma).sum(axis=0),
        'power_factor_mw_per_m_k2': 1e3 * power_factor(sigma, seebeck),
    }
    if 'thermal_conductivity_w_per_m_k' in names:
        kappa = transport.get_array('thermal_conductivity_w_per_m_k')[:, at]
        curves['thermal_conductivity_w_per_m_k'] = averaged(kappa).sum(axis=0)
    told: dict[str, Any] = {
        'temperature_k': float(temperatures[at]),
        'points': [
            {
                'name': name,
                'chemical_potential_ev': float(mu[index]),
                **{key: float(values[index]) for key, values in curves.items()},
            }
            for name, index in _points(mu, curves['power_factor_mw_per_m_k2'], results)
        ],
        'volume_cm3': transport.base.attributes.get('volume_cm3', None),
        'largest_mismatch': _mismatch(transport, at, sigma, seebeck),
        'engine': results.get('engine'),
    }
    return orm.Dict({key: value for key, value in told.items() if value is not None})


def averaged(tensors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a third (half in two dimensions) of the trace of tensors, shape (..., d, d)."""
    d = tensors.shape[-1]
    result: NDArray[np.float64] = np.trace(tensors, axis1=-2, axis2=-1) / d
    return result


def power_factor(sigma: NDArray[np.float64], seebeck: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return S² sigma in W/m/K², averaged over directions, spins summed up.

    :param sigma: S/m, shape (spins, ..., d, d); ``seebeck``: V/K, likewise or of one spin.
    """
    whole, total = sigma.sum(axis=0), total_seebeck(sigma, seebeck)
    return averaged(np.swapaxes(total, -1, -2) @ whole @ total)


def total_seebeck(sigma: NDArray[np.float64], seebeck: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Seebeck coefficient of both spins together, V/K, shape (..., d, d).

    Two channels that conduct side by side: each counts by its conductivity.

    :param sigma: S/m, shape (spins, ..., d, d); ``seebeck``: V/K, likewise, or of one spin if it is that of both.
    """
    if len(seebeck) == 1:
        return np.asarray(seebeck[0])
    whole, weighted = sigma.sum(axis=0), (sigma @ seebeck).sum(axis=0)
    return np.asarray(np.linalg.pinv(whole) @ weighted)


def _points(mu: NDArray[np.float64], factor: NDArray[np.float64], results: dict[str, Any]) -> list[tuple[str, int]]:
    """Return names and indices of the chemical potentials to tell of, in rising order, each once."""
    fermi, vbm, cbm = (results.get(key) for key in ('fermi_energy_ev', 'vbm_ev', 'cbm_ev'))
    wanted: dict[str, float] = {}
    if not results.get('is_conducting') and vbm is not None and cbm is not None:
        wanted = {'valence-band top': vbm, 'middle of the gap': 0.5 * (vbm + cbm), 'conduction-band bottom': cbm}
        centre = 0.5 * (vbm + cbm)
    elif fermi is not None:
        wanted, centre = {'Fermi energy': fermi}, fermi
    else:
        centre = float(np.median(mu))
    step = float(mu[1] - mu[0]) if len(mu) > 1 else 0.0
    inside = {
        name: int(np.argmin(np.abs(mu - value)))
        for name, value in wanted.items()
        if mu[0] - step <= value <= mu[-1] + step
    }
    for name, side in (('best power factor, holes', mu < centre), ('best power factor, electrons', mu >= centre)):
        if side.any() and np.isfinite(factor[side]).any():
            inside[name] = int(np.nanargmax(np.where(side, factor, np.nan)))
    return sorted(inside.items(), key=lambda item: item[1])


def _mismatch(
    transport: orm.ArrayData, at: int, sigma: NDArray[np.float64], seebeck: NDArray[np.float64]
) -> float | None:
    """Return how far the product of the files is from the file of the product, relative to its largest value.

    This is a check of units. CRYSTAL gives the product with the opposite sign (a real file of CRYSTAL22), so that only
    the sizes are compared.
    """
    name = 'conductivity_times_seebeck_a_per_m_k'
    if name not in transport.get_arraynames() or len(sigma) != 1:
        return None
    told, made = np.abs(transport.get_array(name)[0, at]), np.abs(sigma[0] @ seebeck[0])
    largest = float(np.nanmax(told, initial=0.0))
    return None if not largest else float(np.nanmax(np.abs(told - made))) / largest
