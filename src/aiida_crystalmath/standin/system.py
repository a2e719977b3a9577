"""From a :class:`~.model.Job` to PySCF's integrals: cell or molecule, density fitting, potentials.

Everything that knows PySCF's conventions is here; arrays that leave this module are in CRYSTAL's order of atomic
orbitals and have the shape (nspin, nk, nao, nao), also for molecules (nk = 1). Settings (density fitting, Ewald
treatment of the exchange divergence, precision, grids) were measured against real CRYSTAL energies.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_crystalmath.crystal.basis import ECP, BasisSet
from aiida_crystalmath.crystal.elements import SYMBOLS
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.units import BOHR_ANGSTROM

from .model import Complex, Integer, Job, NotSupported, Real, StandinError

#: Vacuum between repeated slabs, Å: PySCF has no affordable two-dimensional Coulomb kernel for Gaussian fitting.
SLAB_VACUUM_ANGSTROM = 10.0
#: Integral precision: 1e-5 costs 0.2 mHa, 1e-4 4 mHa.
PRECISION = 1e-6
#: Largest number of atomic orbitals in a cell, periodic and molecular (environment: CRYSTALMATH_STANDIN_MAX_AO).
MAX_AO_PERIODIC, MAX_AO_MOLECULE = 40, 120
#: Becke grid levels of PySCF for CRYSTAL's grids; level 0 is wrong by up to 20 mHa and never used.
_PERIODIC_GRID_LEVEL = {'XXLGRID': 2, 'XXXLGRID': 3, 'HUGEGRID': 3}
#: (radial, angular) points of CRYSTAL's grids (manual, DFT input).
_MOLECULAR_GRID = {
    'OLDGRID': (75, 434),
    'LGRID': (75, 434),
    'XLGRID': (75, 974),
    'XXLGRID': (99, 1454),
    'XXXLGRID': (150, 1454),
    'HUGEGRID': (300, 1454),
}
#: Order of CRYSTAL's spherical functions in terms of PySCF's (m = -l ... l; p is x, y, z in both).
_SPHERICAL_ORDER = {0: (0,), 1: (0, 1, 2), 2: (2, 3, 1, 4, 0), 3: (3, 4, 2, 5, 1, 6, 0), 4: (4, 5, 3, 6, 2, 7, 1, 8, 0)}
_MOMENTA = {'S': (0,), 'SP': (0, 1), 'P': (1,), 'D': (2,), 'F': (3,), 'G': (4,)}


@dataclass(frozen=True)
class Potential:
    """Effective potential of a density (nspin, nk, nao, nao), and its energies in hartree per cell."""

    matrix: Complex
    coulomb: float | None
    exchange_correlation: float | None
    energy: float


def shell_list(basis: Sequence[BasisSet]) -> list[tuple[int, str, tuple[int, ...]]]:
    """List (atom index, shell type, angular momenta) of every shell, in CRYSTAL's order."""
    return [(atom, shell.type, _MOMENTA[shell.type]) for atom, one in enumerate(basis) for shell in one.shells]


def ao_atoms(basis: Sequence[BasisSet]) -> Integer:
    """Index of the atom of each atomic orbital."""
    return np.repeat(np.arange(len(basis)), [one.n_functions for one in basis])


def count_ao(job: Job) -> int:
    """Atomic orbitals of the cell."""
    return sum(one.n_functions for one in job.basis)


def limit_of(variable: str, default: int) -> int:
    """Return a limit that an environment variable may change.

    :raises StandinError: if it is set to something else than a positive integer.
    """
    text = os.environ.get(variable)
    if text is None:
        return default
    if not text.strip().isdigit() or int(text) < 1:
        raise StandinError('STANDIN', f'{variable} MUST BE A POSITIVE INTEGER, NOT "{text}"')
    return int(text)


