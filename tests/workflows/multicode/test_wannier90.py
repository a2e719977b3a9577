"""Wannier90WorkChain: silicon with the real programs, and what it refuses."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from aiida import engine, orm

pytestmark = pytest.mark.slow

PSEUDO = Path('/usr/share/espresso/pseudo/Si.pz-vbc.UPF')
OPTIONS = {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}, 'withmpi': False}
WANNIER = {'num_wann': 8, 'num_bands': 12, 'dis_froz_max': 6.4, 'dis_win_max': 17.0, 'bands_num_points': 5}


@pytest.fixture
def chain():
    """Return the class of the chain; without its extra it cannot be loaded."""
    try:
        import aiida_quantumespresso  # noqa: F401
    except ImportError:
        if os.environ.get('CI', '').lower() in ('1', 'true'):
            raise
        pytest.skip('NO aiida-quantumespresso: install the extra `qe`')
    from aiida_crystalmath.workflows.multicode.wannier90 import Wannier90WorkChain

    return Wannier90WorkChain


@pytest.fixture
def inputs(chain, real_code):
    """Return inputs of the chain on a self-consistent run of silicon; ``num_wann`` etc. may be replaced."""
    from aiida.plugins import CalculationFactory
    from aiida_pseudo.data.pseudo.upf import UpfData

    half = 2.6988
    structure = orm.StructureData(cell=[[half, half, 0], [0, half, half], [half, 0, half]])
    structure.append_atom(position=(0, 0, 0), symbols='Si')
    structure.append_atom(position=(half / 2,) * 3, symbols='Si')
    mesh, path = orm.KpointsData(), orm.KpointsData()
    mesh.set_kpoints_mesh([3, 3, 3])
    path.set_cell_from_structure(structure)
    path.set_kpoints([[0.5, 0.5, 0.5], [0, 0, 0]])
    path.labels = [(0, 'L'), (1, 'GAMMA')]
    deck = {'SYSTEM': {'ecutwfc': 16.0, 'occupations': 'fixed'}, 'ELECTRONS': {'conv_thr': 1e-10}}
    pw = {
        'code': real_code('pw.x', 'quantumespresso.pw'),
        'pseudos': {'Si': UpfData(PSEUDO.open('rb'))},
        'metadata': {'options': OPTIONS},
    }
    scf = {**pw, 'metadata': {'options': OPTIONS}, 'structure': structure, 'kpoints': mesh}
    scf['parameters'] = orm.Dict({'CONTROL': {'calculation': 'scf'}, **deck})
    outputs = engine.run(CalculationFactory('quantumespresso.pw'), **scf)

    def factory(**changes):
        return {
            'structure': structure,
            'parent_folder': outputs['remote_folder'],
            'kpoints': mesh,
            'pw': {'pw': {**pw, 'parameters': orm.Dict(deck)}},
            'pw2wannier90': {'code': real_code('pw2wannier90.x', 'crystalmath.pw2wannier90')},
            'wannier90': {
                'code': real_code('wannier90.x', 'crystalmath.wannier90'),
                'parameters': orm.Dict({**WANNIER, **changes}),
                'projections': orm.List(['Si:sp3']),
                'bands_kpoints': path,
            },
        }

    return factory


@pytest.mark.timeout(300)
def test_silicon(chain, inputs):
    outputs, node = engine.run_get_node(chain, **inputs(dis_num_iter=200, conv_tol=1e-8))
    assert node.is_finished_ok, node.exit_message
    assert outputs['output_parameters']['spread_converged']
    assert outputs['output_bands'].get_kpoints() == pytest.approx(outputs['dft_bands'].get_kpoints(), abs=1e-5)
    found = outputs['comparison'].get_dict()
    assert found['within'] == 'the frozen window'
    assert 0 < found['max_error_ev'] < 0.5, 'the grid is coarse'
    labels = {link.link_label for link in node.base.links.get_outgoing().all()}
    assert {'explicit_grid', 'nscf', 'setup', 'overlaps', 'functions', 'bands', 'compare_wannier_bands'} <= labels


@pytest.mark.timeout(300)
def test_what_does_not_converge_stops_before_it_is_compared(chain, inputs):
    outputs, node = engine.run_get_node(chain, **inputs(num_iter=2))
    assert node.exit_status == 424
    assert {'output_parameters', 'output_wannier_functions', 'output_bands'} <= set(outputs)
    assert 'comparison' not in outputs


@pytest.fixture
def partly_gone(real_code, aiida_code_installed, tmp_path):
    """Return a factory of codes whose program is gone where a shell condition holds, and the real one elsewhere."""

    def factory(program, plugin, condition):
        real = real_code(program, plugin)
        path = tmp_path / program
        path.write_text(f'#!/bin/sh\n{condition} && exit 127\nexec {real.filepath_executable} "$@"\n')
        path.chmod(0o755)
        return aiida_code_installed(
            label=f'{program}-{tmp_path.name}',
            default_calc_job_plugin=plugin,
            computer=real.computer,
            filepath_executable=str(path),
            prepend_text=real.prepend_text,
            with_mpi=False,
        )

    return factory


IN_DECK = 'grep -q "calculation = \'{}\'" aiida.in'


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ('program', 'condition', 'status', 'given'),
    [
        ('pw.x', IN_DECK.format('nscf'), 421, set()),
        ('wannier90.x', 'true', 422, set()),
        ('pw2wannier90.x', 'true', 423, set()),
        ('wannier90.x', '[ "$1" != -pp ]', 424, set()),
        ('pw.x', IN_DECK.format('bands'), 425, {'output_bands', 'output_parameters', 'output_wannier_functions'}),
    ],
    ids=['nscf', 'setup', 'overlaps', 'functions', 'bands'],
)
def test_each_program_taken_away(chain, inputs, partly_gone, program, condition, status, given):  # noqa: PLR0917
    """Nothing comes out of a step whose program is gone; what the steps before it computed does."""
    made = inputs(dis_num_iter=200, conv_tol=1e-8)
    name = program.removesuffix('.x')
    plugin = {'pw': 'quantumespresso.pw'}.get(name, f'crystalmath.{name}')
    (made['pw']['pw'] if name == 'pw' else made[name])['code'] = partly_gone(program, plugin, condition)
    outputs, node = engine.run_get_node(chain, **made)
    assert node.exit_status == status, node.exit_message
    assert {name for name in outputs if name != 'remote_folder'} == given
    assert not {'dft_bands', 'comparison'} & set(outputs)


def test_decks_that_are_refused(chain, inputs):
    with pytest.raises(ValueError, match='does not know `num_bnds`'):
        engine.run(chain, **inputs(num_bnds=3))
    given = inputs()
    given['pw']['pw']['parameters'] = orm.Dict({'SYSTEM': {'nbnd': 20, 'ecutwfc': 16.0}})
    with pytest.raises(ValueError, match='`nbnd` is 20, but Wannier90 is told of 12 bands'):
        engine.run(chain, **given)


def test_without_the_extra_the_message_names_it(monkeypatch):
    from aiida_crystalmath.workflows.multicode.wannier90 import pw_base_work_chain

    monkeypatch.setitem(sys.modules, 'aiida_quantumespresso.workflows.pw.base', None)
    with pytest.raises(ImportError, match=r'aiida-crystalmath\[qe\]'):
        pw_base_work_chain()
