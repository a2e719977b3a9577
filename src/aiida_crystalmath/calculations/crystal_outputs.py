"""The output ports of a ``crystal`` run beside ``output_parameters``; ``reference/outputs.md`` describes the arrays."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine.processes.process_spec import CalcJobProcessSpec

__all__ = ('define_outputs',)

PORTS: dict[str, tuple[Any, str]] = {
    'output_trajectory': (
        orm.TrajectoryData,
        'Points of an optimisation, in the cell, axes and atom order of the input: positions and cells (Å), energies '
        '(hartree per primitive cell), gradients (hartree/bohr), forces where printed, trust radius (bohr), flags.',
    ),
    'output_forces': (
        orm.ArrayData,
        'Forces of a single point (hartree/bohr), of the atoms of the input in its axes, and the stress '
        '(hartree/bohr³) if printed.',
    ),
    'output_modes': (
        orm.ArrayData,
        'Vibrations at Gamma: frequencies (cm⁻¹, imaginary ones negative), irreps, activities, intensities, '
        'eigenvectors (modes, atoms, 3), masses (amu), with the cell and atoms they belong to: those of the input if '
        "that is one primitive cell, else CRYSTAL's (attribute `frame`).",
    ),
    'output_born_charges': (orm.ArrayData, 'Born charge tensors (e) of the atoms of the input, in its axes.'),
    'output_dielectric': (
        orm.ArrayData,
        'Dielectric tensors of a frequency calculation in the axes of the input, without unit: electronic, '
        'vibrational and static.',
    ),
    'output_phonon_bands': (
        orm.BandsData,
        'Frequencies (cm⁻¹) at the q points of a phonon dispersion, in the reciprocal cell of the structure; weights '
        'of a mesh, labels of a path.',
    ),
    'output_phonon_dos': (
        orm.XyData,
        'Phonon density of states (states·cm per primitive cell) over cm⁻¹: total, by element, by atom.',
    ),
    'output_thermodynamics': (
        orm.ArrayData,
        'Harmonic thermodynamic functions (hartree per primitive cell), one entry for each temperature (K) and '
        'pressure (MPa).',
    ),
    'output_hessian': (
        orm.ArrayData,
        'Second derivatives of the energy (hartree/bohr²), shape (atoms, 3, atoms, 3), in the order and axes of '
        '`output_modes`; of structures of up to 200 atoms.',
    ),
    'output_ir_spectrum': (orm.XyData, 'Computed infrared spectrum over cm⁻¹ (IRSPEC).'),
    'output_raman_spectrum': (orm.XyData, 'Computed Raman spectrum, arbitrary units over cm⁻¹ (RAMSPEC).'),
    'output_quasi_harmonic': (
        orm.ArrayData,
        'Tables of the quasi-harmonic approximation: volumes (Å³), bulk moduli (GPa), thermal expansion (1/K), ... '
        'against temperature (K).',
    ),
    'output_elastic': (
        orm.ArrayData,
        'Elastic constants in the notation of Voigt (GPa; hartree per primitive cell and N/m of a slab) and '
        'compliances (1/TPa), in the axes that the attribute `frame` names.',
    ),
    'output_piezoelectric': (orm.ArrayData, 'Piezoelectric constants, direct (C/m²) and converse (pm/V), 3 x 6.'),
    'output_photoelastic': (orm.ArrayData, "Pockels' photoelastic constants, 6 x 6, without unit."),
    'output_eos': (
        orm.ArrayData,
        'Volumes (Å³) and energies (hartree) of the primitive cell along an equation of state, and the functions of '
        'pressure (GPa) along its fits.',
    ),
    'output_polarisability': (
        orm.ArrayData,
        'Polarisability (bohr³) and electronic dielectric tensor at each frequency (eV) of the field, in the axes of '
        'the input.',
    ),
}


def define_outputs(spec: CalcJobProcessSpec, structure_class: Any) -> None:
    """Add the ports to the specification of a calculation.

    :param structure_class: type of ``output_structure``.
    """
    spec.output(
        'output_structure',
        valid_type=structure_class,
        required=False,
        help='Geometry that an optimisation ended with, in the cell, axes and atom order of the input. Without '
        'convergence the one to go on from: the point of lowest energy (enthalpy) whose SCF ended; of a search for a '
        'transition state the last such point.',
    )
    for name, (valid_type, text) in PORTS.items():
        spec.output(name, valid_type=valid_type, required=False, help=text)
