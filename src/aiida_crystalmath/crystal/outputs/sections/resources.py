"""Processes, threads and memory, and whether the SCF has two components."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida_crystalmath.crystal.outputs.sections.base import Handler, Section

_PROCESSES = re.compile(r'\s*PROCESS\s+\d+\s+OF\s+(\d+)\s+WORKING|\s*(\d+)\s+PROCESSORS WORKING')
_THREADS = re.compile(r'\s*Default number of threads is:\s*(\d+)')
_MEMORY = re.compile(r'USED MEM\(MB\)\s*[:=]?\s*(\d+\.?\d*)(?:\s+MAX MEM\s+(\d+\.?\d*))?(?:\s+TOT MEM\s+(\d+\.?\d*))?')
"""CRYSTAL23 prints ``MMMMM END  USED MEM(MB) 155.42 MAX MEM 160.01 TOT MEM 4973.29`` below a time line (a public run of
MACE with 32 processes); no such file is in the corpus."""
_DIIS = re.compile(r'MAXIMUM MEMORY OCCUPIED BY DIIS:\s*(\d+\.?\d*)\s*Mb', re.IGNORECASE)
_TWO_COMPONENTS = ('TWO-COMPONENT SCF', '2-COMPONENT SCF')


class ResourcesSection(Section):
    """Reads what the run used."""

    def anchors(self) -> Mapping[str, Handler]:
        """Lines of the machine, of the accelerator and of the timings."""
        return {
            ' PROC': self.read_processes,
            '        ': self.read_processes,
            ' Defa': self.read_threads,
            'Defau': self.read_threads,
            ' MAXI': self.read_diis,
            ' USED': self.read_memory,
            ' MMMM': self.read_memory,
            ' DENS': self.read_two_components,
            ' TWO-': self.read_two_components,
            ' 2-CO': self.read_two_components,
        }

    def read_processes(self, line: str) -> None:
        """Read the number of processes."""
        if 'WORKING' in line and (found := _PROCESSES.match(line)):
            self.output.resources.n_processes = int(found[1] or found[2])

    def read_threads(self, line: str) -> None:
        """Read the number of threads of an OpenMP build."""
        if found := _THREADS.match(line):
            self.output.resources.n_threads = int(found[1])

    def read_diis(self, line: str) -> None:
        """Read the memory of the DIIS accelerator."""
        if found := _DIIS.search(line):
            value = float(found[1])
            self.output.resources.diis_memory_mb = max(value, self.output.resources.diis_memory_mb or 0.0)

    def read_memory(self, line: str) -> None:
        """Read a line of memory; the largest counts."""
        if 'MEM' in line and (found := _MEMORY.search(line)):
            resources = self.output.resources
            peak = max(float(found[1]), float(found[2] or 0.0))
            resources.peak_memory_mb = max(peak, resources.peak_memory_mb or 0.0)
            if found[3]:
                resources.total_memory_mb = max(float(found[3]), resources.total_memory_mb or 0.0)

    def read_two_components(self, line: str) -> None:
        """Read that the density, or the SCF, has two components (spin-orbit coupling)."""
        if any(words in line for words in _TWO_COMPONENTS):
            self.output.two_component = True
