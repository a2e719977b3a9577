"""What a job is suggested to ask for: held against what real jobs took."""

from __future__ import annotations

import json
import re

import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_crystalmath.cli import main
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
from aiida_crystalmath.data.structure import to_geometry
from aiida_crystalmath.workflows.crystal.base import CrystalBaseWorkChain
from aiida_crystalmath.workflows.job_size import JobSize, irreducible
from aiida_crystalmath.workflows.resources import PROPERTY, kind_of, read_rules, suggest, suggest_resources

SMALL, LARGE = JobSize(26, 2, 2, 72), JobSize(1386, 54, 30, 36)


def kind_of_output(output) -> str:
    """Return the kind of a run from what its output holds."""
    found = (
        ('ELAST', output.elastic),
        ('FREQ', output.frequencies),
        ('EOS', output.equation_of_state),
        ('OPT', output.optimisation),
        ('CPHF', output.polarisability),
    )
    return next((kind for kind, result in found if result), 'SP')


@pytest.mark.corpus
def test_nine_of_ten_real_jobs_would_have_ended_in_time(corpus, truth):
    """Each with the processes it had; sizes as CRYSTAL printed them."""
    rules = read_rules()
    in_time = []
    for run, values in truth.items():
        text = (corpus / run / values['file']).read_text(errors='replace')
        functions, points = re.search(r'NUMBER OF AO\s+(\d+)', text), re.search(r'K PTS MONK NET\s*(\d+)', text)
        output = parse_stdout(text)
        if not functions or not output.scf or not output.timings.wall_s or output.initial_geometry is None:
            continue
        n_atoms = len(output.initial_geometry.sites)
        _, unequal = irreducible(output.initial_geometry, (1, 1, 1), 1e-3)
        n_kpoints = int(points[1]) if points else 1
        size = JobSize(int(functions[1]), n_atoms, unequal, n_kpoints, 'UNRESTRICTED' in text)
        processes = output.resources.n_processes or 1
        # So many as it had, and no more time than is left by no limit.
        own = {'max_ranks': processes, 'max_walltime_h': 10_000, 'min_walltime_h': 0}
        changed = rules.model_copy(update={'limits': rules.limits.model_copy(update=own)})
        changed = changed.model_copy(update={'ranks': rules.ranks.model_copy(update={'functions_per_rank': 0.01})})
        in_time.append(output.timings.wall_s <= suggest(kind_of_output(output), size, changed).walltime_s)
    assert len(in_time) >= 45
    assert sum(in_time) / len(in_time) >= 0.9


@pytest.mark.corpus
@pytest.mark.parametrize(('run', 'mesh', 'expected'), [('mgo_scf_b3lyp', 12, 72), ('mgo_sto3g_scf', 8, 29)])
def test_irreducible_points_are_those_of_crystal(outputs_of, run, mesh, expected):
    assert irreducible(outputs_of(run).initial_geometry, (mesh,) * 3, 1e-4)[0] == expected


@pytest.fixture
def outputs_of(corpus, truth):
    """Return a function that reads a run of the corpus."""
    return lambda run: parse_stdout(corpus / run / truth[run]['file'])


def test_larger_and_harder_jobs_get_more():
    rules = read_rules()
    small, large = suggest('SP', SMALL, rules), suggest('SP', LARGE, rules)
    assert (small.ranks, large.ranks) == (1, 69)
    assert small.walltime_s < large.walltime_s
    assert small.memory_mb < large.memory_mb
    times = [suggest(kind, LARGE, rules).walltime_s for kind in ('SP', 'OPT', 'FREQ')]
    assert times == sorted(times)
    polarised = JobSize(1386, 54, 30, 36, spin_polarised=True)
    assert suggest('SP', polarised, rules).walltime_s > large.walltime_s
    assert suggest('BAND', LARGE, rules).ranks == 1


def test_limits_are_kept_and_said():
    """Ranks, machines, memory and wall time; a machine of 4 GB takes fewer ranks of a large job."""
    limits = {'max_ranks': 10, 'max_machines': 2, 'max_memory_mb': 4000, 'max_walltime_h': 1}
    found = suggest('FREQ', LARGE, read_rules({'limits': limits}), ranks_per_machine=8)
    assert found.options['resources'] == {'num_machines': 2, 'num_mpiprocs_per_machine': 5}
    assert found.memory_mb <= 4000
    assert found.walltime_s == 3600
    assert any('cut to the limit' in reason for reason in found.reasons)
    assert any('no more than the limit allows (69 would be of use)' in reason for reason in found.reasons)
    tiny = suggest('SP', LARGE, read_rules({'limits': {'max_memory_mb': 500}}))
    assert (tiny.ranks, tiny.memory_mb) == (4, 500)
    assert 'cut to the limit' in tiny.reasons[2]


