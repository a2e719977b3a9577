"""Nodes of the files that a frequency calculation writes: Hessian and computed spectra."""

from __future__ import annotations

import numpy as np
from aiida import orm

from aiida_crystalmath.crystal.outputs.hessfreq import read_hessian
from aiida_crystalmath.crystal.outputs.spectra import read_irspec, read_ramspec
from aiida_crystalmath.parsers.arrays import array_node, geometry_arrays, set_pbc
from aiida_crystalmath.parsers.base import temporary_file
from aiida_crystalmath.parsers.vibrations import Frame

__all__ = ('hessian_node', 'ir_spectrum_node', 'raman_spectrum_node')

POLARISATIONS = ('xx', 'xy', 'xz', 'yy', 'yz', 'zz')


def hessian_node(temporary: str | None, frame: Frame) -> orm.ArrayData | None:
    """Return the second derivatives of the energy, shape (atoms, 3, atoms, 3); None without file or known atoms.

    :param frame: whose order of atoms and axes they are told in.
    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if the file is cut or of other atoms.
    """
    text = temporary_file(temporary, 'HESSFREQ.DAT')
    if not text or frame.geometry is None:
        return None
    n = len(frame.geometry)
    hessian = read_hessian(text, n).reshape(n, 3, n, 3)
    if frame.is_users:
        order = frame.cells.atoms(range(n))
        rotation = frame.cells.rotation
        hessian = np.einsum('aibj,ik,jl->akbl', hessian[order][:, :, order], rotation, rotation, optimize=True)
    arrays = {'hessian_hartree_per_bohr2': hessian, **geometry_arrays(frame.told)}
    return array_node(arrays, {'frame': frame.name, **set_pbc(frame.told)})


def ir_spectrum_node(temporary: str | None) -> orm.XyData | None:
    """Return the infrared spectrum over cm^-1; None without file.

    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if the file is cut.
    """
    text = temporary_file(temporary, 'IRSPEC.DAT')
    if not text:
        return None
    found = read_irspec(text)
    curves = [
        ('absorbance_raw', found.absorbance_raw, 'km/mol'),
        ('absorbance_classical', found.absorbance_classical, 'cm^2/g'),
        ('absorbance_spherical', found.absorbance_spherical, 'cm^2/g'),
        ('absorbance_ellipsoidal', found.absorbance_ellipsoidal, 'cm^2/g'),
        *((f'reflectance_{number}', values, '') for number, values in enumerate(found.reflectance, start=1)),
    ]
    return _spectrum(found.frequencies_cm1, [(name, y, unit) for name, y, unit in curves if y is not None])


def raman_spectrum_node(temporary: str | None) -> orm.XyData | None:
    """Return the Raman spectrum over cm^-1, arbitrary units; None without file.

    The polarisations of a single crystal are those of CRYSTAL's axes.

    :raises aiida_crystalmath.crystal.outputs.errors.OutputFileError: if the file is cut.
    """
    text = temporary_file(temporary, 'RAMSPEC.DAT')
    if not text:
        return None
    found = read_ramspec(text)
    curves = [('total', found.total), ('parallel', found.parallel), ('perpendicular', found.perpendicular)]
    curves += [(f'single_crystal_{name}', y) for name, y in zip(POLARISATIONS, found.single_crystal, strict=True)]
    return _spectrum(found.frequencies_cm1, [(name, y, 'arbitrary') for name, y in curves])


def _spectrum(frequencies: np.ndarray, curves: list[tuple[str, np.ndarray, str]]) -> orm.XyData:
    """Return curves over one axis."""
    node = orm.XyData()
    node.set_x(frequencies, 'frequency', 'cm^-1')
    node.set_y([y for _, y, _ in curves], [name for name, _, _ in curves], [unit for _, _, unit in curves])
    return node
