"""Usage Segments in the words of Green Button: a Usage Point per place and commodity, a Meter Reading per series, a block per segment.

Values are integers: a series has one power of ten for up to three digits after the point of its unit, and a Meter Reading of
its own for each three digits more, so that every value keeps all its digits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cds_common import espi
from cds_usage.domain.day_block import QUALITIES
from cds_usage.domain.fragments import Reading
from cds_usage.domain.series import SeriesKind

_SERVICES = {
    "electric_usage": espi.ELECTRICITY,
    "electric_demand": espi.ELECTRICITY,
    "natural_gas_usage": espi.GAS,
    "water_usage": espi.WATER,
}
"""ServiceKind of the value types that Green Button has."""
_COMMODITIES = {espi.ELECTRICITY: 1, espi.GAS: 7, espi.WATER: 9}
_TITLES = {espi.ELECTRICITY: "Electricity", espi.GAS: "Natural gas", espi.WATER: "Water"}
_ENERGY, _POWER, _VOLUME = 12, 37, 58
_DEMAND_QUALIFIERS = {"peak": 8, "average": 2}
_DELTA = 4
_WHOLE = frozenset({"Wh", "W"})
"""Units whose values have no fraction as a rule."""
_MAX = 1 << 47


@dataclass(frozen=True, slots=True)
class MeasuredAs:
    """How the values of a kind of series are written: `uom` times ten to the `power`, with the sign turned where `reverse`."""

    service: int
    uom: int
    unit_power: int
    power: int
    reverse: bool

    @classmethod
    def of(cls, kind: SeriesKind, decimals: int) -> "MeasuredAs | None":
        """For values of up to `decimals` digits after the point; None: Green Button has no such value."""
        shape = kind.as_dict()
        service, unit = _SERVICES.get(kind.value_type), espi.UNITS.get(shape.get("units", ""))
        if service is None or unit is None:
            return None
        usual = 0 if shape["units"] in _WHOLE else 3
        # Down to the multiple of three that holds all digits: ESPI knows no -4, -5, -7 or -8.
        power = (unit.power - max(decimals, usual)) // 3 * 3
        electric = service == espi.ELECTRICITY
        return None if power < -12 else cls(service, unit.uom, unit.power, power, electric and shape.get("direction") == "reverse")

    def value(self, reading: Reading) -> int:
        """The integer of a reading."""
        scaled = reading.value * 10 ** (self.unit_power - self.power - reading.decimals)
        return -scaled if self.reverse else scaled


def title_of(service: int) -> str:
    """A name for people."""
    return _TITLES[service]


def usage_point(service: int) -> str:
    """The content of a Usage Point's entry; 1: it is on."""
    return espi.content(
        "UsagePoint", espi.USAGE_NAMESPACE, espi.element("ServiceCategory", espi.leaf("kind", service)), espi.leaf("status", 1)
    )


def reading_type(kind: SeriesKind, measured: MeasuredAs, interval_seconds: int, currency: str | None) -> str:
    """The content of a Reading Type's entry."""
    shape = kind.as_dict()
    demand = kind.value_type == "electric_demand"
    if measured.service == espi.ELECTRICITY:
        measures = _POWER if demand else _ENERGY
    else:
        measures = _ENERGY if measured.uom in {132, 169} else _VOLUME
    tier = shape.get("tier", "")
    tier_number = tier.removeprefix("tier_")
    return espi.content(
        "ReadingType",
        espi.USAGE_NAMESPACE,
        espi.leaf("accumulationBehaviour", _DELTA if not demand else None),
        espi.leaf("commodity", _COMMODITIES[measured.service]),
        espi.leaf("consumptionTier", tier_number if tier_number.isdigit() else None),
        espi.leaf("currency", espi.CURRENCIES.get(currency) if currency else None),
        espi.leaf("dataQualifier", _DEMAND_QUALIFIERS.get(shape.get("demand_type", "")) if demand else None),
        espi.leaf("flowDirection", espi.FLOW_DIRECTIONS.get(shape.get("direction", ""))),
        espi.leaf("intervalLength", interval_seconds),
        espi.leaf("kind", measures),
        espi.leaf("powerOfTenMultiplier", measured.power),
        espi.leaf("uom", measured.uom),
    )


def reading_type_title(kind: SeriesKind) -> str:
    """What the codes do not say: time of use, tier and season."""
    shape = kind.as_dict()
    words = [shape[name].replace("_", " ") for name in ("direction", "tou", "tier", "season") if shape.get(name, "none") != "none"]
    return " ".join([kind.value_type.replace("_", " "), *words])


def interval_block(
    bounds: tuple[int, int], interval_seconds: int, readings: Iterable[Reading], measured: MeasuredAs, costs: dict[int, int]
) -> str:
    """The content of a block's entry; `costs` by start, in 1/100,000 of the currency. Values that are missing are left out."""
    start, end = bounds
    parts = [espi.interval(start, end - start)]
    for reading in readings:
        value = measured.value(reading)
        if abs(value) >= _MAX:
            continue
        cost, quality = costs.get(reading.start), QUALITIES[reading.quality]
        parts.append("<IntervalReading>")
        if cost is not None:
            parts.append(f"<cost>{cost}</cost>")
        if quality is not None:
            parts.append(f"<ReadingQuality><quality>{espi.QUALITIES[quality]}</quality></ReadingQuality>")
        parts.append(
            f"<timePeriod><duration>{interval_seconds}</duration><start>{reading.start}</start></timePeriod><value>{value}</value>"
            "</IntervalReading>"
        )
    return espi.content("IntervalBlock", espi.USAGE_NAMESPACE, *parts)
