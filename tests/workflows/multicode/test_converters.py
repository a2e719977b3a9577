"""Hand-offs on real outputs: what travels, what is refused, and that every declaration is true."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from aiida import orm

from aiida_crystalmath.crystal.units import HARTREE_EV
from aiida_crystalmath.workflows.multicode.converters import CONVERTERS_GROUP, converter_names, load_converter

CONVERTERS = (
    'band_edges',
    'compare_gaps',
    'crystal_to_qe',
    'crystal_to_wannier90',
    'qe_to_berkeleygw',
    'qe_to_wannier90',
    'qe_to_yambo',
    'quasiparticle_edges',
    'vasp_to_qe',
)


def convert(name, **inputs):
    """Run a converter; check that it gives what it declares, and nothing else."""
    function, declaration = load_converter(name)
    results, node = function.run_get_node(**inputs)
    if not node.is_finished_ok:
        return node, None
    needed = {label for label in declaration.outputs if not label.endswith('?')}
    assert needed <= set(results) <= set(declaration.output_labels)
    for label, output in results.items():
        assert isinstance(output, declaration.output_type(label)[0])
    for label in ('handoff', 'edges', 'comparison'):
        if label in results:
            told = {item.arrives for item in declaration.travels}
            undeclared = {key for key in results[label].get_dict() if f'{label}.{key}' not in told}
            if label != 'comparison':
                assert not undeclared, undeclared
    return node, results


def failed_checks(name, results):
    _, declaration = load_converter(name)
    return {check.name: check.find(results) for check in declaration.checks if check.find(results) is not None}


# ------------------------------------------------------------------------------------------------ declarations


def test_all_are_installed_under_the_entry_point_group():
    assert set(CONVERTERS) <= set(converter_names())
    assert CONVERTERS_GROUP == 'crystalmath.converters'


@pytest.mark.parametrize('name', CONVERTERS)
def test_declarations_are_whole(name):
    """Where from, where to, what travels and why the rest does not; usual places are of inputs that there are."""
    function, declaration = load_converter(name)
    ports = function.spec().inputs
    assert declaration.source and declaration.summary
    assert declaration.stays
    assert all(item.what and item.why for item in declaration.stays)
    assert bool(declaration.refused) != bool(declaration.travels)
    assert set(declaration.usual) <= {*ports, 'pseudos'}
    for item in declaration.travels:
        place = item.arrives.split('.')[0]
        assert place in declaration.output_labels or item.arrives.startswith('as is: '), item.arrives


@pytest.mark.parametrize(
    ('name', 'reason'),
    [('cristal_to_qe', 'did you mean "crystal_to_qe"'), ('no', 'there is no converter "no"')],
)
def test_an_unknown_converter_is_named(name, reason):
    with pytest.raises(ValueError, match=reason):
        load_converter(name)


def test_the_modules_import_without_the_extras():
    """Neither aiida-quantumespresso nor aiida-vasp nor h5py is needed to load any converter."""
    code = (
        'import sys\n'
        'for name in ("aiida_quantumespresso", "aiida_vasp", "aiida_pseudo", "h5py"): sys.modules[name] = None\n'
        'from aiida_crystalmath.workflows.multicode.converters import load_converter\n'
        'import aiida_crystalmath.workflows.multicode.chain, aiida_crystalmath.workflows.multicode.builder\n'
        f'[load_converter(name) for name in {CONVERTERS!r}]\n'
        'print(*sorted(set(sys.modules) & {"spglib", "seekpath", "scipy", "matplotlib", "ase"}))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# ------------------------------------------------------------------------------------------------ crystal -> qe


@pytest.mark.corpus
def test_a_relaxed_structure_of_crystal(crystal_run, pseudopotential):
    """MgO, optimised with a hybrid functional by CRYSTAL22: primitive cell, mesh of SHRINK 12, printed gap."""
    run = crystal_run('mgo_opt_c22', {'geometry': {'optgeom': {}}})
    pseudos = {'Mg': pseudopotential('Mg.pz-n-vbc.UPF'), 'O': pseudopotential('O.blyp-mt.UPF')}
    shrink = orm.Dict({'scf': {'shrink': {'is': 12, 'isp': 24}}})
    node, results = convert('crystal_to_qe', **run, crystal_parameters=shrink, **pseudos)
    assert node.is_finished_ok, node.exit_message
    handoff = results['handoff'].get_dict()
    assert handoff['space_group_symbol'] == 'Fm-3m'
    assert (handoff['n_atoms'], sorted(handoff['atom_map'])) == (2, [0, 1])
    assert results['structure'].get_cell_volume() == pytest.approx(
        run['structure'].get_cell_volume() / handoff['n_primitive_cells'], rel=1e-6
    )
    assert (handoff['gap_ev'], handoff['engine']) == (6.9612, 'CRYSTAL')  # line 962, after OPT END
    assert handoff['n_electrons_neutral'] == handoff['n_electrons_crystal'] == 20
    assert handoff['n_electrons_in_potentials'] == 0
    assert (handoff['n_electrons_valence'], handoff['n_filled_bands']) == (8, 4)
    assert results['kpoints'].get_kpoints_mesh() == ([12, 12, 12], [0, 0, 0])
    assert handoff['kpoints_same_points'] is True
    assert any('wavefunction' in line for line in handoff['left_behind'])
    assert handoff['sources']['structure']['uuid'] == run['structure'].uuid
    assert failed_checks('crystal_to_qe', results) == {}


@pytest.mark.corpus
def test_one_mesh_for_any_primitive_cell():
    """Points i/n of one primitive cell are those of any other: the claim behind `kpoints_same_points`."""
    n = 4
    grid = np.array(np.meshgrid(*[np.arange(n)] * 3)).reshape(3, -1).T / n
    change = np.array([[1, 1, 0], [0, 1, 2], [0, 0, 1]])  # unimodular
    turned = np.mod(np.rint(grid @ change.T * n), n).astype(int)
    assert {tuple(row) for row in turned} == {tuple(row) for row in np.rint(grid * n).astype(int)}


@pytest.mark.corpus
def test_a_mesh_that_differs_by_direction_gets_denser_not_coarser(crystal_run):
    run = crystal_run('quartz_hf_freq')
    shrink = orm.Dict({'scf': {'shrink': {'is': [4, 4, 2], 'isp': 8}}})
    node, results = convert('crystal_to_qe', **run, crystal_parameters=shrink)
    assert node.is_finished_ok, node.exit_message
    handoff = results['handoff'].get_dict()
    assert handoff['kpoints_same_points'] is False
    reciprocal = 2 * np.pi * np.linalg.inv(results['structure'].cell).T
    steps = np.linalg.norm(reciprocal, axis=1) / handoff['kpoints_mesh']
    coarsest = min(np.linalg.norm(reciprocal, axis=1) / [4, 4, 2])
    assert steps.max() <= coarsest + 1e-4


@pytest.mark.corpus
def test_magnetic_kinds_and_spins_travel(crystal_run):
    """NiO, antiferromagnetic: without kinds both nickels are one, and their spins cancel; with kinds they do not."""
    run = crystal_run('nio_sto3g_afm_scf')
    named = orm.StructureData(cell=run['structure'].cell)
    for index, site in enumerate(run['structure'].sites):
        symbol = run['structure'].get_kind(site.kind_name).symbol
        kind = f'{symbol}{index + 1}' if symbol == 'Ni' else symbol
        named.append_atom(position=site.position, symbols=symbol, name=kind)
    _, results = convert('crystal_to_qe', structure=named, parameters=run['parameters'])
    handoff = results['handoff'].get_dict()
    assert len(results['structure'].sites) == 4
    assert handoff['spins']['Ni1'] == pytest.approx(-handoff['spins']['Ni2'], abs=1e-3)
    assert abs(handoff['spins']['Ni1']) > 1
    assert handoff['n_electrons_crystal'] == handoff['n_electrons_neutral'] == 72


@pytest.mark.corpus
def test_ghosts_and_charges_are_told(crystal_run):
    run = crystal_run('nio_sto3g_afm_scf')
    _, results = convert('crystal_to_qe', **run, kinds=orm.Dict({'O': {'ghost': True}}))
    handoff = results['handoff'].get_dict()
    assert handoff['dropped_ghosts'] == [2, 3]
    assert [site.kind_name for site in results['structure'].sites] == ['Ni'] * len(results['structure'].sites)
    # CRYSTAL counted the electrons of the oxygens, which are no ghosts in this output.
    assert 'electrons' in failed_checks('crystal_to_qe', results)


@pytest.mark.corpus
def test_bands_of_crystal_give_edges_with_kpoints(crystal_run, crystal_bands):
    """NaCl, Hartree-Fock: NaCl.out says TOP OF VALENCE BANDS at K 1 (Γ), -3.9685829E-01; BOTTOM 1.2859066E-01."""
    gap = (1.2859066e-1 + 3.9685829e-1) * HARTREE_EV
    _, results = convert('band_edges', **crystal_bands)
    edges = results['edges'].get_dict()
    assert edges['gap_ev'] == pytest.approx(gap, abs=1e-3)
    assert (edges['gap_kind'], edges['filled_by'], edges['n_filled']) == ('direct', 'fermi_energy', [14])
    assert edges['vbm_kpoints'][0] == edges['cbm_kpoints'][0] == [0, 0, 0]
    assert edges['vbm_ev'] == pytest.approx(-3.9685829e-1 * HARTREE_EV, abs=1e-3)


def test_slabs_are_refused_with_the_reason(generate_structure):
    node, _ = convert('crystal_to_qe', structure=generate_structure('graphene'), parameters=orm.Dict({}))
    assert node.exit_status == 401
    assert 'repeats in 2 directions' in node.exit_message


def test_a_conductor_has_no_gap_and_the_stand_in_is_told(generate_structure):
    parameters = orm.Dict({'engine': 'STAND-IN', 'is_conducting': True, 'gap_ev': 0.0, 'n_electrons': 20})
    _, results = convert('crystal_to_qe', structure=generate_structure('MgO'), parameters=parameters)
    handoff = results['handoff'].get_dict()
    assert handoff['is_metal'] is True
    assert 'gap_ev' not in handoff
    assert set(failed_checks('crystal_to_qe', results)) == {'insulator', 'engine'}


def test_crystal_to_wannier90_is_refused(generate_structure):
    node, _ = convert('crystal_to_wannier90', parameters=orm.Dict({'engine': 'CRYSTAL'}))
    assert node.exit_status == 410
    assert 'LOCALWF' in node.exit_message
    assert not list(node.outputs)


# ------------------------------------------------------------------------------------------------ vasp -> qe


def test_a_run_of_vasp(vasp_si):
    """Silicon, VASP 6.2.0: aiida-vasp's own band_properties say 5.979 and 6.407 eV, indirect."""
    mesh = orm.KpointsData()
    mesh.set_kpoints_mesh([7, 7, 7])
    node, results = convert('vasp_to_qe', **vasp_si, kpoints=mesh)
    assert node.is_finished_ok, node.exit_message
    handoff = results['handoff'].get_dict()
    assert handoff['space_group_symbol'] == 'Fd-3m'
    assert handoff['n_atoms'] == 2
    assert handoff['gap_ev'] == pytest.approx(6.407 - 5.979)
    assert (handoff['gap_kind'], handoff['is_metal'], handoff['version']) == ('indirect', False, '6.2.0')
    assert handoff['edges']['filled_by'] == 'occupations'
    assert handoff['edges']['vbm_kpoints'] == [[0, 0, 0]]
    assert handoff['kpoints_mesh'] == [7, 7, 7]
    assert not handoff['is_symmorphic']
    assert failed_checks('vasp_to_qe', results) == {}


