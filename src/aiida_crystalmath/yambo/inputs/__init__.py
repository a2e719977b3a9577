"""Input decks of Yambo: what they are made of, which names there are, and the calculations that they ask for."""

from aiida_crystalmath.yambo.inputs.comparison import Difference, compare
from aiida_crystalmath.yambo.inputs.deck import Block, Deck, Number, Text, read_deck, read_echo, write_deck
from aiida_crystalmath.yambo.inputs.errors import YamboInputError
from aiida_crystalmath.yambo.inputs.models import Calculation, read_calculation
from aiida_crystalmath.yambo.inputs.parameters import deck_from_parameters, parallel_message
from aiida_crystalmath.yambo.inputs.variables import Variables, unknown_names, variables_of

__all__ = (
    'Block',
    'Calculation',
    'Deck',
    'Difference',
    'Number',
    'Text',
    'Variables',
    'YamboInputError',
    'compare',
    'deck_from_parameters',
    'parallel_message',
    'read_calculation',
    'read_deck',
    'read_echo',
    'unknown_names',
    'variables_of',
    'write_deck',
)
