"""Handlers of what the machine lacks: memory, and room for buffers."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ProcessHandlerReport

from aiida_crystalmath.workflows.crystal.handlers.common import HandlersBase
from aiida_crystalmath.workflows.crystal.handlers.remedy import remedy
from aiida_crystalmath.workflows.crystal.verdict import Verdict

__all__ = ('MachineHandlers',)

BUFFERS = ('biposize', 'exchsize')


class MachineHandlers(HandlersBase):
    """Memory and buffers."""

    @remedy('coulomb_buffer', 'exchange_buffer', priority=900, changes=('BIPOSIZE', 'EXCHSIZE'))
    def handle_small_buffers(self, node: orm.CalcJobNode) -> None:
        """Make the buffers of integrals as large as the program asks for, when it runs again anyhow.

        Cause: ``TO AVOID I/O SET BIPOSIZE (EXCHSIZE) = n``: the results are right, the run is slow. Strategy: set the
        number that was printed in the next run, up to a cap. Never a reason to run again, so that this cannot loop.
        """
        values = Verdict.of(node).values
        if not node.is_failed or 'out_of_memory' in Verdict.of(node).names:
            return
        for name in BUFFERS:
            words = int(values.get(name) or 0)
            if (self.scf.get(name) or 0) < words <= self.recovery.small_buffers.max_words:
                self.scf[name] = words

    @remedy(
        'out_of_memory',
        'killed',
        priority=585,
        changes=('max_memory_kb', 'resources.num_mpiprocs_per_machine', 'max_wallclock_seconds', 'GUESSP'),
    )
    def handle_out_of_memory(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Give a calculation more memory, or let fewer processes share it.

        Cause: the scheduler (110) or the program ran out of memory; or the job was killed with signal 9 twice, which is
        mostly the system's answer to it. Strategy: more memory up to a cap, if the options ask for it; else half the
        processes on a node, and the time they lack. An optimisation goes on from its last point. Else stop.
        """
        verdict = Verdict.of(node)
        section = self.recovery.out_of_memory
        if verdict.name == 'killed' and self.once('first_kill', 1):
            return None
        if verdict.name not in ('out_of_memory', 'killed'):
            return None
        action = self._more_memory() if self.once('out_of_memory', section.retries) else None
        if action is None and verdict.name == 'killed':
            return None  # nobody says that memory was the reason: as any other kill
        if action is None:
            return self.end(
                node,
                'Ask for more memory (`max_memory_kb`, fewer processes on a node), or use the massively parallel '
                'program (MPPcrystal), which shares the matrices out.',
            )
        if not self.is_single_scf:
            self.go_on_from(node)
        return self.record(node, cause='out of memory', action=action)

    def _more_memory(self) -> str | None:
        """Change the options so that a process has more memory; return how, ``None`` if nothing is left."""
        section = self.recovery.out_of_memory
        memory: int | None = self.options.get('max_memory_kb')
        if memory is not None and memory < section.max_memory_kb:
            self.options['max_memory_kb'] = min(int(memory * section.memory_factor), section.max_memory_kb)
            return 'ask for more memory'
        resources = dict(self.options.get('resources') or {})
        ranks: int | None = resources.get('num_mpiprocs_per_machine')
        if not section.fewer_ranks or ranks is None or ranks < 2:
            return None
        resources['num_mpiprocs_per_machine'] = ranks // 2
        if 'tot_num_mpiprocs' in resources and 'num_machines' in resources:
            resources['tot_num_mpiprocs'] = resources['num_machines'] * (ranks // 2)
        self.options['resources'] = resources
        self.more_time(ranks / (ranks // 2))
        return 'half the processes on a node'
