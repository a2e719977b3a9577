"""Our programs on the cluster of ``stack.sh``, whose jobs run as a user who may not read where they are installed.

A Python below ``/root`` is the usual case. What the user of the jobs cannot reach is copied to the folder of the stack
(by hard links where that can be), and a script there starts it from the copy.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from importlib.metadata import entry_points
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from production_stack import Stack

__all__ = ('python_for_jobs', 'script_for_jobs')

LEFT_OUT = ('site-packages', 'test')
"""Large parts of a Python that are not needed: its packages are those of the virtual environment."""

SOURCE = Path(__file__).resolve().parents[1] / 'src'


def python_for_jobs(stack: Stack) -> str:
    """Return a Python that jobs can start, with the packages of this one."""
    if stack.ssh(f'{quote(sys.executable)} -c "import aiida_crystalmath" >/dev/null 2>&1 && echo yes || true'):
        return sys.executable
    script = stack.base / 'programs' / 'python'
    if not script.exists():
        name = f'python{sys.version_info.major}.{sys.version_info.minor}'
        script.parent.mkdir(exist_ok=True)
        home = _reachable(stack, Path(sys.base_prefix), (f'bin/{name}', f'lib/{name}/*', 'lib/libpython*'))
        paths = [_reachable(stack, path) for path in (Path(sysconfig.get_path('purelib')), SOURCE)]
        _write(
            script,
            f'export PYTHONPATH={quote(":".join(map(str, paths)))} LD_LIBRARY_PATH={quote(str(home / "lib"))}\n'
            f'exec {quote(str(home / "bin" / name))} "$@"\n',
        )
    return str(script)


def script_for_jobs(stack: Stack, name: str) -> str:
    """Return the path of one of our console scripts that jobs can start."""
    python = python_for_jobs(stack)
    if python == sys.executable:
        return str(Path(python).parent / name)
    script = stack.base / 'programs' / name
    (entry,) = entry_points(group='console_scripts', name=name)
    code = f'import sys; from {entry.module} import {entry.attr}; sys.exit({entry.attr}())'
    _write(script, f'exec {quote(python)} -c {quote(code)} "$@"\n')
    return str(script)


def _reachable(stack: Stack, folder: Path, parts: tuple[str, ...] = ('',)) -> Path:
    """Return the folder, or if jobs cannot read it, a copy of these parts of it."""
    if stack.ssh(f'test -r {quote(str(folder))} && test -x {quote(str(folder))} && echo yes || true'):
        return folder
    copy = stack.base / 'programs' / folder.name
    for part in parts:
        for source in sorted(folder.glob(part)) if part else [folder]:
            if part and source.name in LEFT_OUT:
                continue
            target = copy / source.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(source, target)
    return copy


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a tree; across file systems without hard links."""
    command = ['cp', '--recursive', '--dereference', '--no-target-directory']
    if subprocess.run([*command, '--link', str(source), str(target)], capture_output=True, check=False).returncode:
        subprocess.run([*command, '--no-clobber', str(source), str(target)], check=True)


def _write(script: Path, text: str) -> None:
    script.write_text(f'#!/bin/sh\n{text}')
    script.chmod(0o755)
