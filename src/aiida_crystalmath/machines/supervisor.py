"""What a person would do about a daemon whose services come and go, done every few seconds.

Looks at storage, broker and daemon each round, cheaply and without AiiDA's own session (which would break with the
database); at the processes only now and then, in a session of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiida_crystalmath.machines import supervision
from aiida_crystalmath.machines import workers as daemon_workers
from aiida_crystalmath.machines.checks import daemon, processes, services
from aiida_crystalmath.machines.checks.finding import Finding
from aiida_crystalmath.machines.errors import in_words

INTERVAL_S = 2.0
PROCESSES_EVERY_S = 20.0
WITHOUT_WORKERS_S = 60.0
"""Workers that cannot reach their services end and come back; only after this long is the daemon itself to blame."""

PLAY_AGAIN_AFTER_S = (300.0, 1800.0)
"""How long a job stays paused before it is let go on for the second time, and the third, which is the last."""


@dataclass
class Plays:
    """How often a job was let go on since it last got any further.

    :param progress: what it had come to.
    """

    progress: str
    times: int = 0
    last: float = 0.0
    are_told: bool = False

    @property
    def are_over(self) -> bool:
        """Tell whether it was let go on for the last time."""
        return self.times > len(PLAY_AGAIN_AFTER_S)

    @property
    def are_due(self) -> bool:
        """Tell whether it may be let go on now."""
        if self.are_over:
            return False
        return self.times == 0 or time.monotonic() - self.last >= PLAY_AGAIN_AFTER_S[self.times - 1]


@dataclass
class Supervisor:
    """Looks after the daemon of one profile.

    :param tell: is told, in a line, what was noticed and done.
    """

    name: str
    tell: Callable[[str], None]
    _down: set[str] = field(default_factory=set)
    _lost: set[int] = field(default_factory=set)
    _next_look: float = 0.0
    _without_workers: float | None = None
    _plays: dict[int, Plays] = field(default_factory=dict)

    def watch(self, interval_s: float = INTERVAL_S) -> None:
        """Go round until interrupted; whatever goes wrong in one round is tried again in the next.

        :raises MachineError: if somebody looks after the profile already.
        """
        with supervision.alone(self.name):
            self._go_round(interval_s)

    def _go_round(self, interval_s: float) -> None:
        self.tell(f'looking after profile {self.name}, with {daemon_workers.wanted_workers(self.name)} workers')
        while True:
            try:
                self.round()
            except Exception as exception:  # noqa: BLE001  a supervisor that gives up is none
                self.tell(f'this round failed: {in_words(exception)}')
            time.sleep(interval_s)

    def round(self) -> None:
        """Look once, and do what is needed."""
        if not self._services_answer():
            return
        if self._daemon_works() and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + PROCESSES_EVERY_S
            daemon_workers.remember_workers(self.name)
            self._look_at_processes()

    def _services_answer(self) -> bool:
        """Tell whether storage and broker answer; say so when that changes."""
        probes: dict[str, Callable[[], Finding | None]] = {'storage': self._probe_storage, 'broker': self._probe_broker}
        for what, probe in probes.items():
            finding = probe()
            if _fails(finding) and what not in self._down:
                finding = probe()  # one slow answer is no outage, and the daemon is not stopped for it
            if finding is not None and _fails(finding):
                if what not in self._down:
                    self.tell(f'{what}: {finding.text}')
                    self._down.add(what)
                    self._shelter(what)
            elif what in self._down:
                self.tell(f'{what}: answers again')
                self._down.remove(what)
                self._next_look = time.monotonic() + processes.SETTLED_S
        return not self._down

    def _probe_storage(self) -> Finding | None:
        from aiida.manage.configuration import get_config

        if get_config().get_profile(self.name).storage_backend != 'core.psql_dos':
            return None  # a file, which AiiDA's own session would only keep open
        return services.check_storage(self.name)

    def _probe_broker(self) -> Finding:
        return services.check_broker(self.name)

    def _shelter(self, what: str) -> None:
        """Stop the daemon at once when the broker goes and processes of other packages are under way.

        Ours wait for it (``calculations/one_worker.py``). Of theirs, two workers would carry the same one out when it
        is back, and put it down as excepted.
        """
        if what != 'broker' or 'storage' in self._down:
            return
        strangers = [one.pk for one in self._active() if not one.is_ours]
        if strangers and daemon_workers.circus(self.name) is not None:
            daemon_workers.halt(self.name)
            self.tell(f'daemon: stopped until then, for the sake of {len(strangers)} processes of other packages')

    def _daemon_works(self) -> bool:
        """Tell whether the daemon works; start it, or replace workers, where it does not."""
        found = daemon_workers.workers(self.name)
        if daemon_workers.circus(self.name) is None or self._is_out_of_workers(bool(found)):
            self._without_workers = None  # new ones get their time as well
            self._do('daemon', lambda: daemon.revive(self.name))
            return False
        broken = daemon.broken_workers(self.name, found)
        if broken:
            self._do('sessions', lambda: daemon.replace(broken))
            self._next_look = time.monotonic() + processes.SETTLED_S
        return bool(found) and not broken

    def _is_out_of_workers(self, has_workers: bool) -> bool:
        if has_workers:
            self._without_workers = None
            return False
        self._without_workers = self._without_workers or time.monotonic()
        return time.monotonic() - self._without_workers > WITHOUT_WORKERS_S

    def _look_at_processes(self) -> None:
        """Let those go on that gave up on a computer, and give tasks back to those that had none in two looks."""
        found = self._active()
        self._let_go_on(found)
        lost = set(processes.stuck(found))
        again = sorted(lost & self._lost)
        self._lost = lost - set(again)
        if again:
            self._do('processes', lambda: processes.revive(self.name, again))

    def _let_go_on(self, found: list[processes.Active]) -> None:
        """Let paused jobs go on whose computers answer, each a few times until it gets any further by that.

        A computer may answer and yet refuse what is asked of it, each time with five more attempts of AiiDA's.
        """
        self._plays = {
            one.pk: plays
            for one in found
            if (plays := self._plays.get(one.pk)) is not None and plays.progress == one.progress
        }
        due = []
        for one in found:
            if not one.gave_up:
                continue
            plays = self._plays.setdefault(one.pk, Plays(one.progress))
            if plays.are_due:
                due.append(one.pk)
            elif plays.are_over and not plays.are_told:
                plays.are_told = True
                why = f'crystalmath -p {self.name} why {one.pk}'
                self.tell(f'paused: {one.pk} stays so: its computer answers but refuses it; {why}')
        ready = processes.reachable(due) if due else []
        if ready and self._do('paused', lambda: processes.let_go_on(ready)):
            for pk in ready:
                self._plays[pk].times += 1
                self._plays[pk].last = time.monotonic()

    def _active(self) -> list[processes.Active]:
        """Return the processes under way, read in a session that no restart of the database has broken."""
        from aiida.manage import get_manager

        from aiida_crystalmath.machines.profiles import load

        get_manager().reset_profile()
        load(self.name)
        return processes.active()

    def _do(self, what: str, action: Callable[[], str]) -> bool:
        """Do something and tell of it; return whether it succeeded."""
        try:
            self.tell(f'{what}: {action()}')
            return True
        except Exception as exception:  # noqa: BLE001  the next thing may be done all the same
            self.tell(f'{what}: {in_words(exception)}')
            return False


def _fails(finding: Finding | None) -> bool:
    return finding is not None and finding.state == 'fail'