def check_cost(job: Job) -> None:
    """Refuse what the stand-in cannot do in minutes.

    :raises NotSupported: with the size, the limit and the predicted cost.
    """
    n_ao = count_ao(job)
    default = MAX_AO_PERIODIC if job.periodic else MAX_AO_MOLECULE
    limit = limit_of('CRYSTALMATH_STANDIN_MAX_AO', default)
    if n_ao <= limit:
        return
    seconds = predicted_seconds(job)
    raise NotSupported(
        f'{n_ao} ATOMIC ORBITALS',
        f'the stand-in takes up to {limit} (predicted: {seconds:.0f} CPU s for one SCF); use a smaller basis or cell, '
        'or set CRYSTALMATH_STANDIN_MAX_AO to insist',
    )


def predicted_seconds(job: Job) -> float:
    """CPU seconds of one SCF, from timings on a 2-core machine (within a factor of about two)."""
    n_ao, n_k = count_ao(job), int(np.prod(job.kmesh))
    if not job.periodic:
        return 1.0 + (n_ao / 44) ** 3 * 4
    exact = job.method.hybrid_percent > 0
    return 1.0 + (n_ao / 14) ** 2 * ((0.01 if exact else 0.0) * n_k**2 + 0.35 * n_k)


class OneElectron:
    """Cell or molecule of a job, and its one-electron integrals at any k-point.

    :raises NotSupported: for what PySCF has no affordable method for.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.nspin = job.nspin
        self.pyscf = build_cell(job) if job.periodic else build_molecule(job)
        self.order = _orbital_order(self.pyscf, job.basis)
        self.nao = len(self.order)
        mesh = job.kmesh if job.periodic else (1, 1, 1)
        grid = np.indices(mesh).reshape(3, -1).T
        self.kpoints_integer: Integer = grid.astype(np.int64)
        self.kpoints: Real = grid / np.array(mesh, dtype=float)
        self.nk = len(self.kpoints)
        self.kpts: Real = self.pyscf.get_abs_kpts(self.kpoints) if job.periodic else np.zeros((1, 3))

    def outward(self, matrix: Any) -> Complex:
        """Turn PySCF's (..., nao, nao), for molecules without the axis of k-points, to CRYSTAL's order and shape."""
        array = np.asarray(matrix)
        if not self.job.periodic:
            array = array[..., None, :, :]
        return np.ascontiguousarray(array[..., self.order[:, None], self.order], dtype=complex)

    def matrices(self, name: str, kpoints: Real | None = None) -> Complex:
        """One-electron integrals by libcint's name at the net (or at fractional ``kpoints``), (nk, nao, nao)."""
        if not self.job.periodic:
            one = self.outward(self.pyscf.intor_symmetric(name))
            return one if kpoints is None else np.repeat(one, len(kpoints), axis=0)
        kpts = self.kpts if kpoints is None else self.pyscf.get_abs_kpts(kpoints)
        return self.outward(np.asarray(self.pyscf.pbc_intor(name, hermi=1, kpts=kpts)))

    def trace(self, operator: Complex, density: Complex) -> float:
        """Return the expectation value per cell of an operator ((nspin,) nk, nao, nao)."""
        return float(np.einsum('skij,skji->', np.broadcast_to(operator, density.shape), density).real) / self.nk

    def atomic_density(self) -> Complex:
        """Superpose spherical atomic densities, polarised by ATOMSPIN; shape (nspin, nk, nao, nao)."""
        from pyscf.scf.atom_hf import get_atm_nrhf

        atoms = get_atm_nrhf(self.pyscf)
        total: Real = np.zeros((self.nspin, self.nao, self.nao))
        offset = 0
        for index in range(self.pyscf.natm):
            _, _, coefficients, occupation = atoms[self.pyscf.atom_symbol(index)]
            size = coefficients.shape[0]
            block = slice(offset, offset + size)
            spin = self.job.scf.atomspin.get(index, 0) if self.nspin == 2 else 0
            for channel, share in enumerate(_split_by_spin(np.asarray(occupation), spin, self.nspin)):
                total[channel, block, block] = (coefficients * share) @ coefficients.T
            offset += size
        outward = total[:, self.order[:, None], self.order]
        density = np.repeat(outward[:, None], self.nk, axis=1).astype(complex)
        # overlaps between atoms change the count of electrons: normalised, as CRYSTAL does
        n_electrons = self.trace(self.matrices('int1e_ovlp'), density)
        return np.asarray(density * (float(self.pyscf.tot_electrons()) / n_electrons), dtype=complex)


