"""What follows from the parts read: the energy, the gap, the charges and the geometry that count.

None of them is given unless the program reached its end and its SCF converged, and none from another geometry than the
final one.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiida_crystalmath.crystal.elements import split_conventional
from aiida_crystalmath.crystal.outputs.models import CrystalOutput, Mulliken, OptPoint, ScfCycle, ScfRun
from aiida_crystalmath.crystal.outputs.sections.electronic import State, gap_of, summarise
from aiida_crystalmath.crystal.outputs.sections.geometry import GeometrySection
from aiida_crystalmath.crystal.outputs.sections.mulliken import Population
from aiida_crystalmath.crystal.outputs.sections.optimisation import OptimisationSection

_SAME = 1e-9
_NEAR = 0.05
"""Corrections (dispersion, counterpoise) and what the last step gains are far less, missing digits far more."""


def conclude(
    output: CrystalOutput,
    state: State,
    *,
    geometry: GeometrySection,
    optimisation: OptimisationSection,
    population: Population,
) -> None:
    """Fill the final results of ``output``.

    :param state: the electronic state printed last.
    """
    several_volumes = output.is_equation_of_state_run or output.quasi_harmonic is not None
    last = _reference_scf(output)
    if last is not None and last.energy_hartree is not None:
        output.energy_scf_hartree = last.energy_hartree
        if last.total_with_dispersion_hartree is not None:
            output.energy_dispersion_hartree = last.total_with_dispersion_hartree - last.energy_hartree
    output.level_shifted = output.level_shifted or any(channel.shifted for channel in state.values())
    is_final = _scf_is_final(output, optimisation)
    _conclude_state(output, state, optimisation, is_final)
    if not output.terminated and (output.optimisation is None or output.optimisation.status != 'failed'):
        _withdraw(output)
        return
    if output.optimisation is not None or output.is_optimisation:
        if geometry.final is not None:
            output.final_geometry = geometry.build(geometry.final)
    else:
        output.final_geometry = output.initial_geometry
    _conclude_energy(output, last, several_volumes)
    if not _is_near_the_last(output, last):
        output.energy_hartree = output.energy_source = None
    output.mulliken = _mulliken(output, population, last if is_final else None)
    unconverged = last is not None and not last.converged and not output.is_optimisation
    if not output.terminated or unconverged:
        # A failed optimisation leaves the geometry to go on from, and no result; an SCF that used up its cycles leaves
        # levels and charges of a density that is none of the system's.
        keep = output.final_geometry
        _withdraw(output)
        output.final_geometry = keep


def _reference_scf(output: CrystalOutput) -> ScfRun | None:
    """Return the SCF whose energy is the run's: the last one, but the first one where others are of moved atoms.

    Numerical derivatives (frequencies, elastic constants) compute displaced geometries, which stand in the main output
    with ONELOG.
    """
    if not output.scf:
        return None
    derivatives = output.frequencies is not None or output.is_elastic_run
    return output.scf[0] if derivatives and not output.is_optimisation else output.scf[-1]


def _scf_is_final(output: CrystalOutput, optimisation: OptimisationSection) -> bool:
    """Say whether the last SCF of the main output is that of the final geometry.

    With ONELOG it is, without an SCF after ``OPT END``: both energies agree to their last digits.
    """
    if not output.is_optimisation:
        return True
    if output.optimisation is None or output.optimisation.n_points is None:
        return False
    energy, found = output.optimisation.energy_hartree, output.scf[-1].final_energy_hartree if output.scf else None
    if energy is not None and found is not None and abs(found - energy) <= _SAME * abs(energy):
        return True
    return output.optimisation.n_points == 1 or len(output.scf) + output.n_dropped_scf > optimisation.scf_at_end


def _is_near_the_last(output: CrystalOutput, last: ScfRun | None) -> bool:
    """Say whether the energy is about that of the last point, or cycle, before it: a misprint is not."""
    energy, optimisation = output.energy_hartree, output.optimisation
    if energy is None or (optimisation is not None and optimisation.energy_is_enthalpy):
        return True
    steps: Sequence[OptPoint | ScfCycle] = last.cycles if last is not None else ()
    if output.is_optimisation:
        steps = optimisation.points if optimisation is not None else ()
    before = steps[-1].energy_hartree if steps else None
    return before is None or abs(energy - before) <= _NEAR * abs(before)


def _conclude_energy(output: CrystalOutput, last: ScfRun | None, several_volumes: bool) -> None:
    """Choose the energy: OPT END, the total with corrections, or the SCF energy."""
    if several_volumes or output.program == 'properties':
        return
    if output.is_optimisation:
        # Elastic constants relax every strained cell: the last optimisation is that of a strained one.
        strained = output.is_elastic_run and output.n_optimisations > 1
        if output.optimisation is not None and output.optimisation.complete and not strained:
            # Under an external stress the program optimises, and prints, the enthalpy.
            source = 'OPT END (ENTHALPY)' if output.optimisation.energy_is_enthalpy else 'OPT END'
            output.energy_hartree, output.energy_source = output.optimisation.energy_hartree, source
        return
    if last is None or not last.converged:
        return
    corrected = output.scf_settings.dispersion is not None or output.scf_settings.gcp
    if last.total_with_dispersion_hartree is not None:
        output.energy_hartree = last.total_with_dispersion_hartree
        output.energy_source = 'TOTAL ENERGY + DISP' + (' + GCP' if last.gcp_hartree is not None else '')
    elif not corrected:
        # Without its total a corrected energy is not known.
        output.energy_hartree, output.energy_source = last.energy_hartree, 'SCF ENDED'


def _conclude_state(output: CrystalOutput, state: State, optimisation: OptimisationSection, is_final: bool) -> None:
    """Fill gaps and band edges."""
    shifted = output.level_shifted
    output.gap_initial_ev = None if shifted else gap_of(state)[0]
    summary = summarise(state, shifted=shifted)
    if summary is not None and (is_final or output.program == 'properties'):
        output.is_conducting = summary.is_conducting
        output.gap_ev, output.gap_kind = summary.gap_ev, summary.gap_kind
        output.gap_alpha_ev, output.gap_beta_ev = summary.gap_alpha_ev, summary.gap_beta_ev
        output.fermi_energy_hartree = summary.fermi_hartree
        output.vbm_hartree, output.cbm_hartree = summary.vbm_hartree, summary.cbm_hartree
    gaps = optimisation.final_gaps
    if gaps and not shifted and ('alpha' in gaps) == ('beta' in gaps):
        output.gap_alpha_ev, output.gap_beta_ev = gaps.get('alpha'), gaps.get('beta')
        if output.gap_ev is None or abs(min(gaps.values()) - output.gap_ev) > 2e-3:
            output.gap_ev, output.gap_kind = min(gaps.values()), None
        output.is_conducting = min(gaps.values()) <= 0.0


def _mulliken(output: CrystalOutput, population: Population, last: ScfRun | None) -> Mulliken | None:
    """Return the charges of the final geometry: those of its SCF (seven decimals), else of the analysis (three)."""
    optimisation = output.optimisation
    printed = population.result
    if printed is not None and optimisation is not None and population.line < optimisation.line:
        printed = None
    result: Mulliken | None = None
    if last is not None and last.charges and len(last.charges) == output.n_atoms:
        spins = list(last.spins) if len(last.spins) == len(last.charges) else None
        result = Mulliken(list(last.charges), spins=spins)
    elif printed is not None and len(printed.electrons) == output.n_atoms:
        result = printed
    if result is None:
        return None
    final = output.final_geometry
    if final is not None and not result.numbers:
        result.numbers = [site.conventional_number for site in final.sites]
        result.symbols = [site.symbol for site in final.sites]
    result.net_charges = [
        None if has_ecp else z - electrons
        for (z, has_ecp, _), electrons in zip(map(split_conventional, result.numbers), result.electrons, strict=False)
    ]
    return result


def _withdraw(output: CrystalOutput) -> None:
    """Take back what an unfinished program cannot vouch for."""
    output.energy_hartree = output.energy_source = None
    output.gap_ev = output.gap_kind = output.gap_alpha_ev = output.gap_beta_ev = None
    output.fermi_energy_hartree = output.vbm_hartree = output.cbm_hartree = None
    output.is_conducting = None
    output.final_geometry = None
    output.mulliken = None
