"""CRYSTAL's density functionals in libxc's language.

Energies were compared with CRYSTAL's for HF, PBE, PBE0, B3LYP and HSE06 (docs/topics/standin.md); the others are put
together from the same parts (LDA, PBEsol, BLYP, HYBRID) and were not.

Traps: CRYSTAL's B3LYP has VWN5 (PySCF's plain ``b3lyp`` is 52 mHa off for CO); its HSE06 is built on the HJS hole
(libxc's ``hse06`` on an older one, 37 mHa off for S2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import Method, NotSupported

if TYPE_CHECKING:
    from aiida_crystalmath.crystal.inputs.hamiltonian import Dft, Hamiltonian

#: CRYSTAL's keyword: (libxc, CRYSTAL's printed name).
EXCHANGE = {
    'LDA': ('LDA_X', 'DIRAC-SLATER LDA'),
    'PBE': ('GGA_X_PBE', 'PERDEW-BURKE-ERNZERHOF'),
    'PBESOL': ('GGA_X_PBE_SOL', 'PBEsol GGA'),
    'BECKE': ('GGA_X_B88', 'BECKE 88'),
}
CORRELATION = {
    'VWN': ('LDA_C_VWN', 'VOSKO-WILK-NUSAIR'),
    'PZ': ('LDA_C_PZ', 'PERDEW-ZUNGER'),
    'PBE': ('GGA_C_PBE', 'PERDEW-BURKE-ERNZERHOF'),
    'PBESOL': ('GGA_C_PBE_SOL', 'PBEsol'),
    'LYP': ('GGA_C_LYP', 'LEE-YANG-PARR'),
}
#: One keyword: (exchange, correlation, per cent of exact exchange).
PARTS = {
    'SVWN': ('LDA', 'VWN', 0.0),
    'PBEXC': ('PBE', 'PBE', 0.0),
    'PBESOLXC': ('PBESOL', 'PBESOL', 0.0),
    'BLYP': ('BECKE', 'LYP', 0.0),
    'PBE0': ('PBE', 'PBE', 25.0),
    'PBESOL0': ('PBESOL', 'PBESOL', 25.0),
}
#: Keywords of the DFT block that steer CRYSTAL's own quadrature.
QUADRATURE = frozenset(('TOLLDENS', 'TOLLGRID', 'BATCHPNT', 'LIMBEK', 'RADSAFE', 'CHUNKS', 'DISTGRID', 'LOAD_BALANCE'))
HSE06_OMEGA = 0.11
HSE06 = '0.25*SR_HF(0.11) - 0.25*GGA_X_HJS_PBE + GGA_X_PBE, GGA_C_PBE'


def method_of(hamiltonian: Hamiltonian, notes: list[str]) -> Method:
    """Translate the Hamiltonian of a deck.

    :param notes: what is ignored is added here.
    :raises NotSupported: for every other functional.
    """
    if hamiltonian.method == 'ROHF':
        raise NotSupported('ROHF', 'use UHF')
    if hamiltonian.dispersion is not None:
        raise NotSupported('DFTD3', 'dispersion corrections are not in the stand-in')
    if hamiltonian.composite is not None:
        raise NotSupported(hamiltonian.composite, 'composite methods are not in the stand-in')
    if hamiltonian.dft is None:
        return Method(unrestricted=hamiltonian.method == 'UHF')
    return _density_functional(hamiltonian.dft, hamiltonian.dft.spin or hamiltonian.method == 'UHF', notes)


def _density_functional(dft: Dft, unrestricted: bool, notes: list[str]) -> Method:
    for keyword in (line.split()[0].upper() for line in dft.extra if line.strip()[:1].isalpha()):
        if keyword not in QUADRATURE:
            raise NotSupported(keyword, 'unknown inside the DFT block')
        notes.append(f"{keyword} IS IGNORED: THE QUADRATURE IS PYSCF'S")
    if dft.nonlocal_ is not None:
        raise NotSupported('NONLOCAL', 'name a functional instead')
    title, grid = 'KOHN-SHAM HAMILTONIAN', dft.grid or 'XLGRID'
    if dft.functional == 'B3LYP' and dft.hybrid is None:
        return Method('b3lyp5', unrestricted, title, 'BECKE 88', 'LEE-YANG-PARR', 20.0, 0.0, grid)
    if dft.functional == 'HSE06' and dft.hybrid is None:
        names = ('HSE06 SR/GGA', 'PERDEW-BURKE-ERNZERHOF')
        return Method(HSE06, unrestricted, title, *names, 25.0, HSE06_OMEGA, grid)
    if dft.functional is not None:
        if dft.functional not in PARTS:
            known = ', '.join((*PARTS, 'B3LYP', 'HSE06'))
            raise NotSupported(dft.functional, f'the functionals of the stand-in are {known}')
        exchange, correlation, percent = PARTS[dft.functional]
    else:
        exchange, correlation, percent = dft.exchange or '', dft.correlation or '', 0.0
        if exchange not in EXCHANGE:
            raise NotSupported(f'EXCHANGE {exchange or "(NONE)"}', f'there are {", ".join(EXCHANGE)}')
        if correlation not in CORRELATION:
            raise NotSupported(f'CORRELAT {correlation or "(NONE)"}', f'there are {", ".join(CORRELATION)}')
    if dft.hybrid is not None:
        percent = dft.hybrid
    (x_code, x_name), (c_code, c_name) = EXCHANGE[exchange], CORRELATION[correlation]
    share = percent / 100.0
    if percent == 0.0:
        code = f'{x_code}, {c_code}'
    elif percent == 100.0:
        code = f'HF, {c_code}'
    else:
        code = f'{share:.10g}*HF + {1.0 - share:.10g}*{x_code}, {c_code}'
    return Method(code, unrestricted, title, x_name, c_name, percent, 0.0, grid)
