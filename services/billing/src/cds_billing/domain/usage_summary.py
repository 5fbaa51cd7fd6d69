"""A Bill Section as Green Button's UsageSummary: the billing period with its cost and consumption (NAESB REQ.21)."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cds_common import espi

_COMMODITIES = {"electric": 1, "natural_gas": 7, "water": 9}
_USAGE_TYPES = frozenset({"electric_usage", "natural_gas_usage", "water_usage"})
_PARTS = ("tou", "tier", "season", "direction")
"""Members that make a usage detail a part of the whole."""


def usage_summary(section: Mapping[str, Any], zone: ZoneInfo) -> str:
    """The content of an entry, from the section as the token sees it; what Green Button has no word for is left out."""
    status = int(_moment(section["cds_modified"]).timestamp())
    begin, end = _midnight(section["start_date"], zone), _midnight(section["end_date"], zone, days=1)
    total = _total(section)
    return espi.content(
        "UsageSummary",
        espi.USAGE_NAMESPACE,
        espi.interval(begin, end - begin, "billingPeriod"),
        espi.leaf("billLastPeriod", None if total is None else espi.money(total)),
        espi.leaf("currency", espi.CURRENCIES.get(section["currency"])),
        _consumption(section, end),
        espi.leaf("statusTimeStamp", status),
        espi.leaf("commodity", next((_COMMODITIES[one] for one in section["section_types"] if one in _COMMODITIES), None)),
    )


def _moment(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _midnight(day: str, zone: ZoneInfo, days: int = 0) -> int:
    local = datetime.combine(date.fromisoformat(day) + timedelta(days=days), time(), zone)
    return int(local.timestamp())


def _total(section: Mapping[str, Any]) -> Decimal | None:
    costs = [Decimal(detail["cost"]) for detail in section["cost_details"] if "overall_total" in detail["types"]]
    return costs[0] if costs else None


def _consumption(section: Mapping[str, Any], at: int) -> str:
    for detail in section["usage_details"]:
        unit = espi.UNITS.get(detail.get("units") or "")
        whole = not any(detail.get(name) for name in _PARTS)
        if unit is not None and whole and not _USAGE_TYPES.isdisjoint(detail["types"]):
            return espi.measurement("overallConsumptionLastPeriod", Decimal(detail["value"]), unit, at)
    return ""
