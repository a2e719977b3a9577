"""Cells as printed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class CellParameters:
    """a, b, c in Å; alpha, beta, gamma in degrees; volume in Å^3 (None where the program prints asterisks)."""

    a: float
    b: float
    c: float
    alpha: float
    beta: float
    gamma: float
    volume_angstrom3: float | None = None

    @property
    def lengths_and_angles(self) -> tuple[float, float, float, float, float, float]:
        """The six numbers in CRYSTAL's order."""
        return (self.a, self.b, self.c, self.alpha, self.beta, self.gamma)
