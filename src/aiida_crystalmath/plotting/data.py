"""One data model of band structures and densities of states for every face that draws them.

Energies are in eV as the nodes hold them; whoever draws subtracts :meth:`BandsPlotData.zero`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aiida import orm


@dataclass(frozen=True)
class Caption:
    """What a reader must know about a picture: written in its corner.

    :param formula: chemical formula.
    :param method: Hamiltonian and basis in words.
    :param engine: ``CRYSTAL`` or ``STAND-IN``; a stand-in is marked on the picture.
    :param pk: PK of the process the data came from.
    """

    formula: str = ''
    method: str = ''
    engine: str = 'CRYSTAL'
    pk: int | None = None

    @property
    def is_standin(self) -> bool:
        """Whether the numbers came from the stand-in engine."""
        return 'STAND' in self.engine.upper()

    def text(self) -> str:
        """Return the caption in one line."""
        engine = 'stand-in engine, not CRYSTAL' if self.is_standin else self.engine
        parts = [self.formula, self.method, engine, f'PK {self.pk}' if self.pk is not None else '']
        return '  |  '.join(part for part in parts if part)


@dataclass(frozen=True)
class Edges:
    """Band edges on the sampled path: valid only for an insulator.

    :param vbm: highest occupied energy in eV, ``cbm``: lowest empty energy in eV.
    :param vbm_index: index of its k-point on the path, likewise ``cbm_index``.
    """

    vbm: float
    cbm: float
    vbm_index: int
    cbm_index: int

    @property
    def gap(self) -> float:
        """Return the gap along the path in eV."""
        return self.cbm - self.vbm

    @property
    def is_direct(self) -> bool:
        """Whether both edges lie at one k-point."""
        return self.vbm_index == self.cbm_index


@dataclass(frozen=True)
class BandsPlotData:
    """A band structure ready to draw.

    :param distance: path coordinate of each k-point, 1/Å, shape (n_k,); no step at a break of the path.
    :param energies: eV, shape (n_spin, n_k, n_bands).
    :param ticks: (k-point index, label) at every end of a segment.
    :param fermi_energy: eV.
    :param n_occupied: number of occupied bands for each spin; empty for a metal.
    :param caption: what is written in the corner.
    """

    distance: NDArray[np.float64]
    energies: NDArray[np.float64]
    ticks: tuple[tuple[int, str], ...]
    fermi_energy: float
    n_occupied: tuple[int, ...] = ()
    caption: Caption = field(default_factory=Caption)

    def edges(self) -> Edges | None:
        """Return the band edges on this path, or ``None`` when bands cross the Fermi energy."""
        if not self.n_occupied:
            return None
        tops = [spin[:, n - 1] for spin, n in zip(self.energies, self.n_occupied, strict=True) if n > 0]
        bottoms = [
            spin[:, n] for spin, n in zip(self.energies, self.n_occupied, strict=True) if n < self.energies.shape[2]
        ]
        if not tops or not bottoms:
            return None
        top, bottom = np.max(tops, axis=0), np.min(bottoms, axis=0)
        i, j = int(np.argmax(top)), int(np.argmin(bottom))
        if bottom[j] <= top[i]:
            return None
        direct = np.flatnonzero(np.isclose(bottom, bottom[j], atol=1e-4) & np.isclose(top, top[i], atol=1e-4))
        if direct.size:
            i = j = int(direct[0])
        return Edges(float(top[i]), float(bottom[j]), i, j)

    def zero(self) -> tuple[float, str]:
        """Return the energy to put at 0 (eV) and its name: the valence-band top, or E_F for a metal."""
        edges = self.edges()
        return (edges.vbm, 'VBM') if edges else (self.fermi_energy, 'F')


@dataclass(frozen=True)
class DosPlotData:
    """A density of states ready to draw.

    :param energies: eV, shape (n_e,).
    :param total: states/eV/cell, shape (n_spin, n_e).
    :param projections: label to states/eV/cell, shape (n_spin, n_e).
    :param fermi_energy: eV.
    :param caption: what is written in the corner.
    """

    energies: NDArray[np.float64]
    total: NDArray[np.float64]
    projections: dict[str, NDArray[np.float64]]
    fermi_energy: float
    caption: Caption = field(default_factory=Caption)


def occupied_bands(energies: NDArray[np.float64], fermi_energy: float, tolerance: float = 0.02) -> tuple[int, ...]:
    """Count the bands below the Fermi energy for each spin; empty when any band crosses it.

    :param energies: eV, shape (n_spin, n_k, n_bands).
    :param fermi_energy: eV; CRYSTAL gives the top of the valence bands for an insulator, hence the tolerance.
    :param tolerance: eV.
    """
    counts = []
    for spin in energies:
        below = np.sum(spin <= fermi_energy + tolerance, axis=1)
        if below.min() != below.max():
            return ()
        counts.append(int(below[0]))
    return tuple(counts)


def path_distance(kpoints: NDArray[np.float64], breaks: set[int]) -> NDArray[np.float64]:
    """Return the path coordinate of Cartesian k-points, with no step where the path jumps.

    :param kpoints: 1/Å, shape (n_k, 3).
    :param breaks: indices i such that the path jumps between i and i + 1.
    """
    steps = np.linalg.norm(np.diff(kpoints, axis=0), axis=1)
    for index in breaks:
        steps[index] = 0.0
    return np.concatenate([[0.0], np.cumsum(steps)])


def _breaks(labels: list[tuple[int, str]], kpoints: NDArray[np.float64]) -> set[int]:
    """Return the jumps of a path: neighbouring labelled points that are two different places."""
    positions = {index: label for index, label in labels}
    return {
        index
        for index in positions
        if index + 1 in positions and not np.allclose(kpoints[index], kpoints[index + 1], atol=1e-8)
    }


def bands_from_node(
    bands: orm.BandsData,
    fermi_energy: float,
    caption: Caption | None = None,
    n_occupied: tuple[int, ...] | None = None,
) -> BandsPlotData:
    """Build the data from an AiiDA ``BandsData`` in eV.

    :param bands: the node, with labels at the ends of segments.
    :param fermi_energy: eV.
    :param n_occupied: occupied bands for each spin, when the calculation says the system is an insulator; without it
        they are counted below the Fermi energy, which fails where the path climbs above the sampled mesh.
    """
    energies = np.asarray(bands.get_bands(), dtype=float)
    if energies.ndim == 2:
        energies = energies[None]
    cartesian = np.asarray(bands.get_kpoints(cartesian=True), dtype=float)
    labels = [(int(index), str(label)) for index, label in (bands.labels or [])]
    distance = path_distance(cartesian, _breaks(labels, cartesian))
    occupied = occupied_bands(energies, fermi_energy) if n_occupied is None else n_occupied
    return BandsPlotData(distance, energies, tuple(labels), fermi_energy, occupied, caption or Caption())


def dos_from_nodes(
    dos: orm.XyData, fermi_energy: float, projected: orm.XyData | None = None, caption: Caption | None = None
) -> DosPlotData:
    """Build the data from AiiDA ``XyData`` nodes (x in eV, y in states/eV/cell).

    The y arrays of an open shell are named ``..._alpha`` and ``..._beta``.
    """
    energies = np.asarray(dos.get_x()[1], dtype=float)
    total = np.asarray([np.asarray(array, dtype=float) for _, array, _ in dos.get_y()])
    return DosPlotData(energies, total, _projections(projected), fermi_energy, caption or Caption())


def _projections(projected: Any) -> dict[str, NDArray[np.float64]]:
    """Group the arrays of a projected density by label, spins stacked."""
    grouped: dict[str, list[NDArray[np.float64]]] = {}
    for name, array, _ in projected.get_y() if projected is not None else []:
        label = name.removesuffix('_alpha').removesuffix('_beta')
        grouped.setdefault(label, []).append(np.asarray(array, dtype=float))
    return {label: np.asarray(arrays) for label, arrays in grouped.items()}
