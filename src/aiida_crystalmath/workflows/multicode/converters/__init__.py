"""Hand-offs from one code to another: calcfunctions that declare what travels and what does not.

They are found by the entry-point group ``crystalmath.converters``, so that other packages can add theirs::

    [project.entry-points.'crystalmath.converters']
    'mine.abinit_to_qe' = 'my_package.converters:abinit_to_qe'
"""

from __future__ import annotations

from .declaration import Check, Converter, Stays, Travels, declared
from .registry import CONVERTERS_GROUP, ConverterError, converter_names, load_converter

__all__ = (
    'CONVERTERS_GROUP',
    'Check',
    'Converter',
    'ConverterError',
    'Stays',
    'Travels',
    'converter_names',
    'declared',
    'load_converter',
)
