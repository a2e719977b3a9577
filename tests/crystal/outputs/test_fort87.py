"""fort.87."""

from __future__ import annotations

from aiida_crystalmath.crystal.outputs.fort87 import read_fort87


def test_message():
    """The line of a real CRYSTAL23 run, quoted in the documentation of others."""
    (message,) = read_fort87('\n ERROR **** BFGS_ **** PXK TOO SMALL\n')
    assert (message.routine, message.text, message.line) == ('BFGS_', 'PXK TOO SMALL', 2)
    assert message.raw == 'ERROR **** BFGS_ **** PXK TOO SMALL'


def test_other_text_is_a_reason_too():
    assert [message.text for message in read_fort87('UNIT CELL NOT NEUTRAL\n\n')] == ['UNIT CELL NOT NEUTRAL']


def test_empty():
    assert read_fort87('') == read_fort87('\n \0\n') == []