@pytest.mark.parametrize(
    ('own', 'reason'),
    [
        ({'margin': 0.5}, 'margin'),
        ({'limit': {}}, 'limit'),
        ({'kinds': {'SP': {'scf': -1}}}, 'scf'),
        ([], 'expected a mapping'),
        ('missing.yaml', 'missing.yaml'),
    ],
)
def test_wrong_rules(own, reason):
    with pytest.raises(ValueError, match=reason):
        read_rules(own)


def test_unknown_kind():
    with pytest.raises(ValueError, match='did you mean "OPT"'):
        suggest('OPTG', SMALL, read_rules())


@pytest.mark.parametrize(
    ('geometry', 'kind'), [({}, 'SP'), ({'optgeom': {}}, 'OPT'), ({'freqcalc': {}, 'optgeom': {}}, 'FREQ')]
)
def test_kind_of_parameters(geometry, kind):
    assert kind_of({'geometry': geometry}) == kind


def test_size_of_a_structure(generate_structure, generate_basis_sets):
    """Of the primitive cell, whatever cell is given: MgO in STO-3G has 14 functions and 29 points at SHRINK 8."""
    for name in ('MgO', 'MgO-conventional'):
        structure = generate_structure(name)
        found = suggest_resources(structure, generate_basis_sets(structure), shrink={'is': 8, 'isp': 8})
        assert found.size == JobSize(14, 2, 2, 29)
    molecule = generate_structure('H2O')
    assert suggest_resources(molecule, generate_basis_sets(molecule), kpoints_distance=0.2).size.n_kpoints == 1
    slab = generate_structure('graphene')
    assert suggest_resources(slab, generate_basis_sets(slab), shrink={'is': 3, 'isp': 3}).size.n_kpoints == 3
    assert to_geometry(slab).dimensionality == 2


def test_a_computer_has_its_own_rules(generate_structure, generate_basis_sets, aiida_computer, tmp_path):
    computer = aiida_computer(label='rules', scheduler_type='core.slurm', transport_type='core.local')
    computer.set_default_mpiprocs_per_machine(4)
    computer.set_default_memory_per_machine(2 * 1024 * 1024)
    computer.set_property(PROPERTY, {'limits': {'max_walltime_h': 2}, 'ranks': {'functions_per_rank': 2}})
    structure = generate_structure('MgO')
    arguments = (structure, generate_basis_sets(structure), 'FREQ')
    found = suggest_resources(*arguments, computer=computer)
    assert found.options['resources'] == {'num_machines': 2, 'num_mpiprocs_per_machine': 3}
    assert found.options['max_wallclock_seconds'] <= 7200
    assert found.options['max_memory_kb'] <= 2 * 1024 * 1024
    own = tmp_path / 'rules.yaml'
    own.write_text('limits: {max_machines: 1}\n')
    assert suggest_resources(*arguments, computer=computer, rules=own).options['resources']['num_machines'] == 1


@pytest.fixture
def family():
    """Install the family of the fast protocol."""
    from aiida_crystalmath.data.basis_family import BasisSetFamily

    return BasisSetFamily.create_from_library('sto-3g')


@pytest.mark.usefixtures('family')
def test_a_protocol_takes_them_when_asked(crystal_code, generate_structure):
    """The serial stand-in stays on one rank; what the overrides say stays as well."""
    overrides = {'crystal': {'metadata': {'options': {'max_wallclock_seconds': 77}}}}

    def options(**arguments):
        builder = CrystalBaseWorkChain.get_builder_from_protocol(
            crystal_code, generate_structure('MgO'), 'fast', **arguments
        )
        return builder.crystal.metadata.options

    assert options()['max_wallclock_seconds'] == 7200
    suggested = options(options='auto')
    assert suggested['max_wallclock_seconds'] == 1800
    assert suggested['resources'] == {'num_machines': 1, 'num_mpiprocs_per_machine': 1}
    assert suggested['withmpi'] is False
    assert options(options='auto', overrides=overrides)['max_wallclock_seconds'] == 77
    with pytest.raises(ValueError, match='options "much"'):
        options(options='much')


@pytest.mark.usefixtures('family')
def test_the_command(aiida_profile, tmp_path):
    path = tmp_path / 'h2.xyz'
    path.write_text('2\n\nH 0 0 0\nH 0 0 0.741\n')

    def call(*arguments):
        return CliRunner().invoke(main, ['-p', aiida_profile.name, 'resources', str(path), *arguments])

    found = json.loads(call('--protocol', 'fast', '--kind', 'opt', '--json').stdout)
    assert (found[0]['kind'], found[0]['size']['n_functions'], found[0]['ranks']) == ('OPT', 2, 1)
    table = call('--protocol', 'fast')
    assert table.exit_code == 0, table.output
    assert '2 basis functions, 2 atoms (2 irreducible), 1 k-point' in table.stdout
    assert 'FREQ' in table.stdout
    assert call('--protocol', 'fast', '--kind', 'XX').exit_code == 1
    assert call('--protocol', 'fast', '--computer', 'none-such').exit_code == 1
    assert orm.QueryBuilder().append(orm.StructureData, filters={'label': 'h2'}).count() == 0