class System(OneElectron):
    """Integrals of one geometry.

    :ivar overlap: (nk, nao, nao); likewise ``kinetic`` and ``core`` (kinetic + nuclear attraction + ECP).
    :ivar nuclear_repulsion: hartree per cell.
    :ivar kpoints: fractional, (nk, 3); ``kpoints_integer`` in units of 1/kmesh.
    :raises NotSupported: for what PySCF has no affordable method for.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.field = self._build_field()
        self.overlap = self.matrices('int1e_ovlp')
        self.kinetic = self.matrices('int1e_kin')
        self.core = self.outward(np.asarray(self.field.get_hcore()))
        self.nuclear_repulsion = float(self.pyscf.energy_nuc())
        self.n_electrons = float(self.pyscf.tot_electrons())

    def inward(self, matrix: Complex) -> Any:
        """CRYSTAL's order to PySCF's: a density (nspin, nk, ...) as its mean-field classes want it."""
        inverse = np.argsort(self.order)
        array = matrix[..., inverse[:, None], inverse]
        if self.nspin == 1:
            array = array[0]
        if not self.job.periodic:
            return np.ascontiguousarray(array[..., 0, :, :].real)
        # with Gamma alone PySCF makes real potentials, and cannot add the complex ones of a complex density
        return np.ascontiguousarray(array.real if self.nk == 1 else array)

    # -- potentials ---------------------------------------------------------------------------------
    def _build_field(self) -> Any:
        """PySCF's mean-field object, used for its potentials only (the SCF loop is ours)."""
        method, unrestricted = self.job.method, self.job.method.unrestricted
        if not self.job.periodic:
            return _molecular_field(self.pyscf, self.job)
        from pyscf.pbc import dft, scf

        kind: Any
        if method.is_hf:
            kind = scf.KUHF if unrestricted else scf.KRHF
        else:
            kind = dft.KUKS if unrestricted else dft.KRKS
        field = kind(self.pyscf, self.kpts, exxdiv='ewald').density_fit()
        if not method.is_hf:
            field.xc = method.xc
            field.grids.level = _PERIODIC_GRID_LEVEL.get(method.grid, 1)
        # a pure functional needs no exchange integrals: cost ~ nk instead of nk**2
        field.with_df.build(j_only=method.hybrid_percent == 0)
        return field

    def potential(self, density: Complex) -> Potential:
        """Coulomb and exchange(-correlation) potential of a density (nspin, nk, nao, nao), with energies per cell."""
        inner = self.inward(density)
        raw = self.field.get_veff(self.pyscf, inner)
        matrix = self.outward(np.asarray(raw))
        if self.nspin == 1:
            matrix = matrix[None]
        if self.job.method.is_hf:
            energy = 0.5 * self.trace(matrix, density)
            coulomb = getattr(raw, 'ecoul', None)
            if coulomb is None:
                return Potential(matrix, None, None, energy)
            return Potential(matrix, float(np.real(coulomb)), energy - float(np.real(coulomb)), energy)
        coulomb, exchange = float(np.real(raw.ecoul)), float(np.real(raw.exc))
        return Potential(matrix, coulomb, exchange, coulomb + exchange)

    # -- zero of the potential -------------------------------------------------------------------------
    def zero_shift(self, density: Complex) -> float:
        """Constant to add to PySCF's eigenvalues to reach CRYSTAL's zero of the electrostatic potential, hartree.

        PySCF drops the average potential of the cell; CRYSTAL keeps the spherical second moments of the atoms' charges
        (its ``EXT EL-SPHEROPOLE``): -(2 pi / 3 V) sum_A <(r - R_A)^2>_A. For a slab the zero is the vacuum:
        2 pi Q_zz / V with Q the second moment of the whole charge of the cell.
        """
        dimensionality = self.job.geometry.dimensionality
        if dimensionality == 0:
            return 0.0
        total = density.sum(axis=0)
        volume = float(self.pyscf.vol)
        return self._vacuum_shift(total, volume) if dimensionality == 2 else -self._spheropole(total, volume)

    def _spheropole(self, total: Complex, volume: float) -> float:
        atoms = ao_atoms(self.job.basis)
        moment = 0.0
        for index, position in enumerate(self.pyscf.atom_coords()):
            with self.pyscf.with_common_orig(position):
                raw = np.asarray(self.pyscf.pbc_intor('int1e_r2', hermi=0, kpts=self.kpts))
            mine = atoms == index
            moment += float(np.einsum('kij,kji->', self.outward(raw)[:, mine], total[:, :, mine]).real) / self.nk
        return 2.0 * np.pi / (3.0 * volume) * moment

    def _vacuum_shift(self, total: Complex, volume: float) -> float:
        coordinates, charges = self.pyscf.atom_coords(), self.pyscf.atom_charges()
        origin = np.array([0.0, 0.0, 0.5 * (coordinates[:, 2].min() + coordinates[:, 2].max())])
        with self.pyscf.with_common_orig(origin):
            raw = np.asarray(self.pyscf.pbc_intor('int1e_rr', comp=9, hermi=0, kpts=self.kpts))
        zz = raw[:, 8] if raw.ndim == 4 else raw
        electrons = float(np.einsum('kij,kji->', self.outward(zz), total).real) / self.nk
        nuclei = float(np.sum(charges * (coordinates[:, 2] - origin[2]) ** 2))
        return 2.0 * np.pi * (nuclei - electrons) / volume