def test_without_bands_the_gap_is_that_of_misc(vasp_si):
    _, results = convert('vasp_to_qe', structure=vasp_si['structure'], misc=vasp_si['misc'])
    handoff = results['handoff'].get_dict()
    assert (handoff['gap_ev'], handoff['gap_kind']) == (pytest.approx(0.428), 'indirect')
    assert 'edges' not in handoff and 'kpoints' not in results


def test_a_run_of_vasp_that_did_not_converge_is_refused(vasp_si):
    misc = orm.Dict({**vasp_si['misc'].get_dict(), 'run_status': {'electronic_converged': False}})
    _, results = convert('vasp_to_qe', structure=vasp_si['structure'], misc=misc)
    assert 'electronic_converged' in failed_checks('vasp_to_qe', results)['converged']


# ------------------------------------------------------------------------------------------------ qe -> ...


@pytest.mark.corpus
def test_an_nscf_run_for_yambo(pw_nscf, pseudopotential):
    """Silicon, LDA, 8 k-points: Γ15 at 6.3007 eV; Yambo's own r_setup says the same direct gap at Γ (2.554 eV)."""
    node, results = convert('qe_to_yambo', **pw_nscf, Si=pseudopotential('Si.pz-vbc.UPF'))
    assert node.is_finished_ok, node.exit_message
    handoff = results['handoff'].get_dict()
    assert (handoff['n_bands'], handoff['n_kpoints'], handoff['n_electrons']) == (30, 8, 8.0)
    assert handoff['n_filled_bands'] == [4]
    assert handoff['edges']['vbm_ev'] == pytest.approx(6.30067974)
    assert handoff['edges']['gap_direct_ev'] == pytest.approx(2.554, abs=1e-3)
    assert handoff['edges']['direct_kpoints'] == [[0, 0, 0]]
    assert handoff['gap_kind'] == 'indirect'
    assert handoff['cutoff_wavefunction_ry'] == pytest.approx(16.0, abs=1e-4)
    assert handoff['force_symmorphic'] is True
    assert failed_checks('qe_to_yambo', results) == {}


