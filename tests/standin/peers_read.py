"""Read the stand-in's files with parsers we did not write, and print what they found as JSON.

Runs in the environment of setup_scripts/peers_env.sh: ``python peers_read.py FOLDER``. Everything is in hartree and Å.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

warnings.simplefilter('ignore')


def pycrystal(output: Path) -> dict:
    from pycrystal import CRYSTOUT
    from pycrystal.output import Hartree

    info = CRYSTOUT(str(output)).info
    return {
        'energy': info['energy'] / Hartree,
        'finished': info['finished'],
        'scf_converged': info['scf_conv'],
        'opt_converged': info['ion_conv'],
        'hamiltonian': info['H'],
        'k': info['k'],
        'n_ao': info['n_ao'],
        'n_electrons': info['n_electrons'],
        'n_symops': info['n_symops'],
        'conduction': info['conduction'],
        'opt_energies': [step[-1] / Hartree for step in info['optgeom']],
        'cells': [atoms.cell.tolist() for atoms in info['structures']],
        'symbols': [atoms.get_chemical_symbols() for atoms in info['structures']],
        'positions': [atoms.get_positions().tolist() for atoms in info['structures']],
        'charges': info['structures'][-1].get_initial_charges().tolist(),
    }


def crystalpytools(output: Path, periodic: bool, optimised: bool) -> dict:
    from CRYSTALpytools.crystal_io import Crystal_output
    from CRYSTALpytools.units import eV_to_H

    read = Crystal_output(str(output))
    geometry = read.get_geometry(initial=False)
    found = {
        'dimensionality': read.get_dimensionality(),
        'energy': eV_to_H(read.get_final_energy()),
        'symbols': [site.species_string for site in geometry],
        'distances': geometry.distance_matrix.tolist(),
        'volume': geometry.lattice.volume if periodic else None,
    }
    if optimised:
        read.get_opt_convergence()
        found |= {
            'opt_status': str(read.opt_status),
            'opt_energies': [float(eV_to_H(value)) for value in read.opt_energy],
            'opt_max_gradient': [float(value) for value in read.opt_maxgrad],
        }
    else:
        read.get_scf_convergence()
        found |= {
            'scf_status': str(read.scf_status),
            'scf_energies': [float(eV_to_H(value)) for value in read.scf_energy],
            'gap_ev': float(read.get_band_gap()),
            'electrons': [float(value) for value in read.get_mulliken_charges()],
        }
    return found


def geometry_file(path: Path) -> dict:
    from CRYSTALpytools.convert import cry_gui2pmg

    geometry = cry_gui2pmg(str(path))
    return {
        'symbols': [site.species_string for site in geometry],
        'cell': getattr(geometry, 'lattice', None) and geometry.lattice.matrix.tolist(),
        'distances': geometry.distance_matrix.tolist(),
    }


def properties(folder: Path) -> dict:
    from CRYSTALpytools.crystal_io import Properties_output
    from CRYSTALpytools.units import H_to_eV, eV_to_H

    output = str(folder / 'properties.out')
    found = {}
    for name in ('BAND.DAT', 'fort.25'):
        bands = Properties_output(output).read_electron_band(str(folder / name))
        found['bands ' + name] = {
            'fermi': float(eV_to_H(bands.efermi)),
            'energies': (bands.bands / H_to_eV(1.0)).tolist(),
            'labels': [label.strip('"') for label in bands.tick_label],
            'n_k': int(bands.bands.shape[1]),
        }
    for name in ('DOSS.DAT', 'fort.25'):
        doss = Properties_output(output).read_electron_dos(str(folder / name))
        found['dos ' + name] = {
            'fermi': float(eV_to_H(doss.efermi)),
            'energies': (doss.energy / H_to_eV(1.0)).tolist(),
            'densities': (doss.doss * H_to_eV(1.0)).tolist(),
        }
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    output = folder / 'crystal.out'
    text = output.read_text()
    periodic, optimised = 'MOLECULAR CALCULATION' not in text, 'OPT END' in text
    found = {
        'pycrystal': pycrystal(output),
        'crystalpytools': crystalpytools(output, periodic, optimised),
        'geometry files': {
            path.name: geometry_file(path) for path in sorted(folder.glob('opt[ac]*')) + sorted(folder.glob('fort.34'))
        },
    }
    if (folder / 'BAND.DAT').is_file():
        found['properties'] = properties(folder)
    json.dump(found, sys.stdout, default=float)


if __name__ == '__main__':
    main()
