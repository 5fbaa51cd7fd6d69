"""Value formats of usage (CDS-WG3-01 §10.8.2): the catalogue entry, its wire object, and which series it fits."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, model_validator

from cds_common.events import vocabulary as v
from cds_common.events.utility import SeriesShape
from cds_common.utility.parts import Currency, Id, Line, Part

Interval = Literal["quarter_hour", "hour", "day", "month"]
_SECONDS: dict[Interval, tuple[int, int]] = {
    "quarter_hour": (900, 900),
    "hour": (3600, 3600),
    "day": (23 * 3600, 25 * 3600),
    "month": (25 * 86_400, 36 * 86_400),
}
"""Shortest and longest interval in seconds: days of 23 to 25 hours, billing months of 25 to 36 days."""

_DESIGNATIONS = ("tou", "tier", "season")
_PLAIN = ("units", "direction", "demand_type", "currency", "attribution", "supply_type")


class ValueFormat(Part):
    """A kind of column that usage may have. An attribute that is left out is not known; `none` = no such designation applies."""

    id: Id
    name: Line
    description: Line
    type: v.ValueType
    interval: Interval | None = None
    """Lengths of interval that it is for; None = any."""
    units: v.Unit | None = None
    direction: v.Direction | None = None
    tou: v.TimeOfUse | Literal["none"] | None = None
    tier: v.Tier | Literal["none"] | None = None
    season: v.Season | Literal["none"] | None = None
    quality: v.ReadingQuality | None = None
    """Only readings of this quality; None = any."""
    demand_type: v.DemandType | None = None
    register_name: Line | None = Field(default=None, alias="register")
    currency: Currency | None = None
    attribution: v.SupplyAttribution | None = None
    supply_type: v.SupplyType | None = None

    @model_validator(mode="after")
    def _complete(self) -> "ValueFormat":
        needed = {
            "cost": ("currency",),
            "electric_demand": ("units", "demand_type"),
            "electric_supply_mix": ("attribution", "supply_type"),
            "meter_readings": ("units", "register_name"),
        }.get(self.type, ("units",))
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"a format of type {self.type} needs {', '.join(missing).replace('register_name', 'register')}")
        return self

    def wire(self) -> dict[str, Any]:
        """The Value Format object; `indexes` is empty, as no other column is meant here."""
        found: dict[str, Any] = {"id": self.id, "type": self.type}
        found |= {name: value for name in _PLAIN if (value := getattr(self, name)) is not None}
        if self.register_name is not None:
            found["register"] = self.register_name
        for name in _DESIGNATIONS:
            value = getattr(self, name)
            if value is not None:
                found[name] = None if value == "none" else value
        if self.quality is not None:
            found["quality"] = self.quality
        if self.type in {"cost", "electric_supply_mix"}:
            found["indexes"] = []
        return found

    def fits(self, shape: SeriesShape, interval_seconds: int, quality: v.ReadingQuality | None) -> bool:
        """Whether values of this shape and interval are of this format."""
        if self.type != shape.value_type or (self.quality is not None and self.quality != quality):
            return False
        if self.interval is not None and not _SECONDS[self.interval][0] <= interval_seconds <= _SECONDS[self.interval][1]:
            return False
        names = (*_PLAIN, *_DESIGNATIONS, "register_name")
        return all(getattr(self, name) == getattr(shape, name) for name in names)


def match_format(
    formats: Iterable[ValueFormat], shape: SeriesShape, interval_seconds: int, quality: v.ReadingQuality | None = None
) -> ValueFormat | None:
    """The format of a series: the first that fits, formats bound to an interval or a quality before the general ones."""
    fitting = [each for each in formats if each.fits(shape, interval_seconds, quality)]
    return min(fitting, key=lambda each: (each.interval is None, each.quality is None), default=None)
