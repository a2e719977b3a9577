"""The density functional, in the words of the output."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Functional:
    """Exchange and correlation of a Kohn-Sham calculation, as printed; None of Hartree-Fock.

    :param exchange: ``BECKE 88``, ``PERDEW-BURKE-ERNZERHOF``, ``HSE06 SR/GGA``, ``DIRAC-SLATER LDA``, ...
    :param correlation: ``LEE-YANG-PARR``, ...
    :param fock_exchange_percent: of a hybrid; None without such a line.
    :param exchange_weight: non-local weighting factor of the exchange, where printed (B3LYP: 0.9).
    :param correlation_weight: the same of the correlation (B3LYP: 0.81).
    :param range_separated: a range-separated hybrid, of which ``omega_short`` and ``omega_long`` are the ranges
        (bohr^-1).
    """

    exchange: str
    correlation: str
    fock_exchange_percent: float | None = None
    exchange_weight: float | None = None
    correlation_weight: float | None = None
    range_separated: bool = False
    omega_short: float | None = None
    omega_long: float | None = None
