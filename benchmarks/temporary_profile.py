"""A profile of AiiDA without services, for the benchmarks."""

from __future__ import annotations

import os


def load_temporary_profile(folder: str) -> None:
    """Make and load a profile whose database lies in ``folder``; call it before anything of AiiDA is imported."""
    os.environ['AIIDA_PATH'] = folder
    from aiida.manage.configuration import create_profile, get_config, load_profile

    create_profile(
        get_config(create=True),
        name='bench',
        email='bench@localhost',
        storage_backend='core.sqlite_dos',
        storage_config={},
    )
    load_profile('bench')
