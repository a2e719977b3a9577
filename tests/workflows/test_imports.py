"""What it costs to load a work chain: each daemon worker and each command pays for it."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ('ase', 'h5py', 'matplotlib', 'phonopy', 'pymatgen', 'pyscf', 'scipy', 'seekpath', 'spglib')


def test_heavy_libraries_are_not_loaded():
    """They are imported inside the functions that need them."""
    code = (
        'import sys, aiida_crystalmath.workflows.crystal.characterise, aiida_crystalmath.workflows.crystal.sequence\n'
        'import aiida_crystalmath.workflows.crystal.maps, aiida_crystalmath.workflows.crystal.cohp\n'
        'import aiida_crystalmath.workflows.crystal.transport, aiida_crystalmath.workflows.crystal.magnetic\n'
        'import aiida_crystalmath.workflows.crystal.slab, aiida_crystalmath.workflows.crystal.counterpoise\n'
        'import aiida_crystalmath.workflows.crystal.eos, aiida_crystalmath.workflows.crystal.quasi_harmonic\n'
        'import aiida_crystalmath.workflows.crystal.convergence\n'
        'import aiida_crystalmath.workflows.crystal.frequencies, aiida_crystalmath.workflows.crystal.elastic\n'
        'import aiida_crystalmath.workflows.crystal.phonons, aiida_crystalmath.workflows.multicode.base\n'
        'import aiida_crystalmath.workflows.multicode.chain, aiida_crystalmath.workflows.multicode.builder\n'
        f'print(*sorted(set(sys.modules) & set({HEAVY!r})))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
