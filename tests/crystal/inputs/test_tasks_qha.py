"""The QHA block: that of a real input, and what is refused."""

from __future__ import annotations

import pytest

from aiida_crystalmath.crystal.inputs.d12 import read_d12, write_d12
from aiida_crystalmath.crystal.inputs.parameters import GeometryParameters


@pytest.mark.corpus
def test_block_of_a_real_input(corpus):
    """The deck stands at the head of the output; the third line of the supercell is followed by QHA."""
    lines = (corpus / 'corundum_qha' / 'propinp_Al2O3crys.out').read_text().splitlines()
    deck = '\n'.join(lines[: next(i for i, line in enumerate(lines) if line.startswith('Wed'))]) + '\n'
    geometry = read_d12(deck).parameters.geometry
    assert geometry.qha is not None
    assert geometry.qha.temperat == (100, 10, 1200)
    assert geometry.scelphono == ((1, -1, 0), (0, 1, -1), (1, 1, 1))
    assert geometry.edits == ()
    again = read_d12(write_d12(read_d12(deck))).parameters.geometry
    assert again == geometry


def test_keywords_of_the_block_and_others_verbatim():
    text = 'QHA\nSTEP\n2.5\nPOINTS\n7\nVRANGE\n0.94 1.06 7\nTEMPERAT\n20 50.0 1000.0\nEND\n'
    deck = f'X\nCRYSTAL\n0 0 0\n225\n4.2\n1\n12 0. 0. 0.\n{text}END\n12 1\n1 0 3 2. 0.\n99 0\nEND\nSHRINK\n2 2\nEND\n'
    qha = read_d12(deck).parameters.geometry.qha
    assert (qha.step, qha.points, qha.temperat) == (2.5, 7, (20, 50, 1000))
    assert qha.extra == ('VRANGE', '0.94 1.06 7')
    assert text in write_d12(read_d12(deck))


@pytest.mark.parametrize('wrong', [{'points': 5}, {'step': 0}, {'temperat': (0, 10, 100)}])
def test_wrong_values_are_refused(wrong):
    with pytest.raises(ValueError, match='qha'):
        GeometryParameters.model_validate({'qha': wrong})
