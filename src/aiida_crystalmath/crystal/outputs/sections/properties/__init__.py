"""The properties program: which keywords it worked on, and what each tells on stdout."""

from aiida_crystalmath.crystal.outputs.sections.properties.deck import DeckEcho
from aiida_crystalmath.crystal.outputs.sections.properties.section import PropertiesSection

__all__ = ('DeckEcho', 'PropertiesSection')
