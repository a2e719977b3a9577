"""Room on this machine: where the files of the profile and the configuration of AiiDA are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from aiida.manage import get_manager

from aiida_crystalmath.machines.checks.finding import Finding, State
from aiida_crystalmath.machines.profiles import config_folder

LITTLE_GB, NOTHING_GB = 5.0, 0.5


def check(name: str) -> Iterator[Finding]:
    """Yield, for profile ``name``, how much room there is, once for each file system."""
    seen: set[int] = set()
    for folder in _folders():
        device = folder.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(folder).free / 1024**3
        state: State = 'fail' if free < NOTHING_GB else 'warn' if free < LITTLE_GB else 'ok'
        remedy = '' if state == 'ok' else f'verdi -p {name} storage maintain (docs: howto/cleaning)'
        yield Finding('disk', state, f'{free:.1f} GB free in {folder}', remedy)


def _folders() -> list[Path]:
    profile = get_manager().get_profile()
    assert profile is not None
    config = profile.storage_config
    named = [config_folder(), config.get('filepath'), unquote(urlsplit(config.get('repository_uri') or '').path)]
    return [Path(folder) for folder in named if folder and Path(folder).exists()]
