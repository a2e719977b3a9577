"""Databases: ``ndb.QP``, ``ndb.BS_diago_Q1`` and ``ns.db1`` of Yambo 5, which are HDF5 below NetCDF and read by h5py.

Energies in them are in hartree; k-points are in Yambo's internal units (iku): inverse lattice constants.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.yambo.outputs.tables import ExcitonList, Quasiparticles

__all__ = ('CoreDatabase', 'DatabaseError', 'iku_to_rlu', 'read_bs_diago', 'read_ndb_qp', 'read_ns_db1')


class DatabaseError(ValueError):
    """A file that is not the database it should be, or not whole."""


def _h5py() -> Any:
    """Return the library.

    :raises ImportError: it is not installed; the message names the extra.
    """
    try:
        import h5py
    except ImportError as exception:
        raise ImportError(
            "databases of Yambo are read with h5py, which is not installed: pip install 'aiida-crystalmath[yambo]'"
        ) from exception
    return h5py


def _read(source: str | Path | IO[bytes], names: tuple[str, ...], what: str) -> dict[str, NDArray[Any]]:
    """Read the arrays of a database.

    :raises DatabaseError: it cannot be read, or lacks one.
    """
    h5py = _h5py()
    try:
        with h5py.File(source, 'r') as handle:
            missing = [name for name in names if name not in handle]
            if missing:
                raise DatabaseError(f'{what} has no {", ".join(missing)}')
            return {name: np.array(handle[name]) for name in names}
    except OSError as exception:
        raise DatabaseError(f'{what} cannot be read: {exception}') from exception


def read_ndb_qp(source: str | Path | IO[bytes]) -> Quasiparticles:
    """Read quasi-particles from ``ndb.QP``.

    ``QP_table`` has rows of (band, band, k[, spin]) as columns; ``QP_E`` and ``QP_Z`` are real and imaginary part.

    :param source: path, or the open file.
    :raises DatabaseError: it is no such database.
    """
    arrays = _read(source, ('QP_table', 'QP_E', 'QP_Eo', 'QP_Z', 'QP_kpts'), 'ndb.QP')
    table = arrays['QP_table'].astype(np.int64)
    e0 = arrays['QP_Eo'].astype(np.float64)
    shapes = [arrays[name].shape for name in ('QP_E', 'QP_Z')]
    if e0.ndim != 1 or table.shape not in ((3, len(e0)), (4, len(e0))) or shapes != [(len(e0), 2)] * 2:
        raise DatabaseError(f'the arrays of ndb.QP do not fit each other: {table.shape}, {e0.shape}, {shapes}')
    corrected = arrays['QP_E'][:, 0].astype(np.float64)
    if not len(e0) or not np.isfinite([e0, corrected]).all():
        raise DatabaseError('ndb.QP has no states, or energies that are no numbers')
    return Quasiparticles(
        kpoint=table[2],
        band=table[0],
        e0_ev=e0 * HARTREE_EV,
        de_ev=(corrected - e0) * HARTREE_EV,
        spin=table[3] if len(table) == 4 else np.ones(len(e0), dtype=np.int64),
        z=arrays['QP_Z'][:, 0].astype(np.float64),
        kpoints_iku=arrays['QP_kpts'].astype(np.float64).T,
    )


def read_bs_diago(source: str | Path | IO[bytes]) -> ExcitonList:
    """Read excitons from ``ndb.BS_diago_Q1``: real parts of the energies, and strengths |left x right residual|.

    :param source: path, or the open file.
    :raises DatabaseError: it is no such database.
    """
    names = ('BS_Energies', 'BS_left_Residuals', 'BS_right_Residuals')
    arrays = _read(source, names, 'ndb.BS_diago_Q1')
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or next(iter(shapes))[1:] != (2,):
        raise DatabaseError(f'the arrays of ndb.BS_diago_Q1 do not fit each other: {sorted(shapes)}')
    energies = arrays['BS_Energies'][:, 0].astype(np.float64) * HARTREE_EV
    left, right = (arrays[name].astype(np.float64) @ np.array([1, 1j]) for name in names[1:])
    strength = np.abs(left * right)
    if not len(energies) or not strength.max() > 0 or not np.isfinite(energies).all():
        raise DatabaseError('ndb.BS_diago_Q1 has no excitons')
    return ExcitonList.of(energies, strength / strength.max(), np.arange(1, len(energies) + 1))


@dataclass(frozen=True)
class CoreDatabase:
    """What ``ns.db1`` holds of the DFT calculation.

    :param energies_ev: (spins, k-points, bands), as pw.x has them: the zero is not that of Yambo's reports.
    """

    kpoints_iku: NDArray[np.float64]
    energies_ev: NDArray[np.float64]


def read_ns_db1(source: str | Path | IO[bytes]) -> CoreDatabase:
    """Read k-points and energies from ``ns.db1``.

    :raises DatabaseError: it is no such database.
    """
    arrays = _read(source, ('K-POINTS', 'EIGENVALUES'), 'ns.db1')
    return CoreDatabase(arrays['K-POINTS'].astype(np.float64).T, arrays['EIGENVALUES'].astype(np.float64) * HARTREE_EV)


def iku_to_rlu(kpoints_iku: NDArray[np.float64], lattice_iru: Any) -> NDArray[np.float64]:
    """Turn k-points in Yambo's units into fractions of the reciprocal lattice vectors.

    A k-point in iku times a lattice vector in units of the lattice constants (iru) is k.A / 2 pi.

    :param lattice_iru: lattice vectors as rows.
    """
    fractions: NDArray[np.float64] = kpoints_iku @ np.array(lattice_iru, dtype=np.float64).T
    return fractions
