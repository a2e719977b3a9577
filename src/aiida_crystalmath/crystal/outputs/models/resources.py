"""Memory, processes and threads of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Resources:
    """What the program tells of the machine; users and hosts are not kept.

    :param n_processes: of ``PROCESS n OF m WORKING`` or ``n PROCESSORS WORKING``. The lines ``NODE n CPU TIME`` do
        not tell it: some builds print that of the first process only.
    :param n_threads: of ``Default number of threads is: n`` (OpenMP builds).
    :param peak_memory_mb: largest ``USED MEM(MB)`` or ``MAX MEM`` of the memory lines (CRYSTAL23, of one process).
    :param total_memory_mb: largest ``TOT MEM`` of these lines: what all processes use together.
    :param diis_memory_mb: ``MAXIMUM MEMORY OCCUPIED BY DIIS`` per core.
    """

    n_processes: int | None = None
    n_threads: int | None = None
    peak_memory_mb: float | None = None
    total_memory_mb: float | None = None
    diis_memory_mb: float | None = None
