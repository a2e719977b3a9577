"""What to do next about a calculation that failed: a change of its input, if one is known that helps.

The work chains try these by themselves (``workflows.crystal.handlers``). What is proposed here goes on from where they,
or a person, stopped: the next step of the same ladders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiida_crystalmath.crystal.inputs.changes import value_text
from aiida_crystalmath.crystal.scf_behaviour import DEFAULT_MAXCYCLE
from aiida_crystalmath.workflows.crystal.scf_history import classify, next_accelerator, next_fmixing
from aiida_crystalmath.workflows.crystal.verdict import Verdict, results_of

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode

__all__ = ('Proposal', 'propose')

DEFAULT_STEPS = 100
"""CRYSTAL's default of OPTGEOM's MAXCYCLE."""

SMEAR_HARTREE = 0.005


@dataclass(frozen=True)
class Proposal:
    """A next step.

    :param reason: why, in a sentence.
    :param changes: of the input, as ``crystalmath retry --set`` takes them.
    :param walltime_s: time limit to ask for; None leaves it.
    :param wavefunction: whether that of the failed run is worth starting from.
    :param geometry: whether to go on from the last geometry the failed run came to.
    :param automatic: whether it is done without being asked for: it changes neither the physics nor anything that only
        a person can judge.
    """

    reason: str
    changes: tuple[str, ...] = ()
    walltime_s: int | None = None
    wavefunction: bool = True
    geometry: bool = True
    automatic: bool = True

    @property
    def arguments(self) -> str:
        """The change as arguments of ``crystalmath retry``."""
        sets = [f'--set "{change}"' if ' ' in change else f'--set {change}' for change in self.changes]
        limit = [f'--walltime {self.walltime_s}'] if self.walltime_s else []
        return ' '.join([*sets, *limit])


def propose(node: CalcJobNode) -> Proposal | None:
    """Return the next step for a calculation that failed; None if none is known.

    :param node: a finished calculation of ``crystal`` or ``properties``.
    """
    if node.is_killed or node.is_excepted:
        return Proposal('The same again: it was stopped from AiiDA, not by the program.')
    for name in Verdict.of(node).names:
        rule = RULES.get(name)
        if rule is not None:
            return rule(node)
    return None


def _parameters(node: CalcJobNode) -> Mapping[str, Any]:
    """Return the parameters of a calculation."""
    content: Mapping[str, Any] = node.inputs.parameters.get_dict() if 'parameters' in node.inputs else {}
    return content


def _scf(node: CalcJobNode) -> Mapping[str, Any]:
    """Return the SCF part of the parameters."""
    return _parameters(node).get('scf') or {}


def _more_time(node: CalcJobNode) -> Proposal:
    """Twice the time limit."""
    seconds = node.get_option('max_wallclock_seconds')
    reason = 'The time was too short: go on from where it stood, with twice the time.'
    return Proposal(reason, walltime_s=2 * seconds if seconds else None)


def _again(node: CalcJobNode) -> Proposal:
    """Run the same once more."""
    return Proposal('It was stopped from outside: go on from where it stood.')


def _unconverged_scf(node: CalcJobNode) -> Proposal:
    """More cycles for an SCF on its way, damping for one that is not, then another accelerator, then smearing."""
    scf, results = _scf(node), results_of(node).get('scf') or {}
    energies = [energy for energy in results.get('energies_hartree') or [] if energy is not None]
    behaviour = 'unknown' if results.get('converged') else classify(energies)
    if behaviour in ('converging', 'unknown'):
        cycles = 2 * (scf.get('maxcycle') or DEFAULT_MAXCYCLE)
        on_its_way = 'The SCF was on its way' if behaviour == 'converging' else 'How the SCF went is not known'
        return Proposal(f'{on_its_way}: more cycles, from its wavefunction.', (f'MAXCYCLE={cycles}',))
    went = f'The SCF was {behaviour}'
    mixing = None if isinstance(scf.get('diis'), str) else next_fmixing(scf.get('fmixing'))
    if mixing is not None:
        return Proposal(f'{went}: more damping, from atomic densities.', (f'FMIXING={mixing}',), wavefunction=False)
    accelerator = next_accelerator(scf.get('diis'))
    if accelerator is not None:
        name = 'DIIS' if accelerator is True else str(accelerator)
        return Proposal(f'{went} in spite of damping: another accelerator.', (name,), wavefunction=False)
    if not scf.get('smear') and results.get('is_conducting'):
        return Proposal(
            f'{went} in spite of all, and the state conducts: smear the occupations. This changes the energy.',
            (f'SMEAR={SMEAR_HARTREE}',),
            wavefunction=False,
            automatic=False,
        )
    return Proposal(
        f'{went} in spite of damping and all accelerators. Look at the geometry, the spins (ATOMSPIN, SPINLOCK) and '
        'the basis set; a level shift (to be taken out again) may help an insulator.',
        ('LEVSHIFT=6 1',),
        wavefunction=False,
        automatic=False,
    )


def _more_steps(node: CalcJobNode) -> Proposal:
    """Go on with an optimisation."""
    optgeom = (_parameters(node).get('geometry') or {}).get('optgeom') or {}
    steps = 2 * (optgeom.get('maxcycle') or DEFAULT_STEPS)
    reason = 'The optimisation used up its steps: go on from its last geometry, with more of them.'
    return Proposal(reason, (f'OPTGEOM.MAXCYCLE={steps}',))


def _fresh_optimisation(node: CalcJobNode) -> Proposal:
    """Begin an optimisation anew where it stood."""
    return Proposal('The Hessian no longer fitted: a new optimisation from the last geometry.')


def _denser_mesh(node: CalcJobNode) -> Proposal | None:
    """Twice the SHRINK."""
    shrink = _scf(node).get('shrink')
    if not shrink:
        return None
    factors = shrink['is']
    doubled = {'is': [2 * n for n in factors] if isinstance(factors, list) else 2 * factors}
    doubled['isp'] = 2 * (shrink.get('isp') or (max(factors) if isinstance(factors, list) else factors))
    text = f'SHRINK={value_text(("scf", "shrink"), doubled)}'
    return Proposal('No Fermi energy on this k-mesh: a denser one.', (text,), wavefunction=False)


def _no_guess(node: CalcJobNode) -> Proposal:
    """From atomic densities."""
    return Proposal('There is no wavefunction to start from: start from atomic densities.', wavefunction=False)


def _isotropic_shrink(node: CalcJobNode) -> Proposal | None:
    """Take the largest factor in all directions."""
    shrink = _scf(node).get('shrink') or {}
    if not isinstance(shrink.get('is'), list):
        return None
    largest = max(shrink['is'])
    text = f'SHRINK={largest} {max(largest, shrink.get("isp") or 0)}'
    return Proposal('Symmetry wants the same factor in all directions: the largest.', (text,), wavefunction=False)


RULES: Mapping[str, Callable[[CalcJobNode], Proposal | None]] = {
    'walltime': _more_time,
    'killed': _again,
    'interrupted': _again,
    'aborted_without_reason': _again,
    'node_failure': _again,
    'cancelled': _again,
    'optimisation_without_end': _again,
    'scf_failed': _unconverged_scf,
    'scf_too_many_cycles': _unconverged_scf,
    'scf_failed_in_optimisation': _unconverged_scf,
    'scf_oscillating': _unconverged_scf,
    'scf_diverging': _unconverged_scf,
    'optimisation_scf_failing': _unconverged_scf,
    'geometry_not_converged': _more_steps,
    'optimisation_ended_failed': _more_steps,
    'optimiser_trust_radius': _fresh_optimisation,
    'fermi_not_in_interval': _denser_mesh,
    'guess_missing': _no_guess,
    'guess_unreadable': _no_guess,
    'anisotropic_shrink': _isotropic_shrink,
}
"""Entry of the catalogue of failures -> what to propose."""
