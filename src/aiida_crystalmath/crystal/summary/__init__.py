"""One output file told as plain, documented values: what ``crystalmath read`` prints."""

from aiida_crystalmath.crystal.summary.build import summarise
from aiida_crystalmath.crystal.summary.model import Key, Summary, schema
from aiida_crystalmath.crystal.summary.reading import Reading, read_file, read_lines

__all__ = ('Key', 'Reading', 'Summary', 'read_file', 'read_lines', 'schema', 'summarise')
