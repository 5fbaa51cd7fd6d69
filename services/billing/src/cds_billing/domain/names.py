"""Names of what a bill prints without one, or under one that several charges share (CDS-WG3-01 §10.6.3, §10.6.5, §10.6.7)."""

from collections import Counter
from collections.abc import Sequence

from cds_common.events.utility import CostDetail, LineItem, UsageDetail

_USED = {
    "electric_usage": "Electricity used",
    "water_usage": "Water used",
    "natural_gas_usage": "Natural gas used",
    "fuel_oil_usage": "Fuel oil used",
    "electric_demand": "Electric demand",
}
_READ = {
    "amr_reading": "read by radio",
    "analog_meter": "read by hand",
    "customer_provided": "read by the customer",
    "estimated": "estimated",
}
_COSTS = {
    "fixed_charges": "fixed charges",
    "usage_charges": "usage charges",
    "taxes": "taxes",
    "distribution": "distribution",
    "supply": "supply",
    "transmission": "transmission",
    "other": "other charges",
}


def of_usage_detail(detail: UsageDetail) -> str:
    """A name that says what was measured, and of which part of it."""
    what = next((_USED[one] for one in detail.types if one in _USED), "Measured value")
    parts = [part for part in (detail.demand_type, detail.tou, detail.tier, detail.direction, detail.season) if part is not None]
    parts = [part.replace("_", " ") for part in parts] + [_READ[one] for one in detail.types if one in _READ]
    return f"{what} ({', '.join(parts)})" if parts else what


def of_cost_detail(detail: CostDetail) -> str:
    """A name that says which charges are added up."""
    if "overall_total" in detail.types:
        return "Total of this section"
    parts = [_COSTS[one] for one in detail.types if one in _COSTS]
    return f"Total of {', '.join(parts)}" if parts else "Subtotal"


def of_line_items(items: Sequence[LineItem]) -> list[str]:
    """The names as printed; those that several items share are told apart by heading, then by period, then by number."""
    names = [item.name for item in items]
    names = _told_apart(names, [f"{item.heading} - {item.name}" if item.heading else item.name for item in items])
    names = _told_apart(
        names, [f"{name}, {item.start_date:%Y-%m-%d} to {item.end_date:%Y-%m-%d}" for name, item in zip(names, items, strict=True)]
    )
    seen, numbered = Counter[str](), list[str]()
    shared = Counter(names)
    for name in names:
        seen[name] += 1
        numbered.append(name if shared[name] == 1 else f"{name} ({seen[name]})")
    return numbered


def _told_apart(names: Sequence[str], longer: Sequence[str]) -> list[str]:
    shared = Counter(names)
    return [name if shared[name] == 1 else long for name, long in zip(names, longer, strict=True)]
