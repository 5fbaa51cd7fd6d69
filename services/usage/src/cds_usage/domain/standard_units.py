"""Volumes of gas as the specification writes them: at standard conditions, in scf or Sm3 (CDS-WG3-01 §10.8.5.5.1)."""

from collections.abc import Sequence

_STANDARD = {"ft3": ("scf", 0), "CCF": ("scf", 2), "MCF": ("scf", 3), "MMCF": ("scf", 6), "m3": ("Sm3", 0)}
"""Unit of the source -> standard unit, power of ten."""


def standard_gas(
    units: str | None, values: Sequence[int | None], decimals: int | Sequence[int]
) -> tuple[str | None, Sequence[int | None], int | Sequence[int]]:
    """Unit, values and digits after the point in the standard unit; exact, and without digits that the source did not have."""
    if units not in _STANDARD:
        return units, values, decimals
    standard, power = _STANDARD[units]
    each = [decimals] * len(values) if isinstance(decimals, int) else list(decimals)
    moved = [None if value is None else value * 10 ** max(0, power - digits) for value, digits in zip(values, each, strict=True)]
    kept = [max(0, digits - power) for digits in each]
    return standard, moved, kept[0] if isinstance(decimals, int) else kept
