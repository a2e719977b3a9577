"""Writers of CRYSTAL's files for the stand-in: dataclasses of :mod:`aiida_crystalmath.standin.model` to text.

Nothing here computes physics or imports PySCF. Column formats are those of real files (CRYSTAL17 and CRYSTAL23); each
module names the kind of file it follows.
"""
