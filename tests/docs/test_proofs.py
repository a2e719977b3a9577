"""Every remedy is proven by a test, or listed as unproven with the reason; the page of the docs says which."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from aiida_crystalmath.crystal.diagnosis import CATALOGUE
from aiida_crystalmath.workflows.crystal.remedies import handler_remedies

DOCS = Path(__file__).parents[2] / 'docs'


@pytest.fixture(scope='module')
def proofs():
    """Return the module of the docs that collects the markers."""
    spec = spec_from_file_location('docs_proofs', DOCS / 'proofs.py')
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_remedy_is_proven_or_listed(proofs):
    """A new handler needs a test that shows it at work, or a reason why there is none."""
    handlers = {one.handler for one in handler_remedies()}
    proven = {proof.handler for proof in proofs.collect_proofs()}
    assert handlers - proven <= set(proofs.UNPROVEN), 'mark a test with `proves`, or say in docs/proofs.py why not'
    assert set(proofs.UNPROVEN) <= handlers
    assert all(reason for reason in proofs.UNPROVEN.values())


def test_markers_name_what_there_is(proofs):
    """The handler exists and looks at the failure that the test shows."""
    looked_at = {one.handler: one.remedy.diagnoses for one in handler_remedies()}
    for proof in proofs.collect_proofs():
        assert proof.diagnosis in looked_at.get(proof.handler, ()), proof


def test_page_has_every_failure(proofs):
    """Each error of the catalogue is either treated or left to a person, and no cell breaks the table."""
    page = proofs.remedies_page()
    rows = [line for line in page.splitlines() if line.startswith('| ')]
    named = {row.split('|')[1].strip() for row in rows}
    assert {entry.name for entry in CATALOGUE if entry.severity == 'error'} <= named
    treated, left = page.split('## Left to a person')
    assert all(len(re.findall(r'(?<!\\)\|', row)) == 5 for row in treated.splitlines() if row.startswith('| '))
    assert all(len(re.findall(r'(?<!\\)\|', row)) == 3 for row in left.splitlines() if row.startswith('| '))
    assert 'physics' in treated and 'replay' in treated


def test_malformed_markers_are_refused(proofs, tmp_path):
    (tmp_path / 'test_x.py').write_text(
        "@pytest.mark.proves('walltime', by='magic', handler='handle_x')\ndef test_y(): ...\n"
    )
    with pytest.raises(ValueError, match=r'test_x\.py::test_y'):
        proofs.collect_proofs(tmp_path)
