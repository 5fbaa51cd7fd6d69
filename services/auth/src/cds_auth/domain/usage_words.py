"""The chosen kinds of usage values in words: `Electricity every 15 minutes, for example 0.42 kWh`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cds_auth.domain.phrases import DEFAULT_LANGUAGE, Phrases


@dataclass(frozen=True, slots=True)
class UsageKind:
    """One choice of include_usage_segment_value_types; `name` is the utility's, in its own language."""

    name: str
    value_type: str | None = None
    units: str | None = None
    direction: str | None = None
    interval: str | None = None
    """quarter_hour, hour, day, month; None = any."""
    tou: str | None = None


@dataclass(frozen=True, slots=True)
class UsageLine:
    """A kind of value and an invented example of it."""

    label: str
    example: str


_EXAMPLES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        # value type: amount of a short interval, of a month, unit when the choice names none
        "electric_usage": ("0.42", "412", "kWh"),
        "electric_demand": ("3.1", "5.2", "kW"),
        "water_usage": ("12", "214", "gal"),
        "natural_gas_usage": ("1.3", "31", "therm"),
        "fuel_oil_usage": ("1.2", "40", "gal"),
        "cost": ("$0.09", "$84.10", ""),
        "meter_readings": ("48,213", "48,213", "kWh"),
        "electric_supply_mix": ("21 %", "21 %", ""),
    }
)
_UNITLESS = frozenset({"cost", "electric_supply_mix"})


def usage_line(kind: UsageKind, phrases: Phrases) -> UsageLine:
    """Words for one kind: the utility's name for it; in another language than the utility's, the catalogue's words."""
    if kind.value_type is None or kind.value_type not in _EXAMPLES:
        return UsageLine(kind.name, phrases("data.usage.base.example"))
    short, monthly, usual_unit = _EXAMPLES[kind.value_type]
    unit = "" if kind.value_type in _UNITLESS else (kind.units or usual_unit)
    amount = monthly if kind.interval == "month" else short
    example = phrases("data.usage.example", amount=amount, unit=unit).strip()
    return UsageLine(kind.name if phrases.language == DEFAULT_LANGUAGE else _words(kind, phrases), example)


def usage_topics(kinds: Iterable[UsageKind], phrases: Phrases) -> list[str]:
    """What many kinds measure, each thing once: `electricity`, `gas`, `what your usage cost`."""
    keys = dict.fromkeys(f"usage.{kind.value_type}" for kind in kinds)
    named = [phrases(key) for key in keys if phrases.has(key)]
    return named + ([phrases("usage.more")] if len(named) < len(keys) else [])


def _words(kind: UsageKind, phrases: Phrases) -> str:
    keys = (f"usage.{kind.value_type}.{kind.direction}", f"usage.{kind.value_type}")
    what = next(phrases(key) for key in keys if phrases.has(key))
    more = [f"usage.interval.{kind.interval}", f"usage.tou.{kind.tou}"]
    return " ".join([what, *(phrases(key) for key in more if phrases.has(key))])
