"""The pages of hand-offs and plans are made of what the code declares."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aiida_crystalmath.workflows.multicode.converters import converter_names, load_converter
from aiida_crystalmath.workflows.multicode.plan import Policy

DOCS = Path(__file__).parents[2] / 'docs'


@pytest.fixture
def generate(monkeypatch, aiida_profile):
    monkeypatch.syspath_prepend(str(DOCS))
    sys.modules.pop('generate', None)
    import generate

    return generate


def test_page_of_handoffs_has_all_that_is_declared(generate):
    page = generate.handoffs_page()
    for name in converter_names():
        _, declared = load_converter(name)
        section = page.split(f'\n## {name}\n')[1].split('\n## ')[0]
        if declared.refused:
            assert generate.cell(declared.refused) in section
            continue
        for item in declared.travels:
            assert f'`{generate.cell(item.arrives)}`' in section
        for item in declared.stays:
            assert f'| {generate.cell(item.what)} | {generate.cell(item.why)} |' in section
        assert all(f'`{check.name}`' in section for check in declared.checks)


def test_page_of_plans_has_every_policy(generate):
    page = generate.plans_page()
    assert all(f'| `{policy.value}` |' in page for policy in Policy)
