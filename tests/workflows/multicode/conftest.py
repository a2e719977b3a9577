"""Real outputs as nodes: CRYSTAL's, parsed by our parser; those of pw.x by that of aiida-quantumespresso."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from aiida import orm

HERE = Path(__file__).parent
PSEUDOS = Path('/usr/share/espresso/pseudo')


@pytest.fixture
def crystal_run(corpus, truth, generate_calc_job_node, generate_parser):
    """Return a factory of what a run of the corpus left: structure that it began with, and the parser's outputs."""
    from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
    from aiida_crystalmath.data.structure import from_geometry

    def factory(run, parameters=None):
        path = corpus / run / truth[run]['file']
        structure = from_geometry(parse_stdout(path).initial_geometry)
        inputs = {
            'parameters': orm.Dict(parameters or {}),
            'structure': structure,
            'settings': orm.Dict({'symmetry': 'none'}),
        }
        node = generate_calc_job_node('crystalmath.crystal23', {'crystal.out': path}, inputs)
        results, function = generate_parser('crystalmath.crystal23').parse_from_node(node, store_provenance=False)
        assert function.is_finished_ok, function.exit_message
        return {'structure': results.get('output_structure', structure), 'parameters': results['output_parameters']}

    return factory


@pytest.fixture(scope='session')
def yambo_corpus():
    """Return the folder of recorded runs of Quantum ESPRESSO, Yambo and Wannier90."""
    import os

    root = Path(os.environ.get('CRYSTALMATH_CORPUS') or HERE.parents[3] / 'shared' / 'corpus')
    folder = root / 'yambo'
    if not (folder / 'manifest.json').is_file():
        pytest.skip(f'NO CORPUS: no recorded runs in {folder}')
    return folder


@pytest.fixture
def silicon():
    """Return the silicon of the recorded runs."""
    a = 10.2 * 0.529177210903
    structure = orm.StructureData(cell=(a / 2 * np.array([[-1, 0, 1], [0, 1, 1], [-1, 1, 0]])).tolist())
    structure.append_atom(position=(0, 0, 0), symbols='Si')
    structure.append_atom(position=(-a / 4, a / 4, a / 4), symbols='Si')
    return structure


@pytest.fixture
def pw_nscf(yambo_corpus, silicon, generate_calc_job_node, generate_parser):
    """Return the outputs of the recorded nscf run of silicon (pw.x 6.7, LDA, 8 k-points, 30 bands)."""
    pytest.importorskip('aiida_quantumespresso')
    folder = yambo_corpus / 'qe67_si_nscf'
    files = {
        'aiida.out': folder / 'nscf.out',
        'data-file-schema.xml': gzip.decompress((folder / 'data-file-schema.xml.gz').read_bytes()).decode(),
    }
    kpoints = orm.KpointsData()
    kpoints.set_kpoints_mesh([4, 4, 4])
    given = {'CONTROL': {'calculation': 'nscf'}, 'SYSTEM': {'nbnd': 30, 'force_symmorphic': True}}
    inputs = {'structure': silicon, 'parameters': orm.Dict(given), 'kpoints': kpoints}
    node = generate_calc_job_node('quantumespresso.pw', files, inputs)
    results, function = generate_parser('quantumespresso.pw').parse_from_node(node, store_provenance=False)
    assert function.is_finished_ok, function.exit_message
    return {'parameters': results['output_parameters'], 'bands': results['output_band'], 'inputs': orm.Dict(given)}


@pytest.fixture
def pseudopotential():
    """Return a factory of pseudopotentials of Debian's quantum-espresso-data."""

    def factory(name):
        path = PSEUDOS / name
        if not path.is_file():
            pytest.skip(f'{path} is not there: it comes with quantum-espresso-data')
        return orm.SinglefileData(path)

    return factory


@pytest.fixture
def upf(pseudopotential):
    """Return a factory of pseudopotentials of silicon."""
    from aiida_pseudo.data.pseudo.upf import UpfData

    def factory(name='Si.pz-vbc.UPF'):
        with pseudopotential(name).open(mode='rb') as handle:
            return UpfData(handle, filename=name)

    return factory


