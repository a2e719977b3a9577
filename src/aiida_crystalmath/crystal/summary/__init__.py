"""One output file told as plain, documented values: what ``crystalmath read`` prints."""

from aiida_crystalmath.crystal.summary.build import summarise
from aiida_crystalmath.crystal.summary.model import Key, Summary, schema

__all__ = ('Key', 'Summary', 'schema', 'summarise')
