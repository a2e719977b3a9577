"""The output ports of a ``properties`` run beside ``output_parameters``; ``reference/outputs.md`` has the arrays."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine.processes.process_spec import CalcJobProcessSpec

__all__ = ('define_outputs',)

PORTS: dict[str, tuple[Any, str]] = {
    'output_bands': (
        orm.BandsData,
        "Bands in eV (CRYSTAL's zero; `fermi_energy_ev` is an attribute), k-points of the structure's cell, or of "
        "CRYSTAL's own where no way leads there or the run that made the wavefunction is not known.",
    ),
    'output_dos': (
        orm.XyData,
        'Total density of states, states/eV/cell over eV; one array, or two for alpha and beta.',
    ),
    'output_dos_projected': (
        orm.XyData,
        'Projected densities of states, one array (or two) for each projection.',
    ),
    'output_coop': (orm.XyData, 'Crystal orbital overlap populations, electrons/eV/cell over eV.'),
    'output_cohp': (
        orm.XyData,
        'Crystal orbital Hamilton populations (energy per energy and cell, taken to be in atomic units) over eV.',
    ),
    'output_maps': (
        orm.ArrayData,
        'Fields on planes, as of ECHG: charge and spin density (e/bohr³), potential (hartree/e), ..., with origin and '
        "steps (Å) in CRYSTAL's axes, and its cell and atoms.",
    ),
    'output_transport': (
        orm.ArrayData,
        'Transport coefficients of BOLTZTRA in SI units against temperature (K) and chemical potential (eV), as '
        'tensors in the axes of the structure.',
    ),
    'output_potential': (orm.ArrayData, 'Electrostatic potential along a line (POTC), atomic units over Å.'),
    'output_xrd': (orm.ArrayData, 'Powder diffraction: peaks, and intensity (arbitrary units) over 2θ (degrees).'),
}


def define_outputs(spec: CalcJobProcessSpec) -> None:
    """Add the ports to the specification of a calculation."""
    for name, (valid_type, text) in PORTS.items():
        spec.output(name, valid_type=valid_type, required=False, help=text)
    spec.output_namespace(
        'output_cubes',
        valid_type=orm.SinglefileData,
        dynamic=True,
        required=False,
        help='Grids in space as cube files (`dens`, `spin`, `pot`, ...), with `settings.retrieve_cubes` only.',
    )
