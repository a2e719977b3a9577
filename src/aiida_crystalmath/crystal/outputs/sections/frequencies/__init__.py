"""Vibrations (FREQCALC), phonon dispersion, thermodynamics and the quasi-harmonic approximation.

The subject is large, so it is split into parts (:mod:`.parts`), each of which fills some fields of the
:class:`~aiida_crystalmath.crystal.outputs.models.Frequencies` of the run at hand. Formats were seen in real files of
CRYSTAL 06, 09, 14, 17 and 22/23, three and two dimensions; what a part reads on documentation alone it says itself.
Anharmonic runs (ANHARM, VSCF, VCI, ANSCAN) are not read: no real file was seen. CRYSTALpytools and CRYSTALClear read
spectra and scans of versions that are not released (``ANHARMONIC IR|RAMAN SPECTRUM`` below ``VSCF`` or ``VCI``, ``SCAN
ALONG NORMAL MODES``, ``ANHARMONIC VIBRATIONAL STATES``, ANSCANWF.DAT); their rows are not documented in full.
"""

from aiida_crystalmath.crystal.outputs.sections.frequencies.quasi_harmonic import QuasiHarmonicSection
from aiida_crystalmath.crystal.outputs.sections.frequencies.section import FrequenciesSection

__all__ = ('FrequenciesSection', 'QuasiHarmonicSection')
