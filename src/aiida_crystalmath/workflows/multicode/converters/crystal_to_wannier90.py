"""There is no way from CRYSTAL to Wannier90, and why; CRYSTAL has localised functions of its own."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_crystalmath.workflows.multicode.converters.declaration import Converter, Stays, declared

__all__ = ('REASON', 'crystal_to_wannier90')

REASON = (
    'Wannier90 needs overlaps between Bloch functions at neighbouring k-points (.mmn), projections (.amn) and energies '
    '(.eig); CRYSTAL writes none of the first two, and nothing public makes them from its Gaussian wavefunction. '
    "Use CRYSTAL's own localised Wannier functions, keyword LOCALWF of properties, on the wavefunction that is there; "
    'or hand the structure to Quantum ESPRESSO (crystal_to_qe) and go on with qe_to_wannier90.'
)


@declared(
    Converter(
        source='crystal',
        target='wannier90',
        summary='Refused: CRYSTAL does not write what Wannier90 reads.',
        stays=(Stays('wavefunction', REASON),),
        refused=REASON,
    )
)
@calcfunction
def crystal_to_wannier90(parameters: orm.Dict) -> ExitCode:
    """Refuse, with the reason.

    :param parameters: ``output_parameters`` of a run of CRYSTAL.
    """
    return ExitCode(410, REASON)