def _split_by_spin(occupation: Real, spin: int, nspin: int) -> list[Real]:
    """Share 0..2 occupations between spin channels: Hund's rule when the atom has a starting spin, else halves."""
    if nspin == 1:
        return [occupation]
    if spin == 0:
        return [occupation / 2, occupation / 2]
    majority = np.minimum(occupation, 1.0)
    channels = [majority, occupation - majority]
    return channels if spin > 0 else channels[::-1]


def _orbital_order(mole: Any, basis: Sequence[BasisSet]) -> Integer:
    """For each orbital in CRYSTAL's order, its index in PySCF's (which sorts an atom's shells by momentum)."""
    starts = mole.ao_loc_nr()
    waiting: dict[tuple[int, int], list[int]] = {}
    for shell in range(mole.nbas):
        waiting.setdefault((mole.bas_atom(shell), mole.bas_angular(shell)), []).append(shell)
    order: list[int] = []
    for atom, one in enumerate(basis):
        for shell_set in one.shells:
            for momentum in _MOMENTA[shell_set.type]:
                shell = waiting[atom, momentum].pop(0)
                wanted = sorted(row[0] for row in shell_set.primitives)
                if not np.allclose(sorted(mole.bas_exp(shell)), wanted):
                    raise AssertionError(f'PySCF changed the order of the shells of atom {atom + 1}')
                order.extend(int(starts[shell]) + place for place in _SPHERICAL_ORDER[momentum])
    return np.array(order, dtype=np.int64)


def pyscf_basis(basis: BasisSet) -> list[list[Any]]:
    """PySCF's notation of a resolved basis set: an SP shell becomes an s and a p shell on the same exponents."""
    shells: list[list[Any]] = []
    for shell in basis.shells:
        for column, momentum in enumerate(_MOMENTA[shell.type]):
            shells.append([momentum, *([row[0], row[1 + column]] for row in shell.primitives)])
    return shells


def pyscf_ecp(basis: BasisSet, potential: ECP) -> list[Any]:
    """PySCF's notation of an explicit potential: rows by power of r, counted from r**-2."""
    if potential.keyword != 'INPUT':
        raise NotSupported(potential.keyword, 'tables of CRYSTAL that are not published here: write the ECP with INPUT')
    channels: list[Any] = []
    for index, group in enumerate(potential.terms):
        if not group:
            continue
        rows: list[list[list[float]]] = [[] for _ in range(max(power for _, _, power in group) + 3)]
        for exponent, coefficient, power in group:
            rows[power + 2].append([exponent, coefficient])
        channels.append([index - 1, rows])
    return [basis.n_core, channels]


