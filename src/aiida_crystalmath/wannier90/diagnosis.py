"""What went wrong in a run of wannier90.x or pw2wannier90.x: their part of the catalogues of failures."""

from __future__ import annotations

from aiida_crystalmath.crystal.catalogue import Finding, load_catalogue
from aiida_crystalmath.espresso.findings import Line, conclude, noise
from aiida_crystalmath.espresso.stdout import EspressoOutput
from aiida_crystalmath.wannier90.wout import WannierOutput

__all__ = ('CATALOGUE', 'diagnose_pw2wannier90', 'diagnose_wannier90')

REAL_ENOUGH = 0.01
"""Largest ratio of imaginary to real part that is none of interest."""

_RULES = (
    'unclassified_error',
    'interrupted',
    'disentanglement_not_converged',
    'spread_not_converged',
    'complex_functions',
)

CATALOGUE = load_catalogue('aiida_crystalmath.wannier90', _RULES)


def diagnose_wannier90(output: WannierOutput, *, stderr: str = '', stdout: str = '') -> list[Finding]:
    """Return the entries that fit a run of wannier90.x, the most decisive first.

    :param output: of ``seedname.wout``, or of ``seedname.werr`` where there is no other.
    :param stderr: of the scheduler.
    :param stdout: what the program printed beside its files, where shells and libraries complain.
    """
    failed, stopped = output.end == 'error', output.end is None
    lines = [Line(text, 'wout') for text in output.errors]
    if failed or stopped:
        lines += [*noise(stdout, 'stdout'), *noise(stderr, 'stderr')]
    subspace = output.disentanglement
    held = {
        'disentanglement_not_converged': subspace is not None and subspace.converged is False,
        'spread_not_converged': output.converged is False,
        'complex_functions': (output.max_imaginary_ratio or 0.0) > REAL_ENOUGH,
    }
    return conclude(CATALOGUE, lines, [name for name, holds in held.items() if holds], failed=failed, stopped=stopped)


def diagnose_pw2wannier90(output: EspressoOutput, *, stderr: str = '') -> list[Finding]:
    """Return the entries that fit a run of pw2wannier90.x, the most decisive first."""
    failed, stopped = bool(output.errors), not output.done and not output.errors
    lines = [Line(f'{error.text} (in {error.routine})', 'stdout', error.line) for error in output.errors]
    lines += noise(stderr, 'stderr') if failed or stopped else []
    return conclude(CATALOGUE, lines, (), failed=failed, stopped=stopped)
