"""Machines and services that calculations run on: profiles, computers, codes and daemons; made, probed and checked.

What is for people (options, tables, exit statuses) is the command line's; here a failure is a ``MachineError``.
"""

from aiida_crystalmath.machines.errors import MachineError

__all__ = ('MachineError',)
