"""No program, no number: plans and the chain of Wannier90 with each of their programs taken away in turn.

Those of GW, BSE and convergence are in ``test_many_body.py``.
"""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run_get_node
from yambo_parameters import G0W0

from aiida_crystalmath.workflows.multicode.builder import MultiCodeBuilder

OPTIONS = {'options': {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1}}}
NUMBERS = (orm.ArrayData, orm.BandsData, orm.SinglefileData, orm.XyData)


@pytest.fixture
def plan(yambo):
    """Return a factory of plans: p2y, GW on it, and the edges of the quasi-particles; codes may be replaced."""

    def factory(**codes):
        codes = {name: codes.get(name, yambo.code(name)) for name in ('p2y', 'yambo')}
        made = MultiCodeBuilder()
        setup = {'code': codes['p2y'], 'code_yambo': codes['yambo'], 'parent_folder': yambo.nscf(), 'metadata': OPTIONS}
        made.add_step('setup', 'crystalmath.p2y', setup)
        job = {'code': codes['yambo'], 'parameters': orm.Dict(G0W0), 'metadata': OPTIONS}
        made.add_step('gw', 'crystalmath.yambo.base', {'yambo': job})
        made.add_handoff(None, 'setup', 'gw', pass_on={'remote_folder': 'yambo.parent_folder'})
        made.add_handoff('quasiparticle_edges', 'gw', name='edges')
        return made

    return factory


def numbers(outputs):
    """Return all nodes among nested outputs that hold results, and all names of gaps in dictionaries."""
    found = []
    for name, value in outputs.items():
        if isinstance(value, orm.Node):
            found += [name] if isinstance(value, NUMBERS) else []
            told = value.get_dict() if isinstance(value, orm.Dict) else {}
            found += [key for key in told if 'gap' in key and not key.startswith('dft_')]
        else:
            found += numbers(value)
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize('name', [None, 'p2y', 'yambo'])
def test_a_plan_without_its_program(plan, gone, name):
    """With all programs there are numbers; so there would be, if one that is gone were made up."""
    made = plan(**({} if name is None else {name: gone(f'crystalmath.{name}')}))
    results, node = run_get_node(made.builder())
    if name is None:
        assert node.is_finished_ok, node.exit_message
        assert {'output_quasiparticles', 'qp_database', 'gap_direct_ev'} <= set(numbers(results['steps']['gw']))
        assert 'edges' in results['handoffs']['edges']
        return
    assert node.exit_status == 421
    assert 'step "setup"' in node.exit_message
    assert numbers(results.get('steps', {})) == []
    assert 'gw' not in results.get('steps', {})
    assert not results.get('handoffs')


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_plan_whose_yambo_goes_after_the_set_up(plan, yambo, yambo_home, aiida_code_installed, aiida_localhost):
    path = yambo_home / 'yambo-for-setup'
    path.write_text(f'#!/bin/sh\n[ $# -eq 0 ] || exit 127\nexec {yambo.code("yambo").filepath_executable}\n')
    path.chmod(0o755)
    code = aiida_code_installed(
        label=f'setup-only-{yambo_home.name}',
        default_calc_job_plugin='crystalmath.yambo',
        computer=aiida_localhost,
        filepath_executable=str(path),
        with_mpi=False,
    )
    results, node = run_get_node(plan(yambo=code).builder())
    assert node.exit_status == 421
    assert 'step "gw"' in node.exit_message
    assert numbers(results['steps'].get('gw', {})) == []
    assert not results.get('handoffs')


# ------------------------------------------------------------------------------------------------ Wannier90

WANNIER = {'num_wann': 8, 'num_bands': 12, 'dis_froz_max': 6.4, 'dis_win_max': 17.0, 'bands_num_points': 5}


@pytest.fixture
def of_wannier90(pseudopotential, aiida_localhost, silicon, tmp_path, gone):
    """Return the inputs of the chain of Wannier90 on a folder that looks like that of a run of pw.x."""
    pytest.importorskip('aiida_quantumespresso')
    from aiida_pseudo.data.pseudo.upf import UpfData

    with pseudopotential('Si.pz-vbc.UPF').open(mode='rb') as handle:
        potential = UpfData(handle, filename='Si.pz-vbc.UPF')
    (tmp_path / 'out' / 'aiida.save').mkdir(parents=True)
    mesh, path = orm.KpointsData(), orm.KpointsData()
    mesh.set_kpoints_mesh([3, 3, 3])
    path.set_cell_from_structure(silicon)
    path.set_kpoints([[0.5, 0.5, 0.5], [0, 0, 0]])
    path.labels = [(0, 'L'), (1, 'GAMMA')]
    deck = orm.Dict({'SYSTEM': {'ecutwfc': 16.0, 'occupations': 'fixed'}})
    pw = {'pseudos': {'Si': potential}, 'parameters': deck, 'metadata': OPTIONS}
    return {
        'structure': silicon,
        'parent_folder': orm.RemoteData(computer=aiida_localhost, remote_path=str(tmp_path)).store(),
        'kpoints': mesh,
        'pw': {'pw': {**pw, 'code': gone('quantumespresso.pw')}},
        'pw2wannier90': {'code': gone('crystalmath.pw2wannier90')},
        'wannier90': {
            'code': gone('crystalmath.wannier90'),
            'parameters': orm.Dict(WANNIER),
            'projections': orm.List(['Si:sp3']),
            'bands_kpoints': path,
        },
    }


def test_wannier90_without_pw(of_wannier90):
    from aiida_crystalmath.workflows.multicode.wannier90 import Wannier90WorkChain

    results, node = run_get_node(Wannier90WorkChain, **of_wannier90)
    assert node.exit_status == 421
    assert results == {}


@pytest.mark.parametrize('name', ['pw', 'pw2wannier90', 'wannier90'])
def test_wannier90_without_a_code_is_not_begun(of_wannier90, name):
    from aiida_crystalmath.workflows.multicode.wannier90 import Wannier90WorkChain

    place = of_wannier90['pw']['pw'] if name == 'pw' else of_wannier90[name]
    del place['code']
    with pytest.raises(ValueError, match='code'):
        run_get_node(Wannier90WorkChain, **of_wannier90)
