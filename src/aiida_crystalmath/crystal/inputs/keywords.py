"""The keywords known by name: the block, the arguments and the meaning of each.

The readers take from here which unknown-to-them keywords open a block of their own; the documentation is made from it.
Sources: the CRYSTAL17 User's Manual and decks that were run with CRYSTAL14 to CRYSTAL23. Keywords that are not listed
are kept verbatim in their place, with the lines behind them that do not begin with a letter.
"""

from __future__ import annotations

from typing import NamedTuple

GEOMETRY = 'Geometry'
OPTIMISATION = 'OPTGEOM'
FREQUENCIES = 'FREQCALC'
OTHER_TASKS = 'ELASTCON, EOS, QHA, CPHF'
BASIS = 'Basis set'
HAMILTONIAN = 'Hamiltonian'
DFT = 'DFT'
SCF = 'SCF'
PROPERTIES = 'Properties (d3)'
MAPS = 'ECHG, POTM, BOLTZTRA'


class Keyword(NamedTuple):
    """A keyword of an input deck.

    :param section: the block it belongs to.
    :param name: as CRYSTAL knows it.
    :param arguments: the records behind it; ``... END`` if it opens a block.
    :param meaning: one line.
    :param field: where the models keep it; empty if verbatim.
    """

    section: str
    name: str
    arguments: str
    meaning: str
    field: str = ''


def _section(section: str, text: str) -> tuple[Keyword, ...]:
    """Read a table: name | arguments | meaning | field."""
    found = []
    for line in text.strip().splitlines():
        name, arguments, meaning, field = (part.strip() for part in line.split('|'))
        found.append(Keyword(section, name, arguments, meaning, field))
    return tuple(found)