def _atoms(job: Job) -> tuple[list[tuple[str, tuple[float, float, float]]], dict[str, Any], dict[str, Any]]:
    """PySCF's atoms (bohr), basis and potentials: one label for each element, basis set, and ghosts of them."""
    labels: dict[tuple[int, int, bool], str] = {}
    atoms, bases, potentials = [], {}, {}
    for site, basis in zip(job.geometry.sites, job.basis, strict=True):
        key = (site.number, site.conventional_number, site.ghost)
        label = labels.get(key)
        if label is None:
            element = SYMBOLS[site.number]
            label = f'{"ghost-" * site.ghost}{element}{sum(one[0] == site.number for one in labels) + 1}'
            labels[key] = label
            bases[label] = pyscf_basis(basis)
            if basis.ecp is not None:
                potentials[label] = pyscf_ecp(basis, basis.ecp)
        x, y, z = (float(value) / BOHR_ANGSTROM for value in site.position)
        atoms.append((label, (x, y, z)))
    return atoms, bases, potentials


def _charge(job: Job) -> int:
    """Nuclear charge minus the electrons of the basis set; the stand-in does neutral cells only."""
    electrons = sum(one.n_electrons for one in job.basis)
    nuclei = sum(one.nuclear_charge for one in job.basis)
    if abs(nuclei - electrons) > 1e-4:
        raise NotSupported('CHARGED', f'the cell has {nuclei:g} nuclear charges and {electrons:g} electrons')
    return 0


def periodic_cell(geometry: Geometry) -> Real:
    """Lattice vectors of the calculation, Å: a slab is repeated along z, with vacuum between."""
    cell = np.array(geometry.cell, dtype=float)
    if geometry.dimensionality == 2:
        heights = [site.position[2] for site in geometry.sites]
        cell[2] = (0.0, 0.0, max(heights) - min(heights) + SLAB_VACUUM_ANGSTROM)
    return cell


def build_cell(job: Job) -> Any:
    """PySCF's cell of a crystal or slab."""
    if job.geometry.dimensionality == 1:
        raise NotSupported('POLYMER', 'there is no affordable one-dimensional Coulomb kernel')
    from pyscf.pbc import gto

    atoms, bases, potentials = _atoms(job)
    cell = gto.Cell()
    cell.a = periodic_cell(job.geometry) / BOHR_ANGSTROM
    cell.atom, cell.basis, cell.unit = atoms, bases, 'B'
    if potentials:
        cell.ecp = potentials
    cell.charge, cell.precision, cell.verbose, cell.cart = _charge(job), PRECISION, 0, False
    cell.spin = None if job.method.unrestricted else round(sum(one.n_electrons for one in job.basis)) % 2
    cell.max_memory = float(os.environ.get('PYSCF_MAX_MEMORY', '3000'))
    cell.build(dump_input=False, parse_arg=False)
    return cell


def build_molecule(job: Job) -> Any:
    """PySCF's molecule."""
    from pyscf import gto

    atoms, bases, potentials = _atoms(job)
    mole = gto.Mole()
    mole.atom, mole.basis, mole.unit = atoms, bases, 'B'
    if potentials:
        mole.ecp = potentials
    mole.charge, mole.verbose, mole.cart = _charge(job), 0, False
    mole.spin = round(sum(one.n_electrons for one in job.basis)) % 2
    mole.max_memory = float(os.environ.get('PYSCF_MAX_MEMORY', '3000'))
    mole.build(dump_input=False, parse_arg=False)
    return mole


def _molecular_field(mole: Any, job: Job) -> Any:
    """Mean field of a molecule; an odd number of electrons is no obstacle, since only its potentials are used."""
    from pyscf import dft, scf

    kind: Any
    if job.method.is_hf:
        kind = scf.uhf.UHF if job.method.unrestricted else scf.hf.RHF
        return kind(mole)
    kind = dft.uks.UKS if job.method.unrestricted else dft.rks.RKS
    field = kind(mole)
    field.xc = job.method.xc
    field.grids.atom_grid = _MOLECULAR_GRID.get(job.method.grid, _MOLECULAR_GRID['XLGRID'])
    return field
