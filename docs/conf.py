"""Configuration of the documentation; pages under reference/generated are written from the code at build time."""

from __future__ import annotations

import sys
from pathlib import Path

import aiida_crystalmath

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = 'aiida-crystalmath'
author = 'The aiida-crystalmath developers'
copyright = '2026, the aiida-crystalmath developers'
version = release = aiida_crystalmath.__version__

extensions = ['aiida.sphinxext', 'myst_parser', 'sphinx.ext.autodoc', 'sphinx_click']
myst_enable_extensions = ['colon_fence', 'deflist']
myst_heading_anchors = 3
source_suffix = {'.md': 'markdown', '.rst': 'restructuredtext'}
exclude_patterns = ['_build']
autodoc_typehints = 'signature'
autodoc_member_order = 'bysource'

html_theme = 'sphinx_book_theme'
html_title = 'aiida-crystalmath'
html_theme_options = {'home_page_in_toc': True}
html_static_path: list[str] = []
suppress_warnings = ['myst.header']


def setup(app: object) -> None:
    """Write the generated pages and load a profile in memory, which the directives of AiiDA need."""
    import generate
    from aiida.manage.configuration import load_profile
    from aiida.storage.sqlite_temp import SqliteTempBackend

    load_profile(SqliteTempBackend.create_profile('docs'), allow_switch=True)
    generate.write_all(HERE / 'reference' / 'generated')
