"""What a series of values measures, and when two blocks of values belong to the same series."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

from cds_common.ids import Environment, resource_id
from cds_usage.domain.calendar import DAY

OwnerKind = Literal["service_point", "aggregation"]

SHAPE_FIELDS = (
    "value_type", "units", "direction", "tou", "tier", "season", "demand_type", "register_name", "currency", "attribution",
    "supply_type",
)  # fmt: skip

_LONG_DAY = 25 * 3600
_SHORT_DAY = 23 * 3600


def cadence(interval_seconds: int) -> str:
    """The name of an interval length that stays the same while months and days of clock changes differ in length.

    Up to a day it is the number of seconds; a local day (23, 24 or 25 hours) is `day`, 25 to 36 days are `month`.
    """
    if _SHORT_DAY <= interval_seconds <= _LONG_DAY:
        return "day"
    days = interval_seconds / DAY
    if 25 <= days <= 36:
        return "month"
    if 55 <= days <= 70:
        return "two_months"
    if 85 <= days <= 100:
        return "quarter"
    if 360 <= days <= 372:
        return "year"
    return str(interval_seconds)


@dataclass(frozen=True, slots=True)
class SeriesKind:
    """Cadence and shape of a series; `shape` holds only the fields that the source gave."""

    cadence: str
    shape: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, shape: dict[str, Any], interval_seconds: int) -> "SeriesKind":
        """Build from the published shape; None means not given."""
        given = tuple((name, str(shape[name])) for name in SHAPE_FIELDS if shape.get(name) is not None)
        return cls(cadence(interval_seconds), given)

    @property
    def key(self) -> str:
        """A text that is equal exactly for equal kinds."""
        return _key(self)

    def as_dict(self) -> dict[str, str]:
        """The shape as the contracts write it."""
        return dict(self.shape)

    @property
    def value_type(self) -> str:
        """One of the standard value types of CDS-WG3-01 §10.8.5."""
        return next(value for name, value in self.shape if name == "value_type")


@lru_cache(maxsize=10_000)
def _key(kind: SeriesKind) -> str:
    return json.dumps([kind.cadence, *kind.shape], separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of value of one meter at one Service Point, or of one Aggregation."""

    series_id: UUID
    environment: Environment
    owner_kind: OwnerKind
    owner_id: UUID
    meter_device_id: UUID | None
    kind: SeriesKind

    @classmethod
    def of(
        cls, environment: Environment, owner_kind: OwnerKind, owner_id: UUID, meter_device_id: UUID | None, kind: SeriesKind
    ) -> "Series":
        """Name the series; the same facts give the same id after a rebuild."""
        series_id = resource_id(environment, "series", f"{owner_kind}\x1f{owner_id}\x1f{meter_device_id}\x1f{kind.key}")
        return cls(series_id, environment, owner_kind, owner_id, meter_device_id, kind)
