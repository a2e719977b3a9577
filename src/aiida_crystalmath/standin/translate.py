"""From a deck to a :class:`~.model.Job`: what the stand-in honours, what it ignores and says so, what it refuses.

Nothing is approximated silently: a keyword is translated, or listed in the job's notes, or refused with its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aiida_crystalmath.crystal import basis_library
from aiida_crystalmath.crystal.basis import BasisError, BasisSet
from aiida_crystalmath.crystal.geometry import Geometry
from aiida_crystalmath.crystal.symmetry import expand
from aiida_crystalmath.crystal.symmetry.search import search

from .frequency_input import frequency_settings
from .functionals import method_of
from .ghosts import bare, with_ghosts
from .model import Integer, Job, Method, NotSupported, OptimisationType, OptSettings, Real, ScfSettings, StandinError
from .system import SLAB_VACUUM_ANGSTROM, limit_of

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.inputs.d12 import D12
    from aiida_crystalmath.crystal.inputs.parameters import CrystalParameters
    from aiida_crystalmath.crystal.inputs.tasks import Optgeom

#: Largest shrinking factor with exact exchange (cost grows with nk**2) and without (environment:
#: CRYSTALMATH_STANDIN_MAX_SHRINK for both).
MAX_SHRINK_EXACT, MAX_SHRINK_PURE = 3, 4
#: Keywords that change only what CRYSTAL prints, stores or how it splits the work.
OUTPUT_ONLY = frozenset(
    """
    EXTPRT CIFPRT CIFPRTSYM COORPRT NEIGHBOR NEIGHPRT ATOMSYMM NOSHIFT PRINTOUT PARAMPRT RAYCOV FRACTION ANGSTROM BOHR
    STRUCPRT MAKESAED SETPRINT PRSYMDIR SYMMDIR
    """.split()
)
#: Keywords of the SCF section that steer CRYSTAL's own integrals, memory, parallelism and printing.
MACHINERY = frozenset(
    """
    MPP CMPLXFAC REPLDATA CHUNKS LOWMEM NOLOWMEM MEMOPRT MAXNODES NODIRECT SCFDIR NOMONDIR MONSPLIT ILASIZE INTGPACK
    EXCHPERM NOBIPOLA NOBIPCOU NOBIPEXC POLEORDR BIPOLAR BIPOSIZE EXCHSIZE ROOTCOMM NOSYMADA SYMADAPT NOFMWF FMWF
    SAVEPRED KSYMMPRT KNETOUT PRINTOUT SETPRINT DIISALLK HISTDIIS THREDIIS THRKDIIS SLOSHING NOSHIFT ENDSCF TOLPSEUD
    """.split()
)
#: Keywords of OPTGEOM that do not change where the minimum is.
OPTIMISER_MACHINERY = frozenset(
    """
    NUMGRCEL ONELOG NOXYZ NOSYMOPS PRINTFORCES PRINTHESS PRINTOPT PRINT ALLOWTRUSTR NOTRUSTR TRUSTRADIUS BFGS BERNY
    HESEVLIM NOGUESS SORT OLDCG STEPBMAT STEPSIZE
    """.split()
)


def job_from_d12(d12: D12, external: str | None = None, folder: Path | None = None) -> Job:
    """Translate a deck.

    :param external: text of fort.34 when the deck says EXTERNAL.
    :param folder: where GUESSP's fort.20 is; the working folder when None.
    :raises NotSupported: with the keyword that is out of scope.
    :raises StandinError: for what CRYSTAL refuses too.
    """
    parameters = d12.parameters
    notes: list[str] = []
    _check_tasks(parameters, notes)
    geometry = expand(d12.geometry, external)
    if geometry.dimensionality == 1:
        raise NotSupported(d12.geometry.keyword, 'polymers need a one-dimensional Coulomb kernel that PySCF has not')
    geometry = with_ghosts(_with_spins(geometry, parameters), parameters.basis.ghosts)
    rotations, translations = _operators(geometry)
    if d12.ends_behind_geometry:
        return Job(parameters.title, geometry, (), rotations=rotations, translations=translations, testgeom=True)
    method = method_of(parameters.hamiltonian, notes)
    shrink, kmesh, isp = _mesh(parameters, geometry, method, notes)
    if geometry.dimensionality == 2:
        if method.hybrid_percent > 0 and method.omega == 0.0:
            raise NotSupported(
                'SLAB WITH FULL-RANGE EXACT EXCHANGE', 'its divergence in a slab was not checked: use PBE or HSE06'
            )
        notes.append(f'THE SLAB IS REPEATED ALONG Z WITH {SLAB_VACUUM_ANGSTROM:.0f} ANGSTROM OF VACUUM')
    optimisation = _optimisation(parameters.geometry.optgeom, notes)
    frequencies = frequency_settings(parameters.geometry.freqcalc, geometry.dimensionality, notes)
    basis = _basis(d12, geometry)
    if geometry.dimensionality == 0:
        _check_unpaired(parameters, method, basis)
    return Job(
        title=parameters.title,
        geometry=geometry,
        basis=basis,
        method=method,
        kmesh=kmesh,
        shrink=shrink,
        isp=isp,
        scf=_scf(parameters, method, folder or Path(), notes, toldee=9 if frequencies else 7 if optimisation else 6),
        optimisation=optimisation,
        frequencies=frequencies,
        gradient='GRADCAL' in _keywords(parameters.scf.extra),
        rotations=rotations,
        translations=translations,
        notes=tuple(notes),
        guessp=parameters.scf.guessp,
        testgeom=parameters.geometry.testgeom,
        testpdim=parameters.scf.testpdim,
        ppan=parameters.scf.ppan,
    )


def _keywords(lines: tuple[str, ...]) -> list[str]:
    """Keywords among verbatim lines: those that begin with a letter."""
    return [line.split()[0].upper() for line in lines if line.strip()[:1].isalpha()]


def _check_tasks(parameters: CrystalParameters, notes: list[str]) -> None:
    """Refuse tasks and edits that are out of scope, note those without effect."""
    geometry = parameters.geometry
    for name in ('elastcon', 'eos', 'qha', 'cphf', 'scelphono'):
        if getattr(geometry, name) is not None:
            raise NotSupported(
                name.upper(), 'the stand-in does single points, geometry optimisations, and frequencies of molecules'
            )
    _sort_keywords(geometry.edits, OUTPUT_ONLY, notes, 'geometry edits are outside the scope of the stand-in')
    if parameters.basis.charged:
        raise NotSupported('CHARGED', 'charged cells are outside the scope of the stand-in')
    _sort_keywords(parameters.basis.extra, OUTPUT_ONLY, notes, 'unknown among the options of the basis set')


def _sort_keywords(lines: tuple[str, ...], harmless: frozenset[str], notes: list[str], reason: str) -> None:
    for keyword in _keywords(lines):
        if keyword not in harmless:
            raise NotSupported(keyword, reason)
        notes.append(f'{keyword} IS IGNORED')


def _with_spins(geometry: Geometry, parameters: CrystalParameters) -> Geometry:
    """Mark the atoms that ATOMSPIN gives a spin, so that symmetry keeps them apart."""
    from dataclasses import replace

    spins = dict(parameters.scf.atomspin or ())
    if any(label > len(geometry) for label in spins):
        raise StandinError('INPUT', f'ATOMSPIN: ATOM {max(spins)} DOES NOT EXIST')
    sites = [replace(site, spin=spins.get(index, site.spin)) for index, site in enumerate(geometry.sites, 1)]
    return geometry.with_sites(sites)


def _operators(geometry: Geometry) -> tuple[Integer | None, Real | None]:
    """Symmetry operators in fractional coordinates; the translation along a non-periodic axis in Å."""
    if geometry.dimensionality < 2:
        return None, None
    found = search(geometry)
    translations = np.array(found.translations, dtype=float)
    if geometry.dimensionality == 2:
        translations[:, 2] *= float(np.linalg.norm(found.frame[2]))
    return np.asarray(found.rotations, dtype=np.int64), translations


def _mesh(
    parameters: CrystalParameters, geometry: Geometry, method: Method, notes: list[str]
) -> tuple[tuple[int, int, int] | None, tuple[int, int, int], int | None]:
    """SHRINK, the mesh used, and ISP."""
    if geometry.dimensionality == 0:
        return None, (1, 1, 1), None
    given = parameters.scf.shrink
    if given is None:
        raise StandinError('INPUT', 'SHRINK IS MISSING: A PERIODIC SYSTEM NEEDS A K-MESH')
    factors = given.factors
    shrink = (factors[0], factors[1], factors[2] if geometry.dimensionality == 3 else 1)
    limit = MAX_SHRINK_EXACT if method.hybrid_percent > 0 else MAX_SHRINK_PURE
    limit = limit_of('CRYSTALMATH_STANDIN_MAX_SHRINK', limit)
    scale = min(1.0, limit / max(shrink))
    first, second, third = (max(1, round(size * scale)) for size in shrink)
    if (first, second, third) != shrink:
        notes.append(
            f'SHRINK {" ".join(map(str, shrink))} IS REDUCED TO {first} {second} {third}: '
            'THE COST OF THE STAND-IN GROWS FAST WITH K-POINTS'
        )
    return shrink, (first, second, third), given.isp


def _basis(d12: D12, geometry: Geometry) -> tuple[BasisSet, ...]:
    """Basis set of each atom, with explicit primitives."""
    library = d12.parameters.basis.library
    sets: dict[int, BasisSet]
    if library is None:
        sets = {one.conventional_number: one.resolved() for one in d12.basis}
    else:
        try:
            loaded = basis_library.load(library)
        except BasisError as error:
            raise NotSupported(f'BASISSET {library.upper()}', str(error)) from error
        sets = {number: one.resolved() for number, one in loaded.items()}
    found = []
    for index, site in enumerate(geometry.sites, 1):
        if site.conventional_number not in sets:
            raise StandinError(
                'INPBAS', f'NO BASIS SET FOR ATOM {index}, CONVENTIONAL NUMBER {site.conventional_number}'
            )
        found.append(sets[site.conventional_number])
    return bare(geometry, found)


def _check_unpaired(parameters: CrystalParameters, method: Method, basis: tuple[BasisSet, ...]) -> None:
    """Refuse to share half electrons between the levels of a molecule (in a crystal bands may be partly filled)."""
    electrons = round(sum(one.n_electrons for one in basis))
    lock = parameters.scf.spinlock
    if not method.unrestricted and electrons % 2:
        raise NotSupported('RESTRICTED OPEN SHELL', f'the molecule has {electrons} electrons: use UHF, or SPIN in DFT')
    if method.unrestricted and lock and (electrons - lock[0]) % 2:
        raise NotSupported(
            f'SPINLOCK {lock[0]}', f'the molecule has {electrons} electrons: alpha minus beta must be as odd or even'
        )


def _scf(parameters: CrystalParameters, method: Method, folder: Path, notes: list[str], *, toldee: int) -> ScfSettings:
    scf = parameters.scf
    if (scf.spinlock or scf.betalock or scf.atomspin) and not method.unrestricted:
        raise StandinError('INPUT', 'CLOSED SHELL RUN-SPIN POLARIZATION NOT ALLOWED')
    for name in ('betalock', 'testrun'):
        if getattr(scf, name):
            raise NotSupported(name.upper(), 'outside the scope of the stand-in')
    if scf.savewf:
        notes.append('SAVEWF IS IGNORED: THE DENSITY IS NOT WRITTEN BEFORE THE SCF ENDS')
    for name in ('tolinteg', 'biposize', 'exchsize', 'ldremo'):
        if getattr(scf, name) is not None:
            notes.append(f'{name.upper()} IS IGNORED: PYSCF SCREENS ITS INTEGRALS ITSELF')
    others = tuple(line for line in scf.extra if line.strip().upper() != 'GRADCAL')
    _sort_keywords(others, MACHINERY, notes, 'unknown in the SCF section')
    if isinstance(scf.diis, str):
        notes.append(f'{scf.diis} IS REPLACED BY DIIS')
    shift, lock = scf.levshift or (0, 0)
    if shift and scf.diis is not False:
        notes.append('LEVSHIFT ACTS TOGETHER WITH DIIS (CRYSTAL MAY DISABLE IT)')
    return ScfSettings(
        toldee=scf.toldee if scf.toldee is not None else toldee,
        maxcycle=scf.maxcycle or 50,
        fmixing=30 if scf.fmixing is None else scf.fmixing,
        diis=scf.diis is not False,
        levshift=shift / 10.0,
        levshift_lock=bool(lock),
        smear=scf.smear or 0.0,
        spinlock=scf.spinlock,
        atomspin={label - 1: spin for label, spin in scf.atomspin or ()},
        guess_path=folder / 'fort.20' if scf.guessp else None,
    )


def _optimisation(block: Optgeom | None, notes: list[str]) -> OptSettings | None:
    if block is None:
        return None
    if block.extpress:
        raise NotSupported('EXTPRESS', 'the stand-in optimises at zero pressure')
    if block.fragment is not None:
        raise NotSupported('FRAGMENT', 'the stand-in moves every atom that symmetry leaves free')
    if block.hessian is not None:
        notes.append(f'{block.hessian} IS IGNORED: THE FIRST HESSIAN IS NUMERICAL (MOLECULES: A MODEL)')
    if block.maxtradius is not None:
        notes.append('MAXTRADIUS IS IGNORED')
    if block.toldee is not None:
        notes.append('TOLDEE OF OPTGEOM IS IGNORED: GRADIENTS AND DISPLACEMENTS DECIDE')
    if block.finalrun is not None:
        notes.append('FINALRUN IS IGNORED: NO INTEGRALS ARE CARRIED OVER FROM THE FIRST GEOMETRY')
    _sort_keywords(block.extra, OPTIMISER_MACHINERY, notes, 'unknown in the OPTGEOM block')
    kind: OptimisationType = 'FULLOPTG'
    if block.type == 'INTREDUN' or block.type == 'ITATOCEL':  # noqa: PLR1714 (mypy narrows this form)
        notes.append(f'{block.type} IS REPLACED BY FULLOPTG: ATOMS AND CELL TOGETHER, IN CARTESIAN COORDINATES')
    elif block.type is not None:
        kind = block.type
    default = OptSettings()
    return OptSettings(
        type=kind,
        maxcycle=block.maxcycle or default.maxcycle,
        toldeg=block.toldeg or default.toldeg,
        toldex=block.toldex or default.toldex,
        toldee=block.toldee or default.toldee,
        restart=block.restart,
    )
