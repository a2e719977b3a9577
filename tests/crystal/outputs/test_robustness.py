"""No broken file raises, and none is taken for more than it is: every real stdout cut and mutated, by seed.

A reader of a broken file may tell less than the whole file tells, never something else: no final energy, gap or success
that the whole file has not, nothing final before the line ``TERMINATION``, no convergence without its line.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass

import pytest

from aiida_crystalmath.crystal.outputs.sections.basis import BasisSection
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout

pytestmark = pytest.mark.corpus

CUTS = 200
PARTS = 8
SEEDS = 3
NUMBER = re.compile(r'-?\d*\.\d+(?:E[-+]\d+)?')
TERMINATION = re.compile(rb'^ E{10} TERMINATION  DATE.*\d:\d\d:\d\d\.\d', re.MULTILINE)
TURNING_POINTS = re.compile(rb'^.*(?:OPT END|SCF ENDED|TERMINATION|TOTAL ENERGY \+|STARTING).*$', re.MULTILINE)
IMPORTANT = re.compile(
    r'OPT END|SCF ENDED|TERMINATION|STARTING|ERROR|TOTAL ENERGY|OPTIMIZATION|EQUATION|DISPERS|CRYSTAL - |CYC '
    r'|STARTS|BAND GAP|STATE|LEVEL|LOCK'
)


@pytest.fixture(scope='module')
def files(corpus):
    """Bytes of every stdout of the corpus."""
    truth = json.loads((corpus / 'truth.json').read_text())
    return {run: (corpus / run / values['file']).read_bytes() for run, values in truth.items()}


def part_of(files, part):
    """Every n-th file, so that the parts cost about the same."""
    by_size = sorted(files, key=lambda run: len(files[run]))
    return by_size[part::PARTS]


def text_of(data):
    return data.decode('utf-8', 'replace')


def cut_places(data):
    """200 places evenly spread, to the byte, and those around the lines that decide."""
    places = {len(data) * i // CUTS for i in range(CUTS)}
    for found in TURNING_POINTS.finditer(data):
        places |= {found.start(), found.start() + 1, (found.start() + found.end()) // 2, found.end() - 1, found.end()}
    return sorted(places)


def claims(output):
    """What a file claims: of each, a broken file may have the same or nothing."""
    return {
        'energy': output.energy_hartree,
        'gap': output.gap_ev,
        'gap_alpha': output.gap_alpha_ev,
        'gap_beta': output.gap_beta_ev,
        'finished': output.status == 'finished' or None,
        'succeeded': output.succeeded or None,
        'optimised': (output.optimisation is not None and output.optimisation.status == 'converged') or None,
    }


def converged_energies(output):
    return {run.energy_hartree for run in output.scf if run.converged} - {None}


def sections_of(output):
    """All results that say whether they are complete, by name."""
    results = ((field.name, getattr(output, field.name)) for field in fields(output))
    return {name: value for name, value in results if is_dataclass(value) and hasattr(value, 'complete')}


def check_cut(data, stop, whole, label):
    output = parse_stdout(text_of(data[:stop]))
    ended = TERMINATION.search(data[:stop]) is not None
    lines = data[:stop].rpartition(b'\n')[0]
    if not ended:
        assert not output.terminated and not any(claims(output)[name] for name in ('energy', 'gap', 'finished')), label
        assert output.mulliken is None, label
    assert {name: value for name, value in claims(output).items() if value is not None}.items() <= whole.items(), label
    assert len(converged_energies(output)) <= lines.count(b'== SCF ENDED - CONV'), label
    if output.optimisation is not None and output.optimisation.status == 'converged':
        assert b'OPT END - CONVERGED' in lines, label
    assert len(output.unreadable) == 0, (label, output.unreadable)
    for name, section in sections_of(output).items():
        assert isinstance(section.complete, bool), (label, name)


@pytest.mark.parametrize('part', range(PARTS))
def test_cuts(files, part):
    """At least 200 byte-exact cuts of every file."""
    done = 0
    for run in part_of(files, part):
        data = files[run]
        whole = claims(parse_stdout(text_of(data)))
        for stop in cut_places(data):
            check_cut(data, stop, whole, (run, stop))
            done += 1
    assert done >= (CUTS - 1) * (len(files) // PARTS)


# ------------------------------------------------------------------------------------------------ mutations


def drop(lines, seed):
    for i in sorted(seed.sample(range(len(lines)), min(10, len(lines))), reverse=True):
        del lines[i]


def double(lines, seed):
    for i in sorted(seed.sample(range(len(lines)), min(10, len(lines))), reverse=True):
        lines.insert(i, lines[i])


def swap(lines, seed):
    for _ in range(10):
        i, j = seed.randrange(len(lines)), seed.randrange(len(lines))
        lines[i], lines[j] = lines[j], lines[i]


def put_nul(lines, seed):
    for _ in range(10):
        i = seed.randrange(len(lines))
        at = seed.randrange(len(lines[i]) + 1)
        lines[i] = lines[i][:at] + '\0' * seed.randrange(1, 50) + lines[i][at:]


def overflow(lines, seed):
    numeric = [i for i, line in enumerate(lines) if NUMBER.search(line)]
    for i in seed.sample(numeric, min(30, len(numeric))):
        lines[i] = NUMBER.sub(lambda found: '*' * len(found[0]) if seed.random() < 0.5 else found[0], lines[i])


def latin1(lines, seed):
    for _ in range(20):
        i = seed.randrange(len(lines))
        lines[i] += '\ufffd\xe9\ufffd'


def important(change):
    """Return a mutation of three of the lines that decide."""

    def mutate(lines, seed):
        deciding = [i for i, line in enumerate(lines) if IMPORTANT.search(line)]
        for i in sorted(seed.sample(deciding, min(3, len(deciding))), reverse=True):
            change(lines, i, seed)

    return mutate


def without(lines, i, _):
    del lines[i]


def twice(lines, i, _):
    lines.insert(i, lines[i])


def halved(lines, i, seed):
    lines[i] = lines[i][: seed.randrange(len(lines[i]) + 1)]


def starred(lines, i, _):
    lines[i] = NUMBER.sub(lambda found: '*' * len(found[0]), lines[i])


MUTATIONS = {
    'drop': drop,
    'double': double,
    'swap': swap,
    'nul': put_nul,
    'overflow': overflow,
    'latin1': latin1,
    'drop important': important(without),
    'double important': important(twice),
    'halve important': important(halved),
    'overflow important': important(starred),
}


@pytest.mark.parametrize('name', MUTATIONS)
def test_mutations(files, name):
    """Nothing but what the whole file tells: energies, gaps, convergence and success are its own or absent."""
    for run, data in files.items():
        text = text_of(data)
        if not text:
            continue
        whole = parse_stdout(text)
        allowed, energies = claims(whole), converged_energies(whole)
        for number in range(SEEDS):
            lines = text.split('\n')
            MUTATIONS[name](lines, random.Random(f'{run} {name} {number}'))
            output = parse_stdout('\n'.join(lines))
            found = {key: value for key, value in claims(output).items() if value is not None}
            assert found.items() <= allowed.items(), (run, number)
            assert converged_energies(output) <= energies, (run, number)


def test_other_line_ends(files, tmp_path):
    """CRLF, read as a file: every value is the same."""
    for run, data in files.items():
        path = tmp_path / run
        path.write_bytes(data.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n'))
        ours, plain = parse_stdout(path), parse_stdout(text_of(data))
        assert (claims(ours), ours.status) == (claims(plain), plain.status), run
        assert ours.n_lines == plain.n_lines, run
        assert converged_energies(ours) == converged_energies(plain), run


@pytest.mark.parametrize(
    'message', [' PROCESS  3 OF  16 WORKING', '[node7:12345] no trouble', 'MPI startup(): Warning:']
)
def test_messages_of_other_processes_between_the_lines(files, message):
    """Messages of other processes and of MPI may stand anywhere, also inside of tables: every value is the same."""
    for run, data in files.items():
        lines = text_of(data).split('\n')
        seed = random.Random(run)
        whole = parse_stdout('\n'.join(lines))
        for _ in range(40):
            lines.insert(seed.randrange(len(lines)), message)
        output = parse_stdout('\n'.join(lines))
        assert (claims(output), output.status) == (claims(whole), whole.status), run
        assert {name: section.complete for name, section in sections_of(output).items()} == {
            name: section.complete for name, section in sections_of(whole).items()
        }, run


def test_a_file_twice_in_one(files):
    """``cat a a``: the last program counts, and it is the same."""
    for run, content in files.items():
        data = content if content.endswith(b'\n') else content + b'\n'
        once, twice_ = parse_stdout(text_of(data)), parse_stdout(text_of(data + data))
        if once.program is None:
            continue
        assert (claims(twice_), twice_.status) == (claims(once), once.status), run
        assert len(twice_.stages) == 2 * len(once.stages), run


def test_a_restart_that_was_cut_after_a_finished_run(files):
    """The last program counts: a finished run followed by the beginning of another one has no result."""
    done, begun = files['mgo_scf_b3lyp'], files['nio_sto3g_afm_scf']
    output = parse_stdout(text_of(done + begun[: len(begun) // 2]))
    assert output.status == 'incomplete' and output.energy_hartree is None
    assert [stage.terminated for stage in output.stages] == [True, False]


def test_properties_of_an_earlier_run_are_none_of_the_last(files):
    """``cat a b``: the Fermi energy that properties told of HfO2 is not that of toluene, whose output has none."""
    first, second = (text_of(files[run]) for run in ('hfo2_8x_freq', 'toluene_opt'))
    assert parse_stdout(first).properties is not None and parse_stdout(second).properties is None
    both = parse_stdout(first + second)
    assert both.properties is None and both.population == parse_stdout(second).population


@pytest.mark.parametrize(
    ('run', 'line'),
    [('mgo_scf_b3lyp', ' == SCF ENDED'), ('mgo_sto3g_opt', ' * OPT END'), ('dryice_ir', ' TOTAL ENERGY +')],
)
@pytest.mark.parametrize('misprint', ['0.0000', '1.0E+03', '-2.7'])
def test_an_energy_far_from_those_before_it_is_a_misprint(files, run, line, misprint):
    """Whatever the final line says, it cannot be another energy than the cycles or points led to."""
    lines = text_of(files[run]).split('\n')
    at = max(i for i, text in enumerate(lines) if text.startswith(line))
    lines[at] = re.sub(r'-\d\.\d+E\+\d\d', misprint, lines[at])
    output = parse_stdout('\n'.join(lines))
    assert misprint in lines[at] and output.terminated
    assert output.energy_hartree is None and output.energy_source is None


def test_a_cycle_printed_twice_counts_once(files):
    """A run whose every cycle stands twice has finished as well, with the same cycles."""
    text = text_of(files['nio_sto3g_afm_opt'])
    twice_ = parse_stdout(re.sub(r'^( CYC .*\n)', r'\1\1', text, flags=re.MULTILINE))
    once = parse_stdout(text)
    assert (twice_.status, claims(twice_)) == ('finished', claims(once))
    assert [run.cycles for run in twice_.scf] == [run.cycles for run in once.scf]


def test_a_start_printed_twice_is_one(files):
    """fe_opt_c09 has two programs, and its result; mgo_band is one of properties."""
    for run, programs in (('fe_opt_c09', 2), ('mgo_band', 1)):
        text = text_of(files[run])
        both = parse_stdout(re.sub(r'^( EEEEEEEEEE STARTING.*\n)', r'\1\1', text, flags=re.MULTILINE))
        assert len(both.stages) == programs and both.status == 'finished'
        assert claims(both) == claims(parse_stdout(text))


def test_a_row_of_elastic_constants_printed_twice_counts_once(files):
    text = text_of(files['mgo_elastic_c14'])
    row = ' |           1024.920'
    twice_ = parse_stdout(re.sub(rf'^({re.escape(row)}.*\n)', r'\1\1', text, flags=re.MULTILINE))
    assert twice_.status == 'finished' and twice_.elastic.dimensionality == 3
    assert twice_.elastic.constants.tolist() == parse_stdout(text).elastic.constants.tolist()


def test_edges_that_do_not_make_the_gap_are_of_another_cycle(files):
    """e1674_elastic: without its state, or its top of the valence bands, the last cycle has no Fermi energy to tell."""
    lines = text_of(files['e1674_elastic']).split('\n')
    assert parse_stdout('\n'.join(lines)).fermi_energy_hartree == -0.25742305
    for words in (' INSULATING STATE', ' TOP OF VALENCE BANDS'):
        last = max(i for i, line in enumerate(lines) if line.startswith(words))
        first = last - 1 if lines[last - 1].startswith(words) else last
        output = parse_stdout('\n'.join(lines[:first] + lines[last + 1 :]))
        assert (output.gap_ev, output.fermi_energy_hartree, output.vbm_hartree) == (None, None, None), words


def test_a_row_of_charges_printed_twice_is_no_table(files):
    lines = text_of(files['diamond_opt_c22']).split('\n')
    last = max(i for i, line in enumerate(lines) if line.startswith(' TOTAL ATOMIC CHARGES'))
    assert len(parse_stdout('\n'.join(lines)).scf[-1].charges) == 8
    lines.insert(last + 1, lines[last + 1])
    assert parse_stdout('\n'.join(lines)).scf[-1].charges == ()


def test_half_a_table_of_charges_is_none(files):
    """graphene_mv_saddle_scf: 71 atoms; foreign words between the rows of their last charges."""
    lines = text_of(files['graphene_mv_saddle_scf']).split('\n')
    whole = parse_stdout('\n'.join(lines)).scf[-1]
    assert (len(whole.charges), len(whole.spins)) == (71, 71)
    last = max(i for i, line in enumerate(lines) if line.startswith(' TOTAL ATOMIC CHARGES'))
    lines.insert(last + 3, 'words of a script')
    run = parse_stdout('\n'.join(lines)).scf[-1]
    assert run.charges == () and run.spins == whole.spins


def test_a_section_that_cannot_conclude_costs_only_its_subject(files, monkeypatch):
    """Every number of every table cannot be foreseen: the rest of the output is told."""

    def finish(self):
        raise OverflowError('cannot convert float infinity to integer')

    monkeypatch.setattr(BasisSection, 'finish', finish)
    output = parse_stdout(text_of(files['mgo_scf_b3lyp']))
    assert output.energy_hartree == -275.44859113743 and output.basis is None
    assert [message.text for message in output.unreadable] == [
        'BasisSection cannot conclude: cannot convert float infinity to integer'
    ]


def test_a_title_may_begin_as_the_lines_of_mpi(files):
    text = text_of(files['mgo_scf_b3lyp'])
    title = parse_stdout(text).title
    assert parse_stdout(text.replace(title, '[Co(NH3)6]Cl3')).title == '[Co(NH3)6]Cl3'


@pytest.mark.parametrize('filler', ['\0', 'x', ' ', '-1.0E+00 '])
def test_a_line_without_end(files, filler):
    """What stands before and after a line of 3 MB is read, and the line itself is not kept."""
    lines = text_of(files['mgo_scf_b3lyp']).split('\n')
    middle = next(i for i, line in enumerate(lines) if line.startswith(' CYC   3'))
    lines.insert(middle, filler * (3_000_000 // len(filler)))
    output = parse_stdout('\n'.join(lines))
    assert output.status == 'finished' and output.energy_hartree == -275.44859113743
    assert len(output.scf[0].cycles) == 8
    tail = parse_stdout('\n'.join(lines[: middle + 1]))
    assert len(tail.last_line) <= 1 << 16


def test_noise_that_holds_no_program():
    """Bytes, digits and asterisks: an empty result."""
    seed = random.Random(1)
    for alphabet in ('\0', '*', '0123456789.E+- \n', ' \n', 'EEEEE TERMINATION\n', ''.join(map(chr, range(256)))):
        text = ''.join(seed.choices(alphabet, k=50_000))
        output = parse_stdout(text)
        assert output.program is None and output.status == 'incomplete' and output.energy_hartree is None


MEASURE = """
import resource, sys
from pathlib import Path
from aiida_crystalmath.crystal.outputs.stdout import parse_stdout
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
output = parse_stdout(Path(sys.argv[1]))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
optimisation = output.optimisation
kept = len(optimisation.points) + optimisation.n_dropped_points
print((after - before) // 1024, output.status, output.energy_hartree, kept, len(output.scf) + output.n_dropped_scf)
"""


def test_memory_of_a_large_log(files, tmp_path):
    """40 MB of an optimisation with every SCF in it (ONELOG) are read in less than 40 MB; so is a gigabyte."""
    lines = text_of(files['nio_sto3g_afm_opt']).split('\n')
    titles = [i for i, line in enumerate(lines) if 'OPTIMIZATION - POINT' in line]
    scf = next(i for i, line in enumerate(lines) if line.startswith(' CRYSTAL - SCF'))
    ends = [i for i, line in enumerate(lines) if line.startswith(' == SCF ENDED')]
    last = next(i for i, line in enumerate(lines) if 'OPT END' in line)
    block = '\n'.join([*lines[titles[1] : titles[2]], *lines[scf : ends[0] + 3]])
    path, n = tmp_path / 'large.out', 40_000_000 // len(block)
    with path.open('w') as handle:
        handle.write('\n'.join(lines[: titles[1]]) + '\n')
        for i in range(2, n):
            handle.write(re.sub(r'(POINT) +\d+', lambda found, i=i: f'{found[1]}{i:5d}', block) + '\n')
        handle.write('\n'.join(lines[last:]))
    done = subprocess.run([sys.executable, '-c', MEASURE, path], capture_output=True, text=True, check=True)
    grown, status, energy, points, runs = done.stdout.split()
    assert int(grown) < 40
    assert (status, float(energy), int(points), int(runs)) == ('finished', -3128.318293403, n - 1, n - 1)


@pytest.mark.parametrize('size', [64, 512, 4096])
def test_blocks_of_nul_bytes_never_leave_a_run_finished_without_its_energy(corpus, size):
    """What a network file system leaves of lost blocks: wherever one lies, a finished run has the right energy."""
    content = (corpus / 'mgo_sto3g_scf' / 'crystal.out').read_bytes()
    right = parse_stdout(content.decode()).energy_hartree
    for start in range(0, len(content) - size, 997):
        spoilt = content[:start] + b'\0' * size + content[start + size :]
        output = parse_stdout(spoilt.decode())
        if output.status == 'finished' and output.scf:
            assert output.energy_hartree == right, start