@pytest.mark.corpus
def test_what_yambo_cannot_use_is_refused(pw_nscf, pseudopotential):
    refused = {
        'needs norm-conserving': {'Si': pseudopotential('O.pbe-rrkjus.UPF')},
        'there are 30 bands and 60 are needed': {'settings': orm.Dict({'n_bands': 60})},
        'p2y refuses HSE': {'inputs': orm.Dict({'SYSTEM': {'input_dft': 'HSE'}})},
    }
    for reason, inputs in refused.items():
        node, _ = convert('qe_to_yambo', **{**pw_nscf, **inputs})
        assert node.exit_status == 402
        assert reason in node.exit_message
    with_u = orm.Dict({**pw_nscf['parameters'].get_dict(), 'lda_plus_u_calculation': True})
    node, _ = convert('qe_to_yambo', **{**pw_nscf, 'parameters': with_u})
    assert 'DFT+U' in node.exit_message


@pytest.mark.corpus
def test_without_force_symmorphic_the_check_fails(pw_nscf):
    _, results = convert('qe_to_yambo', parameters=pw_nscf['parameters'], bands=pw_nscf['bands'])
    assert 'force_symmorphic' in failed_checks('qe_to_yambo', results)['symmorphic']


@pytest.mark.corpus
def test_an_nscf_run_for_berkeleygw(pw_nscf, pseudopotential):
    given = {name: pw_nscf[name] for name in ('parameters', 'bands')}
    node, results = convert('qe_to_berkeleygw', **given, Si=pseudopotential('Si.pz-vbc.UPF'))
    assert node.is_finished_ok, node.exit_message
    handoff = results['handoff'].get_dict()
    assert (handoff['kpoints_mesh'], handoff['kpoints_offset']) == ([4, 4, 4], [0.0, 0.0, 0.0])
    node, _ = convert('qe_to_berkeleygw', **given, Si=pseudopotential('O.pbe-rrkjus.UPF'))
    assert 'Si (US)' in node.exit_message
    bare = {key: value for key, value in given['parameters'].get_dict().items() if not key.startswith('monkhorst')}
    node, _ = convert('qe_to_berkeleygw', parameters=orm.Dict(bare), bands=given['bands'])
    assert 'say `kpoints_mesh` and `kpoints_offset`' in node.exit_message


