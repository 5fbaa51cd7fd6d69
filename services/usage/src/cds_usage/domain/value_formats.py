"""Which columns a token may see and how they are described (CDS-WG3-01 §10.8.2, §7.2.8.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from cds_usage.domain.day_block import QUALITIES
from cds_usage.domain.series import SHAPE_FIELDS, SeriesKind

USAGE_TYPES = frozenset({"electric_usage", "electric_demand", "water_usage", "natural_gas_usage", "fuel_oil_usage"})
_ELECTRIC_TYPES = frozenset({"electric_usage", "electric_demand"})
_QUALITY_TYPES = USAGE_TYPES


@dataclass(frozen=True, slots=True)
class CatalogueFormat:
    """A value format that the utility offers. `cadence` None = any interval length; `quality` None = any, and none is told."""

    format_id: str
    shape: tuple[tuple[str, str], ...]
    cadence: str | None
    quality: str | None

    def holds(self, kind: SeriesKind) -> bool:
        """Whether a series of `kind` is shown under this format. A register name belongs to the meter, not to the format."""
        if self.cadence is not None and self.cadence != kind.cadence:
            return False
        own, other = dict(self.shape), dict(kind.shape)
        if "register_name" not in own:
            other.pop("register_name", None)
        return own == other


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a segment: its format, the kind of series behind it, and the codes of the qualities that stand in it.

    `quality` is what the format says of them; None = nothing, since they may be mixed.
    """

    format_id: str
    kind: SeriesKind
    kind_id: int
    quality: str | None
    codes: frozenset[int]


class FormatCatalogue:
    """The utility's value formats; the order of the file is the order of the columns."""

    def __init__(self, formats: Iterable[CatalogueFormat]) -> None:
        self._formats = tuple(formats)
        self._holding = dict[SeriesKind, tuple[CatalogueFormat, ...]]()

    def allowed(self, kind: SeriesKind, format_ids: frozenset[str]) -> list[CatalogueFormat]:
        """The granted formats under which a series of `kind` is shown."""
        holding = self._holding.get(kind)
        if holding is None:  # kinds are few, and every listing asks about all of them
            holding = self._holding[kind] = tuple(own for own in self._formats if own.holds(kind))
        return [own for own in holding if own.format_id in format_ids]

    def columns(self, kinds: Iterable[tuple[int, SeriesKind, frozenset[int]]], format_ids: frozenset[str]) -> list[Column]:
        """Lay out the columns of a segment from (kind id, kind, quality codes that occur): one per kind and granted format.

        A value goes into the format of its own quality; without one into the format of any quality, so that a Client which
        asks for that alone misses nothing. No other format is ever shown than the offered ones (§7.2.8.1).
        """
        found = list[tuple[tuple[int, str], Column]]()
        for kind_id, kind, qualities in kinds:
            allowed = self.allowed(kind, format_ids)
            codes = dict[CatalogueFormat, set[int]]()
            for code in qualities:
                own = [each for each in allowed if each.quality == QUALITIES[code]] or [each for each in allowed if each.quality is None]
                if own:
                    codes.setdefault(own[0], set()).add(code)
            for chosen, held in codes.items():
                column = Column(chosen.format_id, kind, kind_id, chosen.quality, frozenset(held))
                found.append(((self._formats.index(chosen), kind.key), column))
        return _unique([column for _, column in sorted(found, key=lambda pair: pair[0])])


def format_objects(columns: Sequence[Column], visible_meter: UUID | None) -> list[dict[str, Any]]:
    """Value Format objects of the columns, in their order; `visible_meter` is the meter if the token may see it."""
    return [_format_object(column, columns, visible_meter) for column in columns]


def _format_object(column: Column, columns: Sequence[Column], visible_meter: UUID | None) -> dict[str, Any]:
    shape = column.kind.as_dict()
    wire: dict[str, Any] = {"id": column.format_id, "type": column.kind.value_type}
    for name in SHAPE_FIELDS[1:]:
        if name in shape and name != "register_name":
            wire[name] = None if shape[name] == "none" else shape[name]
    if column.kind.value_type in _QUALITY_TYPES and column.quality is not None:
        wire["quality"] = column.quality
    if column.kind.value_type == "cost":
        wire["indexes"] = _indexes(columns, USAGE_TYPES)
    if column.kind.value_type == "electric_supply_mix":
        wire["indexes"] = _indexes(columns, _ELECTRIC_TYPES)
    if column.kind.value_type == "meter_readings":
        wire["register"] = shape.get("register_name")
        if visible_meter is not None:
            wire["related_meterdevice"] = str(visible_meter)
    return wire


def _indexes(columns: Sequence[Column], types: frozenset[str]) -> list[int]:
    return [index for index, column in enumerate(columns) if column.kind.value_type in types]


def _unique(columns: list[Column]) -> list[Column]:
    seen, unique = set[str](), list[Column]()
    for column in columns:
        name = column.format_id
        if name in seen:
            name = f"{column.format_id}:{column.kind.as_dict().get('register_name') or len(unique)}"
        seen.add(name)
        unique.append(replace(column, format_id=name))
    return unique
