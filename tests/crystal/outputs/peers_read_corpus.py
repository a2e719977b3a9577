"""Read outputs of CRYSTAL with parsers we did not write, and print what they found as JSON.

Runs in the environment of setup_scripts/peers_env.sh: ``python peers_read_corpus.py PEER``, with the outputs' paths on
stdin, one per line. One JSON object per line comes back; ``error`` where the peer raised. Hartree, Å, cm^-1, GPa.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import warnings
from pathlib import Path

warnings.simplefilter('ignore')


def clean(value: object) -> object:
    """Return plain lists and numbers; what is no number becomes None."""
    if isinstance(value, dict):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    if hasattr(value, 'tolist'):
        return clean(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def pycrystal(path: Path) -> dict:
    """Read everything pycrystal reads."""
    from pycrystal import CRYSTOUT
    from pycrystal.output import Hartree

    info = CRYSTOUT(str(path)).info
    phonons, elastic, last = info['phonons'], info['elastic'], info['structures'][-1]
    gaps = [state.get('band_gap') for state in info['conduction'] if state['state'] == 'INSULATING']
    return {
        'energy': info['energy'] / Hartree if info['energy'] else None,
        'finished': bool(info['finished']),
        'scf_converged': info['scf_conv'],
        'opt_converged': info['ion_conv'],
        'n_ao': info['n_ao'],
        'n_electrons': info['n_electrons'],
        'n_symmops': info['n_symops'],
        'symbols': last.get_chemical_symbols(),
        'cell': last.cell.cellpar().tolist() if last.pbc.all() else None,
        'opt_energies': [step[-1] / Hartree for step in info['optgeom'] if step[-1]],
        'gap': gaps[-1] if gaps else None,
        'frequencies': list((phonons['modes'] or {}).values()),
        'irreps': list((phonons['irreps'] or {}).values()),
        'zero_point': phonons['zpe'] / Hartree if phonons['zpe'] else None,
        'thermodynamics': phonons['td'],
        'born_charges': phonons['born_charges'],
        'elastic': elastic['elastic_constants'],
        'moduli': [elastic[name] for name in ('K_V', 'G_V', 'K_R', 'G_R', 'K', 'G', 'E', 'v')],
    }


def crystalpytools(path: Path) -> dict:
    """Read what CRYSTALpytools offers for this kind of output; each part may fail on its own."""
    from CRYSTALpytools.crystal_io import Crystal_output
    from CRYSTALpytools.units import eV_to_H

    with tempfile.TemporaryDirectory() as folder:
        # Only names that end with "out" are accepted.
        link = Path(folder) / 'file.out'
        os.symlink(path, link)
        read = Crystal_output(str(link))

    def optimisation() -> dict:
        read.get_opt_convergence()
        return {'status': str(read.opt_status), 'energies': [float(eV_to_H(value)) for value in read.opt_energy]}

    def geometry() -> dict:
        found = read.get_geometry(initial=False)
        cell = getattr(found, 'lattice', None)
        return {'numbers': list(found.atomic_numbers), 'cell': list(cell.parameters) if cell else None}

    def frequencies() -> dict:
        read.get_phonon(imaginary_tol=None, q_overlap_tol=None)
        return {'q': read.qpoint, 'thz': read.frequency}

    text = path.read_text(errors='replace')
    parts = {'energy': lambda: float(eV_to_H(read.get_final_energy())), 'geometry': geometry}
    if 'OPTIMIZATION - POINT' in text:
        parts['optimisation'] = optimisation
    else:
        parts['gap'] = read.get_band_gap
    if 'SYMMETRY ADAPTION OF VIBRATIONAL MODES' in text:
        parts['frequencies'] = frequencies
    if 'SYMMETRIZED ELASTIC CONSTANTS' in text:
        parts['elastic'] = read.get_elatensor
    found: dict = {'terminated': read.terminated}
    for name, part in parts.items():
        try:
            found[name] = part()
        except Exception as exception:  # noqa: BLE001 - a peer's failure is a result here
            found[name] = {'error': f'{type(exception).__name__}: {exception}'[:200]}
    return found


def main() -> None:
    """Read every path of stdin with the peer that is asked for."""
    peer = {'pycrystal': pycrystal, 'crystalpytools': crystalpytools}[sys.argv[1]]
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        path = Path(line.strip())
        try:
            found = peer(path)
        except Exception as exception:  # noqa: BLE001 - a peer's failure is a result here
            found = {'error': f'{type(exception).__name__}: {exception}'[:200]}
        print(json.dumps(clean({'path': str(path), **found})), file=answers, flush=True)


if __name__ == '__main__':
    main()
