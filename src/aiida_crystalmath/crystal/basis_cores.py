"""Sizes of the cores behind the pseudopotential tables that CRYSTAL holds itself.

Hay and Wadt's large cores: J. Chem. Phys. 82, 270 and 284 (1985); small cores: J. Chem. Phys. 82, 299 (1985).
Only what those papers state is listed; for the other tables the core is not known here.
"""

from __future__ import annotations

# First and last atomic number, electrons of the core. Both ends are included.
_HAY_WADT_LARGE = (
    (11, 18, 10),  # Na-Ar: [Ne]
    (19, 20, 18),  # K, Ca: [Ar]
    (21, 30, 18),  # Sc-Zn: [Ar]
    (31, 36, 28),  # Ga-Kr: [Ar] 3d10
    (37, 48, 36),  # Rb-Cd: [Kr]
    (49, 54, 46),  # In-Xe: [Kr] 4d10
    (55, 57, 54),  # Cs-La: [Xe]
    (72, 80, 68),  # Hf-Hg: [Xe] 4f14
    (81, 83, 78),  # Tl-Bi: [Xe] 4f14 5d10
)
_HAY_WADT_SMALL = (
    (19, 29, 10),  # K-Cu: [Ne], 3s and 3p are valence
    (37, 47, 28),  # Rb-Ag: [Ar] 3d10
    (55, 57, 46),  # Cs-La: [Kr] 4d10
    (72, 79, 60),  # Hf-Au: [Kr] 4d10 4f14
)
_TABLES = {'HAYWLC': _HAY_WADT_LARGE, 'HAYWSC': _HAY_WADT_SMALL}


def tabulated_core(keyword: str, number: int) -> int | None:
    """Return the electrons that a tabulated potential replaces in an element, None if that is not known here."""
    for first, last, core in _TABLES.get(keyword, ()):
        if first <= number <= last:
            return core
    return None