KEYWORDS: tuple[Keyword, ...] = (
    *_section(
        GEOMETRY,
        """
        CRYSTAL | IFLAG IFHR IFSO; group; cell; atoms | 3D geometry by space group | geometry block
        SLAB | group 1-80; cell; atoms | 2D geometry by layer group | geometry block
        POLYMER | group 1-99; a; atoms | 1D geometry by rod group | geometry block
        HELIX | N1 N2; a; atoms | 1D geometry by roto-translation | geometry block
        MOLECULE | group 1-47; atoms | 0D geometry by point group | geometry block
        EXTERNAL |  | geometry from fort.34 | geometry block
        DLVINPUT |  | geometry from a file of DLV | geometry block
        SUPERCEL | matrix | supercell | geometry.edits
        SUPERCON | matrix | supercell, as conventional cell | geometry.edits
        SCELCONF | matrix | supercell of configurations | geometry.edits
        SLABCUT | h k l; first layer, layers | slab cut out of a crystal | geometry.edits
        SLABINFO | h k l | layers parallel to a plane | geometry.edits
        ATOMDISP | n; label dx dy dz | displace atoms | geometry.edits
        ATOMINSE | n; Z x y z | insert atoms | geometry.edits
        ATOMREMO | n; labels | remove atoms | geometry.edits
        ATOMSUBS | n; label Z | substitute atoms | geometry.edits
        ATOMORDE |  | order atoms by bonds | geometry.edits
        ATOMSYMM |  | print the symmetry of atomic positions | geometry.edits
        BREAKSYM |  | edits may lower the symmetry | geometry.edits
        KEEPSYMM |  | edits keep the symmetry | geometry.edits
        MODISYMM | n; label flag | lower the symmetry by marking atoms | geometry.edits
        SYMMREMO |  | remove all symmetry | geometry.edits
        TRASREMO |  | remove translations of the supercell from the symmetry | geometry.edits
        PURIFY |  | clean positions by symmetry | geometry.edits
        FRACTION |  | lengths of edits in fractions of the cell | geometry.edits
        ANGSTROM |  | lengths of edits in Å | geometry.edits
        BOHR |  | lengths of edits in bohr | geometry.edits
        NANOTUBE | n1 n2 | roll a slab up | geometry.edits
        CLUSTER | centre; shells | cut a cluster | geometry.edits
        RAYCOV | n; Z radius | covalent radii | geometry.edits
        EXTPRT |  | write fort.34 | geometry.edits
        CIFPRT |  | write a CIF | geometry.edits
        CIFPRTSYM |  | write a CIF with symmetry | geometry.edits
        COORPRT |  | write fort.33 | geometry.edits
        NOSHIFT |  | do not shift the origin | geometry.edits
        NEIGHBOR | n | number of neighbours printed | geometry.edits
        TESTGEOM |  | stop behind the geometry | geometry.testgeom
        SCELPHONO | matrix | supercell of phonons, before FREQCALC | geometry.scelphono
        OPTGEOM | ... END | geometry optimisation | geometry.optgeom
        FREQCALC | ... END | vibrational frequencies | geometry.freqcalc
        ELASTCON | ... END | elastic constants | geometry.elastcon
        EOS | ... END | equation of state | geometry.eos
        CPHF | ... END | polarisability by coupled perturbed equations | geometry.cphf
        CPKS | ... END | the same as CPHF | geometry.cphf
        ANHARM | ... END | anharmonic stretching of X-H | geometry.edits
        QHA | ... END | quasi-harmonic approximation | geometry.qha
        PIEZOCON | ... END | piezoelectric tensor | geometry.edits
        ELAPIEZO | ... END | elastic and piezoelectric tensors | geometry.edits
        PHOTOELA | ... END | photoelastic tensor | geometry.edits
        CONFCNT | ... END | count configurations | geometry.edits
        CONFRAND | ... END | sample configurations | geometry.edits
        RUNCONFS | ... END | run configurations | geometry.edits
        """,
    ),
    *_section(
        OPTIMISATION,
        """
        FULLOPTG |  | atoms and cell (the default) | type
        ATOMONLY |  | atoms in a fixed cell | type
        CELLONLY |  | the cell at fixed fractional positions | type
        INTREDUN |  | atoms and cell in redundant internal coordinates | type
        ITATOCEL |  | atoms and cell, one after the other | type
        CVOLOPT |  | shape of the cell at constant volume | type
        TOLDEG | gradient | root mean square of the gradient, hartree/bohr | toldeg
        TOLDEX | displacement | root mean square of the displacement, bohr | toldex
        TOLDEE | n | energy change 10**-n hartree | toldee
        MAXCYCLE | n | largest number of steps | maxcycle
        MAXTRADIUS | r | largest trust radius | maxtradius
        FINALRUN | n | what follows the optimisation | finalrun
        HESSIDEN |  | unit matrix as first Hessian | hessian
        HESSMOD1 |  | model Hessian of Lindh | hessian
        HESSMOD2 |  | model Hessian of Schlegel | hessian
        HESSNUM |  | numerical first Hessian | hessian
        HESSOPT |  | first Hessian from HESSOPT.DAT | hessian
        EXTPRESS | p | external pressure, hartree/bohr³ | extpress
        RESTART |  | go on from OPTINFO.DAT | restart
        FRAGMENT | n; labels | atoms that may move | fragment
        FIXCELL |  | keep the cell, with INTREDUN | extra
        FIXDEF | n; labels | fix internal coordinates | extra
        NUMGRCEL |  | numerical gradient of the cell | extra
        ONELOG |  | everything in one output | extra
        """,
    ),
    *_section(
        FREQUENCIES,
        """
        RESTART |  | go on from FREQINFO.DAT | restart
        NUMDERIV | 1 or 2 | points of the numerical derivative | numderiv
        STEPSIZE | d | displacement, Å | stepsize
        INTENS |  | infrared intensities | intens
        INTRAMAN |  | Raman intensities, with INTCPHF | intraman
        INTCPHF | ... END | intensities by coupled perturbed equations | extra
        INTPOL |  | intensities by Berry phase | extra
        INTLOC |  | intensities by Wannier functions | extra
        DIELTENS | 3 x 3 matrix | dielectric tensor | dieltens
        DIELISO | value | isotropic dielectric constant | dieliso
        DISPERSI |  | frequencies at the k-points of the supercell | dispersi
        BANDS | ISS NSUB; n; paths | phonon bands | extra
        PDOS | NUMA NBIN; LPRO | phonon density of states | extra
        TEMPERAT | n T1 T2 | temperatures of the thermodynamics, K | temperat
        PRESSURE | n p1 p2 | pressures of the thermodynamics, MPa | pressure
        FRAGMENT | n; labels | atoms that move | fragment
        ISOTOPES | n; label mass | masses | extra
        PREOPTGEOM | ... END | optimise first | preoptgeom
        IRSPEC | ... END | infrared spectrum | extra
        RAMSPEC | ... END | Raman spectrum | extra
        SCANMODE | n IN IF STEP; modes | scan along modes | extra
        """,
    ),
    *_section(
        OTHER_TASKS,
        """
        NUMDERIV | n | points of the derivative (ELASTCON) | numderiv
        STEPSIZE | s | strain step (ELASTCON) | stepsize
        RESTART |  | go on from ELASINFO.DAT, EOSINFO.DAT or the files of QHA | restart
        PREOPTGEOM | ... END | optimise first | preoptgeom
        CLAMPION |  | frozen ions (ELASTCON) | clampion
        RANGE | Vmin Vmax n | volumes relative to the first one (EOS) | range
        PRANGE | Pmin Pmax n | pressures (EOS) | prange
        STEP | s | step of the volumes, percent (QHA) | step
        POINTS | n | number of volumes, 4, 7 or 13 (QHA) | points
        TEMPERAT | n T1 T2 | temperatures, K (QHA) | temperat
        FMIXING | percent | mixing of the CPHF cycles | fmixing
        MAXCYCLE | n | largest number of CPHF cycles | maxcycle
        TOLALPHA | n | change of the polarisability 10**-n | tolalpha
        TOLGAMMA | n | change of the second hyperpolarisability 10**-n | tolgamma
        THIRD |  | third order: first hyperpolarisability | third
        FOURTH |  | fourth order: second hyperpolarisability | fourth
        DYNAM | n; wavelengths | frequency dependent | extra
        """,
    ),
    *_section(
        BASIS,
        """
        BASISSET | name | internal library; closes the geometry without END | basis.library
        GHOSTS | n; labels | atoms without nucleus and electrons | basis.ghosts
        CHARGED |  | the cell may be charged | basis.charged
        CHEMOD | n; label, shell charges | starting configurations | basis.extra
        PRINTOUT | ... END | printing options | basis.extra
        PARAMPRT |  | print parameters of dimensions | basis.extra
        SETINF | n; pairs | internal parameters | basis.extra
        SETPRINT | n; pairs | printing options | basis.extra
        SYMMOPS |  | print the symmetry operators | basis.extra
        """,
    ),
    *_section(
        HAMILTONIAN,
        """
        RHF |  | closed shell (the default) | hamiltonian.method
        UHF |  | unrestricted open shell | hamiltonian.method
        ROHF |  | restricted open shell | hamiltonian.method
        DFT | ... END | density functional | hamiltonian.dft
        DFTD3 | ... END | Grimme's dispersion D3 | hamiltonian.dispersion
        HF3C | ... END | composite method HF-3c | hamiltonian.composite
        HFSOL3C | ... END | composite method HFsol-3c | hamiltonian.composite
        GCP | ... END | geometrical counterpoise | scf.extra
        DFTD | ... END | dispersion, older form | scf.extra
        GRIMME | s6 d r; n; Z C6 R | dispersion D2 | scf.extra
        TWOCOMPON | ... END | two-component SCF | scf.extra
        """,
    ),
    *_section(
        DFT,
        """
        EXCHANGE | name | exchange functional | exchange
        CORRELAT | name | correlation functional | correlation
        HYBRID | percent | exact exchange | hybrid
        NONLOCAL | B A | weights of the non-local exchange and correlation | nonlocal
        OLDGRID |  | grid of CRYSTAL09 | grid
        LGRID |  | large grid | grid
        XLGRID |  | extra large grid (the default) | grid
        XXLGRID |  | larger | grid
        XXXLGRID |  | larger still | grid
        HUGEGRID |  | the largest | grid
        SPIN |  | spin-polarised | spin
        RADIAL | n; limits; points | radial grid | extra
        ANGULAR | n; limits; levels | angular grid | extra
        TOLLDENS | n | density tolerance 10**-n | extra
        TOLLGRID | n | grid weight tolerance 10**-n | extra
        LIMBEK | n | size of arrays of Becke's partition | extra
        """,
    ),
    *_section(
        SCF,
        """
        SHRINK | IS ISP, or 0 ISP and IS1 IS2 IS3 | k-mesh, and the finer mesh of Gilat's net | shrink
        TOLINTEG | five integers | thresholds 10**-n of Coulomb and exchange series | tolinteg
        TOLDEE | n | energy change 10**-n hartree | toldee
        MAXCYCLE | n | largest number of cycles | maxcycle
        FMIXING | percent | share of the previous Fock matrix | fmixing
        DIIS |  | accelerate by DIIS (the default) | diis
        NODIIS |  | no accelerator | diis
        ANDERSON |  | accelerate by Anderson's method | diis
        BROYDEN | W0 IMIX ISTART | accelerate by Broyden's method | diis, broyden
        LEVSHIFT | shift, lock | level shifter in 0.1 hartree; 1 keeps the state insulating | levshift
        SMEAR | width | Fermi smearing, hartree | smear
        SPINLOCK | n cycles | number of unpaired electrons, kept for so many cycles | spinlock
        BETALOCK | n cycles | number of beta electrons, kept for so many cycles | betalock
        ATOMSPIN | n; label spin | starting spins of atoms | atomspin
        GUESSP |  | start from the density matrix of fort.20 | guessp
        BIPOSIZE | n | buffer of Coulomb bipolar integrals | biposize
        EXCHSIZE | n | buffer of exchange bipolar integrals | exchsize
        LDREMO | n | remove functions with overlap eigenvalue below n * 10**-5 | ldremo
        SAVEWF |  | write the wavefunction at every cycle | savewf
        SAVEPRED |  | write the density matrix (fort.13) | extra
        PPAN |  | Mulliken populations | ppan
        TESTPDIM |  | stop behind the dimensions | testpdim
        TESTRUN |  | stop behind the integrals' screening | testrun
        FIXINDEX | ... | indices of another geometry | extra
        GEOM | ... END | geometry of FIXINDEX | extra
        BASE | ... END | basis of FIXINDEX | extra
        EIGSHIFT | n; entries | shift of orbitals | extra
        FDOCCUP | n; entries | occupation of f and d orbitals | extra
        NODIRECT |  | store integrals on disk | extra
        SCFDIR |  | direct SCF (the default) | extra
        TOLPSEUD | n | threshold of the potentials | extra
        MPP |  | massively parallel run | extra
        CMPLXFAC | f | weight of complex k-points | extra
        FIELD | E; direction... | electric field | extra
        """,
    ),
    *_section(
        PROPERTIES,
        """
        NEWK | IS ISP (0 ISP; IS1 IS2 IS3); IFE NPR | eigenvectors on a k-mesh, and Fermi energy | NEWK
        BAND | title; NLINE ISS NSUB INZB IFNB IPLO LPR; lines | bands along a path | BAND
        DOSS | NPRO NPT INZB IFNB IPLO NPOL NPR; (window;) projections | densities of states | DOSS
        COOP | as DOSS; pairs of groups | overlap populations | COOP
        COHP | as DOSS; pairs of groups | Hamilton populations | COHP
        ECHG | order; points; ... END | electron density on a plane | ECHG
        ECH3 | points; (SCALE or RANGE) | electron density in space | ECH3
        POT3 | points; tolerance; (SCALE or RANGE) | electrostatic potential in space | POT3
        POTM | order; points; ... END | electrostatic potential on a plane | verbatim
        BOLTZTRA | ... END | transport coefficients | BOLTZTRA
        PPAN |  | Mulliken populations | verbatim
        PATO | 0 0 | density matrix of superposed atoms | verbatim
        PBAN | n; bands | density matrix of bands | verbatim
        PSCF |  | density matrix of the SCF again | verbatim
        NOSYMADA |  | no symmetry-adapted orbitals | verbatim
        RDFMWF |  | read the formatted wavefunction fort.98 | verbatim
        FMWF |  | write the formatted wavefunction | verbatim
        CRYAPI_OUT |  | write GRED.DAT and KRED.DAT | verbatim
        HIRSHCHG |  | Hirshfeld charges | verbatim
        EDFT | ... END | functionals of the density | verbatim
        ADFT | ... END | functionals of the density | verbatim
        PROF | ... END | structure factors and Compton profiles | verbatim
        LOCALWF | ... END | localised Wannier functions | verbatim
        TOPO | ... END | topology of the density | verbatim
        """,
    ),
    *_section(
        MAPS,
        """
        COORDINA | three points | corners of the window, by coordinates | coordina
        ATOMS | three atoms with cell indices | corners of the window, by atoms | atoms
        RECTANGU |  | make the window rectangular | rectangu
        MARGINS | four numbers | widen the window | margins
        TRANGE | Tmin Tmax step | temperatures, K (BOLTZTRA) | trange
        MURANGE | min max step | chemical potentials, eV (BOLTZTRA) | murange
        TDFRANGE | min max step | energies of the distribution, eV (BOLTZTRA) | tdfrange
        RELAXTIM | t | relaxation time, fs (BOLTZTRA) | relaxtim
        """,
    ),
)

#: Keywords that open a block, wherever a reader meets them without a field for them: they last up to END.
VERBATIM_BLOCKS = frozenset(entry.name for entry in KEYWORDS if entry.arguments.endswith('... END')) | {'ENECOR'}

#: Options of the basis input that can follow ``BASISSET`` and its name. Nothing closes them there: only those that the
#: section behind them does not know too can be told from it.
LIBRARY_OPTIONS = frozenset({'GHOSTS', 'CHARGED', 'CHEMOD'})


def tables() -> dict[str, list[tuple[str, str, str]]]:
    """Return rows of name, arguments and meaning, by block, for the documentation."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for entry in KEYWORDS:
        found.setdefault(entry.section, []).append((entry.name, entry.arguments, entry.meaning))
    return found


def lookup(name: str, section: str | None = None) -> Keyword | None:
    """Return the entry of a keyword, None if it is not known by name."""
    wanted = name.upper()
    found = (entry for entry in KEYWORDS if entry.name == wanted and section in (None, entry.section))
    return next(found, None)
