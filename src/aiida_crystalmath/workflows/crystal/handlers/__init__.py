"""The handlers of CrystalBaseWorkChain: what went wrong with a calculation, and what is done about it.

Order of priority, highest first. A handler is asked only for the entries of the catalogue of failures that it names
(decorator ``remedy``); one that cannot help returns nothing and leaves the matter to the next. How often and how far
each may go stands in the configuration of recovery (``recovery.yaml``).

===== ================================ ==============================================================================
prio. handler                          cause -> strategy
===== ================================ ==============================================================================
1000  handle_unrecoverable_failure     no other handler knows a remedy -> stop at once, with the calculation's exit code
900   handle_small_buffers             buffers too small -> BIPOSIZE, EXCHSIZE as printed, if it runs again anyhow
600   handle_guess_missing             GUESSP without fort.20 -> once more without GUESSP
590   handle_node_failure              the machine failed -> go on, or once more
585   handle_out_of_memory             no memory -> more of it, or fewer processes
580   handle_interrupted               walltime, signal, truncated -> RESTART, fort.79, more time
560   handle_stale_hessian             trust radius vanished -> a new optimisation from the lowest point
540   handle_geometry_not_converged    OPTGEOM's MAXCYCLE reached -> RESTART and GUESSP
520   handle_anisotropic_shrink        SHRINK not allowed -> the largest factor for all directions (on request)
510   handle_linear_dependence         basis too diffuse -> LDREMO (on request)
440   handle_scf_cycles_exhausted      MAXCYCLE reached, steps shrink -> GUESSP and MAXCYCLE x 2
430   handle_small_gap                 insulator of small gap, no progress -> LEVSHIFT and GUESSP
420   handle_scf_oscillation           no progress -> more damping, then another accelerator
410   handle_conducting_scf            a conductor, damped, no progress -> SHRINK x 2, then SMEAR
400   handle_fermi_energy              Fermi energy not found -> SHRINK x 2, then SMEAR
310   handle_unexpected_conductor      converged to a conductor -> SHRINK x 2, then stop (on request)
300   handle_level_shift               converged with LEVSHIFT of ours -> once more without
===== ================================ ==============================================================================
"""

from __future__ import annotations

from aiida_crystalmath.workflows.crystal.handlers.inputs import InputHandlers
from aiida_crystalmath.workflows.crystal.handlers.interruptions import InterruptionHandlers
from aiida_crystalmath.workflows.crystal.handlers.machine import MachineHandlers
from aiida_crystalmath.workflows.crystal.handlers.metals import MetalHandlers
from aiida_crystalmath.workflows.crystal.handlers.optimisation import OptimisationHandlers
from aiida_crystalmath.workflows.crystal.handlers.scf import ScfHandlers

__all__ = ('CrystalHandlers',)


class CrystalHandlers(
    InputHandlers, MachineHandlers, InterruptionHandlers, OptimisationHandlers, MetalHandlers, ScfHandlers
):
    """All handlers of failed CRYSTAL calculations."""
