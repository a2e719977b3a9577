"""The stand-in's fort.9: everything ``crystalmath-properties`` and GUESSP need of a finished SCF.

A NumPy archive without pickles: the arrays of :class:`~.model.WavefunctionFile`, and ``header``, JSON in UTF-8 bytes. A
real CRYSTAL fort.9 is a sequence of unformatted Fortran records, which this module recognises and refuses.
"""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from aiida_crystalmath.crystal.basis import ECP, BasisSet, Shell
from aiida_crystalmath.crystal.geometry import Geometry, Site

from .interpolate import at_kpoints
from .model import Complex, Job, Method, ScfResult, StandinError, WavefunctionFile
from .system import System, ao_atoms

FORMAT = 'crystalmath-standin-wavefunction'
VERSION = 1
_ARRAYS = ('kpoints', 'weights', 'eigenvalues', 'occupations', 'fock', 'overlap', 'kinetic', 'density', 'ao_atoms')
_OPTIONAL = ('mulliken_spins', 'rotations', 'translations')


def from_result(job: Job, result: ScfResult) -> WavefunctionFile:
    """Collect what the file holds from an SCF."""
    return WavefunctionFile(
        title=job.title,
        geometry=job.geometry,
        basis=job.basis,
        method=job.method,
        kmesh=job.kmesh,
        shrink=job.shrink,
        converged=result.converged,
        energy=result.energy,
        fermi=result.fermi,
        conducting=result.conducting,
        n_electrons=result.n_electrons,
        spherical_shift=result.spherical_shift,
        kpoints=result.kpoints,
        weights=result.weights,
        eigenvalues=result.eigenvalues,
        occupations=result.occupations,
        fock=result.fock,
        overlap=result.overlap,
        kinetic=result.kinetic,
        density=result.density,
        ao_atoms=ao_atoms(job.basis),
        mulliken_electrons=result.mulliken.electrons,
        mulliken_spins=result.mulliken.spins,
        smear=job.scf.smear,
        rotations=job.rotations,
        translations=job.translations,
    )


def save(path: str | Path, job: Job, result: ScfResult) -> None:
    """Write a wavefunction file; the old one stays until the new one is complete."""
    wavefunction = from_result(job, result)
    header = {
        'format': FORMAT,
        'version': VERSION,
        'title': job.title,
        'dimensionality': job.geometry.dimensionality,
        'sites': [asdict(site) for site in job.geometry.sites],
        'basis': [asdict(one) for one in job.basis],
        'method': asdict(job.method),
        'kmesh': job.kmesh,
        'shrink': job.shrink,
        'numbers': {
            name: getattr(wavefunction, name)
            for name in ('converged', 'energy', 'fermi', 'conducting', 'n_electrons', 'spherical_shift', 'smear')
        },
    }
    arrays: dict[str, Any] = {name: getattr(wavefunction, name) for name in (*_ARRAYS, 'mulliken_electrons')}
    arrays |= {name: getattr(wavefunction, name) for name in _OPTIONAL if getattr(wavefunction, name) is not None}
    arrays['cell'] = np.asarray(job.geometry.cell)
    arrays['header'] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    target = Path(path)
    partial = target.with_name(target.name + '.partial')
    with partial.open('wb') as handle:
        np.savez(handle, **arrays)
    os.replace(partial, target)


def load(path: str | Path, routine: str = 'init_properties_io') -> WavefunctionFile:
    """Read a wavefunction file.

    :param routine: name for the error message: CRYSTAL's ``init_properties_io`` (properties) or ``READFG`` (GUESSP).
    :raises StandinError: if the file is missing, empty, of another program, or damaged.
    """
    source = Path(path)
    if not source.is_file():
        raise StandinError(routine, f'Wavefunction file can not be found: {source.name}')
    if source.stat().st_size == 0:
        raise StandinError(routine, f'{source.name} IS EMPTY: the run that should have written it did not end')
    with source.open('rb') as handle:
        magic = handle.read(2)
    if magic != b'PK':
        raise StandinError(
            routine,
            f'{source.name} WAS NOT WRITTEN BY THE STAND-IN: only CRYSTAL can read a wavefunction of CRYSTAL',
        )
    try:
        with np.load(source, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(arrays.pop('header').tobytes())
        if header['format'] != FORMAT or header['version'] != VERSION:
            raise StandinError(routine, f'{source.name} HAS FORMAT {header["format"]} VERSION {header["version"]}')
        return _assemble(header, arrays)
    except (
        KeyError,
        TypeError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
        UnicodeDecodeError,
        json.JSONDecodeError,
    ) as error:
        raise StandinError(routine, f'{source.name} IS DAMAGED OR NOT A WAVEFUNCTION: {error}') from error


def _assemble(header: dict[str, Any], arrays: dict[str, Any]) -> WavefunctionFile:
    sites = tuple(Site(**(site | {'position': tuple(site['position'])})) for site in header['sites'])
    shrink = header['shrink']
    numbers: dict[str, Any] = header['numbers']
    found: dict[str, Any] = {name: arrays[name] for name in (*_ARRAYS, 'mulliken_electrons')}
    found |= {name: arrays.get(name) for name in _OPTIONAL}
    return WavefunctionFile(
        title=header['title'],
        geometry=Geometry(arrays.pop('cell'), header['dimensionality'], sites),
        basis=tuple(_basis(one) for one in header['basis']),
        method=Method(**header['method']),
        kmesh=tuple(header['kmesh']),
        shrink=None if shrink is None else tuple(shrink),
        **numbers,
        **found,
    )


def _basis(fields: dict[str, Any]) -> BasisSet:
    shells = tuple(
        Shell(**(shell | {'primitives': tuple(tuple(row) for row in shell['primitives'])}))
        for shell in fields['shells']
    )
    ecp = fields['ecp']
    if ecp is not None:
        terms = tuple(tuple(tuple(row) for row in group) for group in ecp['terms'])
        ecp = ECP(**(ecp | {'terms': terms, 'raw': tuple(ecp['raw'])}))
    return BasisSet(**(fields | {'shells': shells, 'ecp': ecp}))


def guess_density(path: str | Path, system: System) -> Complex:
    """Read the starting density of a GUESSP run for ``system``, (nspin, nk, nao, nao).

    The geometry may differ, the atoms and their basis sets may not. A density of another k-mesh is interpolated, one of
    another number of spin channels summed or halved.

    :raises StandinError: if the file does not fit the system.
    """
    source = load(path, 'READFG')
    if source.basis != system.job.basis:
        raise StandinError('READFG', f'{Path(path).name} BELONGS TO ANOTHER SYSTEM OR BASIS SET')
    density = source.density
    if source.kmesh != system.job.kmesh:
        density = at_kpoints(density, source.kmesh, source.geometry, source.ao_atoms, system.kpoints)
    if density.shape[0] > system.nspin:
        density = density.sum(axis=0, keepdims=True)
    elif density.shape[0] < system.nspin:
        density = np.concatenate([0.5 * density, 0.5 * density])
    return np.asarray(density * (system.n_electrons / system.trace(system.overlap, density)))