@pytest.fixture
def pw_code(aiida_code_installed, aiida_localhost, yambo_corpus, yambo_home):
    """Return a code that plays recorded runs of pw.x."""
    script = Path(__file__).parents[2] / 'mock' / 'pw_replay.py'
    path = yambo_home / 'pw.x'
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {script} {yambo_corpus} "$@"\n')
    path.chmod(0o755)
    return aiida_code_installed(
        label=f'pw-replay-{yambo_home.name}',
        default_calc_job_plugin='quantumespresso.pw',
        computer=aiida_localhost,
        filepath_executable=str(path),
        with_mpi=False,
    )


@pytest.fixture
def many_body_inputs(yambo, pw_code, upf, silicon):
    """Return a factory of the inputs that the chains of GW, BSE and convergence share, on recorded runs of silicon."""
    potential = upf()

    def factory(**changes):
        deck = orm.Dict({'SYSTEM': {'ecutwfc': 16.0}, 'ELECTRONS': {'conv_thr': 1e-9}})
        pw = {'pw': {'pseudos': {'Si': potential}, 'parameters': deck}}
        mesh = orm.KpointsData()
        mesh.set_kpoints_mesh([4, 4, 4])
        programs = {name: yambo.code(name) for name in ('p2y', 'yambo', 'ypp')}
        return {
            'structure': silicon,
            'codes': {'pw': pw_code, **programs},
            'scf': pw,
            'nscf': pw,
            'kpoints': mesh,
            **changes,
        }

    return factory


@pytest.fixture
def gone(aiida_code_installed, aiida_localhost):
    """Return a factory of codes whose executable is not there."""

    def factory(plugin):
        return aiida_code_installed(
            label=f'gone-{plugin}',
            default_calc_job_plugin=plugin,
            computer=aiida_localhost,
            filepath_executable='/nowhere/program',
            with_mpi=False,
        )

    return factory


@pytest.fixture
def vasp_si():
    """Return the nodes that aiida-vasp makes of a recorded run of silicon; see ``origin`` in the file."""
    content = json.loads((HERE / 'fixtures' / 'vasp_si.json').read_text())
    structure = orm.StructureData(cell=content['cell'])
    for site in content['sites']:
        structure.append_atom(position=site['position'], symbols=site['symbol'])
    points = orm.KpointsData()
    points.set_cell_from_structure(structure)
    points.set_kpoints(content['kpoints'], weights=content['weights'])
    bands = orm.BandsData()
    bands.set_kpointsdata(points)
    both = [[content[name][spin] for spin in ('up', 'down')] for name in ('eigenvalues', 'occupancies')]
    bands.set_bands(np.array(both[0]), occupations=np.array(both[1]))
    misc = orm.Dict({key: content[key] for key in ('version', 'band_properties')})
    return {'structure': structure, 'misc': misc, 'bands': bands}


@pytest.fixture
def crystal_bands(corpus, generate_structure, generate_calc_job_node, generate_parser):
    """Return the bands of NaCl (Hartree-Fock, CRYSTAL14) along Γ-X-W-L-Γ, and the numbers beside them."""
    from aiida_crystalmath.crystal.inputs.d3 import read_d3

    deck = read_d3('BAND\nNaCl\n4 0 60 1 18 2 1\nG X\nX W\nW L\nL G\nEND\n')
    creator = generate_calc_job_node(
        'crystalmath.crystal23',
        inputs={'structure': generate_structure('MgO'), 'parameters': orm.Dict({})},
        exit_status=0,
    )
    creator.set_process_state('finished')
    folder = corpus / 'nacl_hf_band_doss'
    node = generate_calc_job_node(
        'crystalmath.properties23',
        {'properties.out': folder / 'NaCl.out', 'fort.25': folder / 'NaCl.f25'},
        {
            'parent_folder': creator.outputs.remote_folder,
            'parameters': orm.Dict(deck.model_dump(mode='json', by_alias=True, exclude_unset=True)),
        },
    )
    parser = generate_parser('crystalmath.properties23')
    results, function = parser.parse_from_node(node, store_provenance=False)
    assert function.is_finished_ok, function.exit_message
    return {'bands': results['output_bands'], 'parameters': results['output_parameters']}
