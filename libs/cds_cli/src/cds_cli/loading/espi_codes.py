"""ESPI codes in the words of CDS-WG3-01: units, directions, qualities, currencies. A code that is not here is refused by name."""

from dataclasses import dataclass

from cds_cli.loading.espi import ReadingType
from cds_common.events.utility import SeriesShape
from cds_common.events.vocabulary import (
    BillSectionLineItemType,
    DemandType,
    Direction,
    ReadingQuality,
    ServicePointType,
    Tier,
    Unit,
    ValueType,
)

FORWARD, REVERSE, NET = 1, 19, 4

_UNITS: dict[int, tuple[ValueType, Unit, int]] = {
    72: ("electric_usage", "Wh", 0),
    38: ("electric_demand", "W", 0),
    42: ("water_usage", "m3", 0),
    134: ("water_usage", "L", 0),
    128: ("water_usage", "gal", 0),
    119: ("natural_gas_usage", "scf", 0),
    132: ("natural_gas_usage", "Btu", 0),
    169: ("natural_gas_usage", "therm", 0),
}
"""uom -> value type, unit, power of ten of that unit; 42 and 134 mean gas only together with a gas commodity."""

_WIDER: dict[tuple[Unit, int], Unit] = {("Wh", 3): "kWh", ("Wh", 6): "MWh", ("W", 3): "kW", ("W", 6): "MW"}
_GAS_COMMODITIES = frozenset({7})
_DIRECTIONS: dict[int, Direction] = {FORWARD: "forward", REVERSE: "reverse", NET: "net"}
_QUALITIES: dict[int, ReadingQuality] = {
    0: "valid", 7: "manual", 8: "estimated", 9: "estimated", 11: "calculated", 12: "estimated", 14: "raw",
    17: "valid", 18: "valid", 19: "revenue",
}  # fmt: skip
_CURRENCIES = {36: "AUD", 124: "CAD", 484: "MXN", 554: "NZD", 826: "GBP", 840: "USD", 978: "EUR"}
_DEMANDS: dict[int, DemandType] = {2: "average", 8: "peak"}
_TIERS: dict[int, Tier] = {
    1: "tier_1", 2: "tier_2", 3: "tier_3", 4: "tier_4", 5: "tier_5", 6: "tier_6", 7: "tier_7", 8: "tier_8", 9: "tier_9",
}  # fmt: skip
ITEM_KINDS: dict[int, BillSectionLineItemType] = {
    1: "supply", 2: "distribution", 3: "usage_charge", 4: "fixed_charge", 5: "tax", 6: "supply", 7: "distribution",
}  # fmt: skip
"""ItemKind of a line item; administrative credits, payments and information are `other`."""
_SERVICES: dict[int, ServicePointType] = {0: "electric", 1: "natural_gas", 2: "water"}

DELTA = frozenset({None, 0, 4, 13})
"""Accumulation behaviours whose values belong to their interval (deltaData and summation or unstated ones)."""


class UnknownCode(ValueError):
    """A code of the feed has no counterpart in CDS-WG3-01."""


@dataclass(frozen=True, slots=True)
class Column:
    """Where values of a reading type go, and how their integers are scaled: `value * factor / 10 ** decimals`."""

    shape: SeriesShape
    factor: int
    decimals: int


def column(reading_type: ReadingType) -> Column:
    """The CDS column of a reading type.

    Energy that flows back to the grid is negative (CDS-WG3-01 §10.8.5.1.2), which ESPI leaves to flowDirection.

    Raises:
        UnknownCode: unit, power of ten or accumulation without counterpart.
    """
    if reading_type.accumulation not in DELTA:
        raise UnknownCode(f"accumulationBehaviour {reading_type.accumulation} is not interval data")
    if reading_type.uom not in _UNITS:
        raise UnknownCode(f"uom {reading_type.uom} is not known")
    value_type, unit, _ = _UNITS[reading_type.uom]
    if reading_type.commodity in _GAS_COMMODITIES and value_type == "water_usage":
        value_type, unit = "natural_gas_usage", "Sm3"
    power = reading_type.power_of_ten
    if not -12 <= power <= 12:
        raise UnknownCode(f"powerOfTenMultiplier {power} is out of range")
    wider = _WIDER.get((unit, power))
    if wider is not None:
        unit, power = wider, 0
    electric = value_type in ("electric_usage", "electric_demand")
    direction = _DIRECTIONS.get(reading_type.flow_direction) if electric else None
    sign = -1 if direction == "reverse" else 1
    shape = SeriesShape(
        value_type=value_type,
        units=unit,
        direction=direction,
        tier=_TIERS.get(reading_type.tier or 0),
        demand_type=_DEMANDS.get(reading_type.qualifier or 0, "average") if value_type == "electric_demand" else None,
    )
    return Column(shape, sign * 10 ** max(power, 0), max(-power, 0))


def cost_column(reading_type: ReadingType) -> Column:
    """Interval cost: ESPI gives it in 1/100,000 of the currency.

    Raises:
        UnknownCode: the currency is not known.
    """
    return Column(SeriesShape(value_type="cost", currency=currency_of(reading_type.currency)), 1, 5)


def currency_of(code: int | None) -> str:
    """ISO 4217 number as its letters.

    Raises:
        UnknownCode: not known, or not given.
    """
    if code not in _CURRENCIES:
        raise UnknownCode(f"currency {code} is not known")
    return _CURRENCIES[code]


def quality(code: int | None) -> ReadingQuality | None:
    """The quality of a reading; None when the feed does not say or says something without counterpart."""
    return _QUALITIES.get(code) if code is not None else None


def service_type(kind: int) -> ServicePointType:
    """ServiceCategory kind as a service point type.

    Raises:
        UnknownCode: neither electricity, gas nor water.
    """
    if kind not in _SERVICES:
        raise UnknownCode(f"ServiceCategory kind {kind} is not electricity, gas or water")
    return _SERVICES[kind]