@pytest.mark.corpus
def test_a_reduced_mesh_is_refused_for_wannier90(pw_nscf, silicon):
    given = {name: pw_nscf[name] for name in ('parameters', 'bands')}
    node, _ = convert('qe_to_wannier90', **given, structure=silicon)
    assert node.exit_status == 402
    assert '8 k-points are no complete mesh' in node.exit_message


@pytest.mark.corpus
def test_a_complete_mesh_for_wannier90(yambo_corpus, silicon):
    """The recorded Wannier90 run: 64 k-points and 12 bands of pw.x, as silicon.win and silicon.eig have them."""
    folder = yambo_corpus / 'wannier90_si'
    lines = (folder / 'silicon.win').read_text().lower().split('begin kpoints')[1].split('end kpoints')[0]
    points = np.array([[float(word) for word in line.split()[:3]] for line in lines.strip().splitlines()])
    energies = np.loadtxt(folder / 'silicon.eig')[:, 2].reshape(len(points), -1)
    bands = orm.BandsData()
    bands.set_cell_from_structure(silicon)
    bands.set_kpoints(points + 1e-7)
    bands.set_bands(energies, units='eV')
    parameters = orm.Dict({'number_of_electrons': 8.0, 'number_of_bands': 12})
    node, results = convert('qe_to_wannier90', parameters=parameters, bands=bands, structure=silicon)
    assert node.is_finished_ok, node.exit_message
    assert results['handoff']['kpoints_mesh'] == [4, 4, 4]
    assert results['kpoints'].get_kpoints() == pytest.approx(np.mod(points, 1), abs=1e-12)
    assert results['handoff']['edges']['vbm_ev'] == pytest.approx(energies[:, 3].max())
    for wrong in (points[:-1], [*points[:-1], points[0]], points + 0.1):
        half = orm.BandsData()
        half.set_kpoints(np.array(wrong))
        half.set_bands(energies[: len(wrong)], units='eV')
        node, _ = convert('qe_to_wannier90', parameters=parameters, bands=half, structure=silicon)
        assert 'no complete mesh' in node.exit_message


# ------------------------------------------------------------------------------------------------ edges of any code


def test_bands_that_nothing_tells_about_are_refused():
    bands = orm.BandsData()
    bands.set_kpoints([[0.0, 0.0, 0.0]])
    bands.set_bands(np.array([[0.0, 1.0]]), units='eV')
    node, _ = convert('band_edges', bands=bands)
    assert node.exit_status == 400
    _, results = convert('band_edges', bands=bands, settings=orm.Dict({'n_filled': 1}))
    assert results['edges']['gap_ev'] == 1.0
    bands = orm.BandsData()
    bands.set_kpoints([[0.0, 0.0, 0.0]])
    bands.set_bands(np.array([[0.0, 1.0]]), units='hartree')
    node, _ = convert('band_edges', bands=bands, settings=orm.Dict({'n_filled': 1}))
    assert 'in hartree, not in eV' in node.exit_message
