#!/usr/bin/env python3
"""Be p2y, yambo or ypp by playing recorded runs of Yambo 5.2.4, and refuse whatever there is no recording of.

Called as ``yambo_replay.py p2y|yambo|ypp HOME CORPUS [arguments of the program]``; the fixture ``yambo`` of
tests/conftest.py makes executables of those names that do. Plain Python that knows nothing of the package under test:
it has its own, stricter, reader of decks.

What is looked at, as the real programs do: the arguments (``-I -O`` of p2y, ``-F -J -C`` of yambo and ypp), what
pw.x has saved, what lies in SAVE, the deck, whether the ndb.QP that it names is there, and what ``-J`` holds already.
What is written: logs, reports and tables go to ``-C``, named after ``-J``; databases to ``-J`` and SAVE. Databases that
were recorded are the real ones (ndb.QP of the run that went on after a kill, which was not, is that of the same
calculation without the kill). Others (wavefunctions, ndb.gops, fragments) are only names: files that say so.

``HOME/kill`` holds how many calls of yambo are still to be killed on their way; ``HOME/calls/*.json`` what each call
was given. Serial calls end with the exit statuses of the real ones: 0 after nearly every error.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

REFUSED = 99
NAME_ONLY = 'REPLAY: this stands for a database that was not recorded'
SYSTEM = 'ns.replay'
"""Beside SAVE/ns.db1: which system it is of, if it is not silicon (there is no ns.db1 of MgO)."""


class RefusedError(Exception):
    """There is no recording of what was asked for."""


def main() -> int:
    """Play; return the exit status."""
    program, home, corpus, *arguments = sys.argv[1:]
    if os.environ.get('OMPI_COMM_WORLD_RANK', '0') != '0':
        time.sleep(0.2)
        return 0
    play = Play(program, Path(home), Path(corpus), arguments)
    try:
        status = {'p2y': play.p2y, 'yambo': play.yambo, 'ypp': play.ypp}[program]()
    except RefusedError as exception:
        play.note(refused=str(exception))
        sys.stderr.write(f'REPLAY: there is no recording of this: {exception}\n')
        return REFUSED
    return status


class Play:
    """One call of one program."""

    def __init__(self, program: str, home: Path, corpus: Path, arguments: list[str]) -> None:
        self.program, self.home, self.corpus, self.arguments = program, home, corpus, arguments
        self.mpi = int(os.environ.get('OMPI_COMM_WORLD_SIZE', '1')) > 1

    # ------------------------------------------------------------------------------------------------ p2y, set-up

    def p2y(self) -> int:
        """Turn what pw.x saved into SAVE."""
        given = self.options('IO')
        if given.get('O') != '.':
            raise RefusedError(f'p2y writes to `.`, not to {given.get("O")}')
        data = Path(given.get('I', '.')) / 'data-file-schema.xml'
        if not data.is_file():
            return self.written('p2y_err_no_save', {'l_p2y': 'l_p2y'}, 1)
        facts = facts_of(data.read_bytes())
        if facts.pop('uspp'):
            return self.written('p2y_err_uspp', {'l_p2y': 'l_p2y'}, 0)
        if facts.pop('fractional'):
            return self.written('p2y_err_nonsymmorphic', {'l_p2y': 'l_p2y'}, 0)
        recorded = facts_of(gzip.decompress((self.corpus / 'qe67_si_nscf' / 'data-file-schema.xml.gz').read_bytes()))
        wrong = [name for name, value in facts.items() if not alike(value, recorded[name])]
        if wrong:
            raise RefusedError('; '.join(f'{name} is {facts[name]}, recorded is {recorded[name]}' for name in wrong))
        save = Path('SAVE')
        save.mkdir(exist_ok=True)
        shutil.copyfile(self.corpus / 'p2y_ok' / 'ns.db1', save / 'ns.db1')
        for name in ('ns.wf', 'ns.kb_pp_pwscf'):
            (save / name).write_text(NAME_ONLY)
        return self.written('p2y_ok', {'l_p2y': 'l_p2y'}, 0)

    def setup(self) -> int:
        """Set SAVE up, as yambo does without an input."""
        system = self.system()
        if system is None:
            return self.without_save()
        if system != 'si':
            raise RefusedError(f'the set-up of {system}')
        shutil.copyfile(self.corpus / 'yambo_setup' / 'ndb.kindx', Path('SAVE') / 'ndb.kindx')
        (Path('SAVE') / 'ndb.gops').write_text(NAME_ONLY)
        return self.written('yambo_setup', {'r_setup': 'r_setup', 'l_setup': 'l_setup'}, 0)

    # ------------------------------------------------------------------------------------------------ yambo

    def yambo(self) -> int:
        """Play a calculation."""
        if not self.arguments:
            return self.setup()
        given = self.options('FJC')
        missing = [name for name in 'FJC' if name not in given]
        if missing:
            raise RefusedError(f'no -{missing[0]}')
        text = Path(given['F']).read_text()
        deck = read_deck(text)
        system = self.system()
        self.note(deck=text, system=system, save=listed(Path('SAVE')), job=listed(Path(given['J'])))
        if system is None or not all((Path('SAVE') / name).is_file() for name in ('ndb.gops', 'ndb.kindx')):
            return self.without_save()
        job = Path(given['J'])
        restarted = (job / 'ndb.pp').exists()
        name = self.recording(system, deck)
        if self.to_be_killed():
            if name != 'gw_ppa_mpi2':
                raise RefusedError(f'{name}, killed on its way')
            self.calculated('fail_f8_kill', given)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        if name == 'gw_ppa_mpi2' and restarted:
            return self.calculated('restart_after_kill', given, '_01')
        return self.calculated(name, given)

    def recording(self, system: str, deck: dict[str, object]) -> str:
        """Return the set whose deck is the given one."""
        asked = physics(deck)
        for name, (its_system, path) in DECKS.items():
            recorded = read_deck((self.corpus / path).read_text())
            if its_system != system or physics(recorded) != asked:
                continue
            if ('KfnQPdb' in recorded) != ('KfnQPdb' in deck):
                continue
            if 'KfnQPdb' not in deck or name in FAILING:
                return name
            read = self.reads_quasiparticles(str(deck['KfnQPdb']))
            if name == 'bse_diago_mpi2':
                return name if read else 'fail_f3_missing_ndbqp'
            if not read:
                raise RefusedError(f'{name}, without the quasi-particles')
            return name
        closest = [
            name for name, (_, path) in DECKS.items() if set(read_deck((self.corpus / path).read_text())) == set(deck)
        ]
        raise RefusedError(
            f'no deck of {system} is this one (the same names are in {closest}): {json.dumps(deck, default=str)}'
        )

    def reads_quasiparticles(self, action: str) -> bool:
        """Tell whether the ndb.QP that the deck names is there."""
        path = Path(action.partition('<')[2].strip())
        recorded = (self.corpus / 'gw_ppa_mpi2' / 'ndb.QP').read_bytes()
        if path.is_file() and path.read_bytes() != recorded:
            raise RefusedError(f'{path} is not the ndb.QP of the recorded G0W0 of silicon')
        return path.is_file()

    def calculated(self, name: str, given: dict[str, str], suffix: str = '') -> int:
        """Write what a calculation left; return its exit status.

        :param suffix: of the call that is played, where the recorded folder was used twice.
        """
        folder, out, job = self.corpus / name, Path(given['C']), Path(given['J'])
        if name in ('fail_f1_too_many_bands', 'fail_f1b_serial'):
            name, folder = ('fail_f1_too_many_bands', 'fail_f1b_serial')[not self.mpi], self.corpus / name
            folder = self.corpus / name
        out.mkdir(exist_ok=True)
        job.mkdir(exist_ok=True)
        words = ''
        for path in sorted(folder.rglob('*')):
            played = played_name(path, suffix)
            if played is None or 'exc' in path.name:
                continue
            target = out / path.parent.relative_to(folder) / re.sub('^([rlo])-(gw|bse)', rf'\1-{job.name}', played)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
            words += path.read_text() if played.startswith('r-') else ''
        for written in re.findall(r'\[WR\./[^/]+//(ndb\.\w+)\]', words):
            if (job / written).is_symlink():
                raise RefusedError(f'{written} is a link, and would be written')
            recorded = next((p for p in (folder / written, self.corpus / 'gw_ppa_mpi2' / written) if p.is_file()), None)
            if recorded is not None:
                shutil.copyfile(recorded, job / written)
            else:
                (job / written).write_text(f'{NAME_ONLY}\n{name}\n')
        if '[WR./SAVE//ndb.kindx]' in words:
            kindx = Path('SAVE') / 'ndb.kindx'
            if kindx.is_symlink() or Path('SAVE').is_symlink():
                raise RefusedError('ndb.kindx of another job would be written')
            shutil.copyfile(self.corpus / 'yambo_setup' / 'ndb.kindx', kindx)
        if self.mpi and (folder / 'run.out').exists():
            sys.stdout.write((folder / 'run.out').read_text())
        self.note(played=name)
        return 1 if self.mpi and name in FAILING else 0

    def without_save(self) -> int:
        """Do what yambo does without a SAVE that is set up: leave an empty file and nothing else."""
        name = 'fail_f5b_not_init_serial'
        if self.mpi:
            name = 'fail_f5_not_initialised' if self.system() is not None else 'fail_f2_no_save'
        shutil.copyfile(self.corpus / name / 'fort.0', 'fort.0')
        sys.stdout.write((self.corpus / name / 'run.out').read_text())
        self.note(played=name)
        return 1 if self.mpi else 0

    # ------------------------------------------------------------------------------------------------ ypp

    def ypp(self) -> int:
        """List excitons."""
        given = self.options('FJC')
        deck = read_deck(Path(given['F']).read_text())
        if deck != {'excitons': True, 'States': '0 - 0', 'BSQindex': ['1']}:
            raise RefusedError(f'{deck}')
        if self.system() is None:
            return self.without_save()
        database = Path(given['J']) / 'ndb.BS_diago_Q1'
        if not database.is_file() or 'bse_diago_mpi2' not in database.read_bytes().decode(errors='replace'):
            raise RefusedError('excitons of another BSE than bse_diago_mpi2')
        out = Path(given['C'])
        out.mkdir(exist_ok=True)
        for path in (self.corpus / 'bse_diago_mpi2').iterdir():
            if 'exc' in path.name:
                shutil.copyfile(path, out / re.sub('^([rlo])-bse', rf'\1-{given["J"]}', path.name))
        self.note(played='bse_diago_mpi2')
        return 0

    # ------------------------------------------------------------------------------------------------ what is given

    def options(self, letters: str) -> dict[str, str]:
        """Return the arguments by their letters."""
        given: dict[str, str] = {}
        rest = list(self.arguments)
        while rest:
            flag = rest.pop(0)
            if len(flag) != 2 or flag[0] != '-' or flag[1] not in letters or not rest:
                raise RefusedError(f'the argument {flag}')
            given[flag[1]] = rest.pop(0)
        return given

    def system(self) -> str | None:
        """Return what SAVE is of; None if there is none."""
        marker, core = Path('SAVE') / SYSTEM, Path('SAVE') / 'ns.db1'
        if marker.is_file():
            return marker.read_text().strip()
        if not core.is_file():
            return None
        if core.read_bytes() != (self.corpus / 'p2y_ok' / 'ns.db1').read_bytes():
            raise RefusedError('SAVE/ns.db1 is not the recorded one')
        return 'si'

    def to_be_killed(self) -> bool:
        """Tell whether this call is to be killed, and count it."""
        with self.lock():
            counter = self.home / 'kill'
            left = int(counter.read_text() or 0) if counter.exists() else 0
            if left:
                counter.write_text(str(left - 1))
        return left > 0

    def written(self, name: str, files: dict[str, str], status: int) -> int:
        """Write files of a set into the folder; return the status."""
        for recorded, target in files.items():
            shutil.copyfile(self.corpus / name / recorded, target)
        self.note(played=name)
        return status

    def note(self, **facts: object) -> None:
        """Keep what this call was given, for the tests."""
        folder = self.home / 'calls'
        with self.lock():
            own = sorted(folder.glob(f'*-{os.getpid()}.json'))
            path = own[0] if own else folder / f'{len(list(folder.glob("*.json"))):04}-{os.getpid()}.json'
            content = json.loads(path.read_text()) if path.exists() else {}
            content |= {'program': self.program, 'arguments': self.arguments, 'folder': str(Path.cwd()), **facts}
            path.write_text(json.dumps(content))

    def lock(self):
        """Return a lock that the calls share."""
        return Lock(self.home / 'lock')


class Lock:
    """A lock on a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        self.handle = self.path.open('w')
        fcntl.flock(self.handle, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.handle.close()


DECKS = {
    'gw_ppa_mpi2': ('si', 'gw_ppa_mpi2/gw.in'),
    'gw_ppa_serial_unknown_variable': ('si', 'gw_ppa_serial_unknown_variable/gw.in'),
    'fail_f1b_serial': ('si', 'fail_f1b_serial/gw.in'),
    'bse_diago_mpi2': ('si', 'bse_diago_mpi2/bse.in'),
    'bse_diago_small_netcdf': ('si', 'bse_diago_small_netcdf/bse.in'),
    'bse_haydock_serial': ('si', 'bse_haydock_serial/bse.in'),
    'bse_scissor_serial': ('si', 'bse_scissor_serial/bse.in'),
    'fail_f6_memory': ('si', 'fail_f6_memory/bse.in'),
    'gw_mgo_dojo': ('mgo', 'gw_mgo_dojo/gw.in'),
}
"""System and deck of every calculation that can be played."""

FAILING = ('fail_f1_too_many_bands', 'fail_f1b_serial', 'fail_f6_memory')


def read_deck(text: str) -> dict[str, object]:
    """Read a deck as Yambo would: names, numbers as they compare, texts; the order of names does not matter."""
    deck: dict[str, object] = {}
    lines = iter(line.partition('#')[0].strip() for line in text.splitlines())
    for line in lines:
        if line.startswith('%') and line != '%':
            rows = []
            for row in lines:
                if row == '%':
                    break
                rows.append([plain(part) for part in row.split('|') if part.strip()])
            deck[line[1:].strip()] = rows
        elif '=' in line:
            name, _, value = line.partition('=')
            quoted = re.fullmatch(r'\s*"(.*)"\s*', value)
            deck[name.strip()] = quoted[1] if quoted else [plain(part) for part in value.split()]
        elif line:
            deck[line] = True
    return deck


def physics(deck: dict[str, object]) -> dict[str, object]:
    """Return a deck without what makes no other result: who does which part, and where ndb.QP lies."""
    sharing = re.compile('.*(_CPU|_ROLEs|_Threads|_nCPU_LinAlg_(INV|DIAGO))')
    return {name: value for name, value in deck.items() if name != 'KfnQPdb' and not sharing.fullmatch(name)}


def plain(text: str) -> str:
    """Return a number in one way of writing; anything else as it is."""
    try:
        return f'{float(text):.8g}'
    except ValueError:
        return text.strip()


def facts_of(xml: bytes) -> dict[str, object]:
    """Return what tells one NSCF of pw.x from another, however its cell is turned."""
    root = ElementTree.fromstring(xml)
    output = root.find('output')
    cell = [[float(x) for x in output.find(f'atomic_structure/cell/a{i}').text.split()] for i in (1, 2, 3)]
    (a, b, c), (d, e, f), (g, h, i) = cell
    shifts = [float(x) for item in output.iter('fractional_translation') for x in item.text.split()]
    return {
        'uspp': any(output.findtext(f'algorithmic_info/{name}') == 'true' for name in ('uspp', 'paw')),
        'fractional': any(abs(shift) > 1e-6 for shift in shifts),
        'species': sorted(item.get('name') for item in output.find('atomic_species')),
        'functional': output.findtext('dft/functional'),
        'n_atoms': float(output.find('atomic_structure').get('nat')),
        'volume': abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)),
        'ecutwfc': float(output.findtext('basis_set/ecutwfc')),
        'n_bands': float(output.findtext('band_structure/nbnd')),
        'n_kpoints': float(output.findtext('band_structure/nks')),
        'n_electrons': float(output.findtext('band_structure/nelec')),
    }


def alike(a: object, b: object) -> bool:
    """Tell whether two facts are the same, numbers within a thousandth."""
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-3 * abs(b)
    return a == b


def played_name(path: Path, suffix: str) -> str | None:
    """Return the name under which a file of a set is played; None if it is not.

    :param suffix: of the reports and logs to play, which is left out: they are played in a fresh folder.
    """
    if not path.is_file() or not re.match('[rlo]-', path.name):
        return None
    number = re.search(r'_\d\d$', path.name)
    own = number[0] if number is not None else ''
    if path.name.startswith('o-'):
        return path.name
    return path.name.removesuffix(suffix) if own == suffix else None


def listed(folder: Path) -> dict[str, str]:
    """Return what lies in a folder: names, and whether they are links."""
    return {path.name: 'link' if path.is_symlink() else 'file' for path in sorted(folder.glob('*'))}


if __name__ == '__main__':
    sys.exit(main())
