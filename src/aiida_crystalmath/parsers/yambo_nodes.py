"""The output nodes of yambo and ypp, and what is told of them in ``output_parameters``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from aiida import orm

from aiida_crystalmath.crystal.units import BOHR_ANGSTROM
from aiida_crystalmath.parsers.guarded import drop_none

if TYPE_CHECKING:
    from aiida_crystalmath.yambo.outputs.report import Report
    from aiida_crystalmath.yambo.outputs.tables import ExcitonList, Quasiparticles, Spectrum

__all__ = (
    'bands_node',
    'exciton_keys',
    'excitons_node',
    'gap_keys',
    'quasiparticles_node',
    'spectrum_keys',
    'spectrum_node',
)

BRIGHT = 0.01
"""An exciton is bright with a hundredth of the strength of the strongest; degenerate ones share theirs."""


def quasiparticles_node(states: Quasiparticles, report: Report) -> orm.ArrayData:
    """Return the corrected states as arrays, one entry a state."""
    node = orm.ArrayData()
    node.set_array('kpoints', states.kpoint)
    node.set_array('bands', states.band)
    node.set_array('spin', states.spin)
    node.set_array('e0_ev', states.e0_ev)
    node.set_array('de_ev', states.de_ev)
    if states.z is not None:
        node.set_array('z', states.z)
    points = _fractions(states, report)
    if points is not None:
        node.set_array('kpoints_rlu', points)
    return node


def bands_node(states: Quasiparticles, report: Report) -> orm.BandsData | None:
    """Return the corrected energies as bands; None unless every k-point has the same bands corrected."""
    points = _fractions(states, report)
    if points is None or report.cell_bohr is None or (states.spin != 1).any():
        return None
    kpoints, bands = np.unique(states.kpoint), np.unique(states.band)
    if len(states) != len(kpoints) * len(bands):
        return None
    energies = np.full((len(kpoints), len(bands)), np.nan)
    energies[np.searchsorted(kpoints, states.kpoint), np.searchsorted(bands, states.band)] = states.energies_ev
    if not np.isfinite(energies).all():
        return None
    node = orm.BandsData()
    node.set_cell((np.array(report.cell_bohr) * BOHR_ANGSTROM).tolist())
    node.set_kpoints(points[kpoints - 1])
    filled = report.dft.filled_bands
    occupations = None
    if filled is not None:
        full = 1.0 if report.n_spinors == 2 else 2.0
        occupations = np.tile(np.where(bands <= filled, full, 0.0), (len(kpoints), 1))
    node.set_bands(energies, units='eV', occupations=occupations)
    node.base.attributes.set('first_band', int(bands[0]))
    node.base.attributes.set('kpoint_numbers', [int(number) for number in kpoints])
    return node


def gap_keys(states: Quasiparticles, report: Report) -> dict[str, Any]:
    """Return the gaps between corrected states, counted as Yambo does, and how many states there are."""
    from aiida_crystalmath.yambo.outputs.gaps import gaps_of

    told: dict[str, Any] = {'n_quasiparticles': len(states)}
    gaps = gaps_of(states, report.dft.filled_bands, report.n_kpoints)
    if gaps is None:
        return told
    return told | drop_none(
        {
            'gap_direct_ev': gaps.direct_ev,
            'gap_direct_kpoint': gaps.direct_kpoint,
            'gap_indirect_ev': gaps.indirect_ev,
            'gap_indirect_kpoints': list(gaps.indirect_kpoints) if gaps.indirect_kpoints is not None else None,
            'gap_of_all_kpoints': gaps.complete,
        }
    )


def spectrum_node(spectrum: Spectrum, loss: Spectrum | None) -> orm.ArrayData:
    """Return the dielectric function, and the energy loss if there is one, as arrays over the same energies."""
    node = orm.ArrayData()
    node.set_array('energy_ev', spectrum.energy_ev)
    node.set_array('eps_im', spectrum.imaginary)
    node.set_array('eps_re', spectrum.real)
    if spectrum.imaginary_ip is not None and spectrum.real_ip is not None:
        node.set_array('eps_im_ip', spectrum.imaginary_ip)
        node.set_array('eps_re_ip', spectrum.real_ip)
    if loss is not None and np.array_equal(loss.energy_ev, spectrum.energy_ev):
        node.set_array('eel', loss.imaginary)
        if loss.imaginary_ip is not None:
            node.set_array('eel_ip', loss.imaginary_ip)
    return node


def spectrum_keys(spectrum: Spectrum) -> dict[str, Any]:
    """Return where absorption is strongest, with and without excitons."""
    return drop_none({'absorption_peak_ev': spectrum.peak_ev, 'absorption_peak_ip_ev': spectrum.peak_ip_ev})


def excitons_node(excitons: ExcitonList) -> orm.ArrayData:
    """Return the excitons as arrays, the lowest first."""
    node = orm.ArrayData()
    node.set_array('energies_ev', excitons.energy_ev)
    node.set_array('strengths', excitons.strength)
    node.set_array('indices', excitons.index)
    node.set_array('bright', excitons.bright(BRIGHT))
    node.base.attributes.set('bright_threshold', BRIGHT)
    return node


def exciton_keys(excitons: ExcitonList) -> dict[str, Any]:
    """Return the lowest excitons, dark and bright."""
    bright = excitons.bright(BRIGHT)
    return {
        'n_excitons': len(excitons.energy_ev),
        'lowest_exciton_ev': float(excitons.energy_ev[0]),
        'lowest_bright_exciton_ev': float(excitons.energy_ev[bright][0]),
        'bright_threshold': BRIGHT,
    }


def _fractions(states: Quasiparticles, report: Report) -> Any:
    """Return the k-points, by their numbers, as fractions of the reciprocal lattice vectors; None if not known."""
    from aiida_crystalmath.yambo.outputs.databases import iku_to_rlu

    if states.kpoints_iku is None or report.lattice_iru is None:
        return None
    # Of a part of the k-points, ndb.QP has only those; which is which is certain if they are the first ones.
    numbers = np.unique(states.kpoint)
    first_ones = np.array_equal(numbers, np.arange(1, len(states.kpoints_iku) + 1))
    if len(states.kpoints_iku) != report.n_kpoints and not first_ones:
        return None
    return iku_to_rlu(states.kpoints_iku, report.lattice_iru)
