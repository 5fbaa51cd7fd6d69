"""Bills that add up, and usage that agrees with meters and bills."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cds_cli.checking.reading import Json, Seen

_KEYS = {"electric_usage": "eu", "electric_demand": "ed", "water_usage": "wu", "natural_gas_usage": "gu", "fuel_oil_usage": "fu"}
_BILLED = ("electric_usage", "water_usage", "natural_gas_usage", "fuel_oil_usage")
_PARTIAL = {"time_of_use", "tiered", "directional", "seasonal"}


def bills(seen: Seen) -> Iterator[str]:
    """Unpaid balance and counted charges make the amount due; totals are the sums of their parts (§10.5.1, §10.6.6)."""
    totals = dict[str, Decimal]()
    for section in seen["bill_sections"]:
        overall = [detail for detail in section["cost_details"] if "overall_total" in detail["types"]]
        if overall and section.get("line_items"):
            totals[section["cds_billsection_id"]] = _exact(overall[0]["cost"])
            if sum((_exact(item["cost"]) for item in section["line_items"]), Decimal(0)) != _exact(overall[0]["cost"]):
                yield f"section {section['cds_billsection_id']}: the lines do not add up to the overall total"
    for statement in seen["bill_statements"]:
        charges: Sequence[Json] = statement.get("new_charges", ())
        if "previous_balance_unpaid" in statement and "new_charges" in statement:
            counted = sum((_exact(charge["amount"]) for charge in charges if charge["included_in_amount_due"]), Decimal(0))
            if _exact(statement["previous_balance_unpaid"]) + counted != _exact(statement["amount_due"]):
                yield f"statement {statement['cds_billstatement_id']}: the charges do not add up to the amount due"
        for charge in charges:
            sections = charge.get("related_billsections", [])
            if (
                sections
                and set(sections) <= totals.keys()
                and sum((totals[one] for one in sections), Decimal(0)) != _exact(charge["amount"])
            ):
                yield f"charge {charge['id']}: not the sum of the sections that it names"


def measured(seen: Seen) -> Iterator[str]:
    """The usage on a section is that of the segments over its period, where they cover it."""
    zone = ZoneInfo(seen.timezone)
    by_point = dict[str, list[Json]]()
    for segment in seen["usage_segments"]:
        for point in segment["related_servicepoints"]:
            by_point.setdefault(point, []).append(segment)
    for section in seen["bill_sections"]:
        for detail in section["usage_details"]:
            kind = next((one for one in detail["types"] if one in _BILLED), None)
            if kind is None or _PARTIAL & set(detail["types"]):
                continue
            segments = [one for point in section["related_servicepoints"] for one in by_point.get(point, ())]
            for found in _sums(segments, kind, detail, zone):
                if found != _exact(detail["value"]):
                    yield f"section {section['cds_billsection_id']}: {detail['value']} billed, {found} measured"


def compared(seen: Seen) -> int:
    """How many usage details could be compared with segments: a check that compares nothing proves nothing."""
    zone, count = ZoneInfo(seen.timezone), 0
    for section in seen["bill_sections"]:
        points = set(section["related_servicepoints"])
        segments = [one for one in seen["usage_segments"] if points & set(one["related_servicepoints"])]
        for detail in section["usage_details"]:
            kind = next((one for one in detail["types"] if one in _BILLED), None)
            if kind is not None and not _PARTIAL & set(detail["types"]):
                count += len(list(_sums(segments, kind, detail, zone)))
    return count


def _sums(segments: Sequence[Json], kind: str, detail: Json, zone: ZoneInfo) -> Iterator[Decimal]:
    """What was taken over the detail's dates, once per interval length whose segments cover them without gap."""
    first = datetime.combine(_day(detail["start_date"]), time(), zone)
    end = datetime.combine(_day(detail["end_date"]) + timedelta(days=1), time(), zone)
    lengths = {
        "month": [one for one in segments if one["interval"] >= 25 * 86_400],
        "short": [one for one in segments if one["interval"] <= 3600],
    }
    for held in lengths.values():
        inside = [one for one in held if first <= _moment(one["segment_start"]) and _moment(one["segment_end"]) <= end]
        columns = {id(one): _taken(one, kind) for one in inside}
        used = [one for one in inside if columns[id(one)]]
        covered = sum((_moment(one["segment_end"]) - _moment(one["segment_start"]) for one in used), timedelta(0))
        if used and covered == end.astimezone(ZoneInfo("UTC")) - first.astimezone(ZoneInfo("UTC")):
            cells = (row[column] for one in used for row in one["values"] for column in columns[id(one)])
            yield sum((_exact(cell[_KEYS[kind]]) for cell in cells if cell is not None), Decimal(0))


def _taken(segment: Json, kind: str) -> list[int]:
    """The columns of what went to the customer."""
    return [
        index for index, form in enumerate(segment["formats"]) if form["type"] == kind and form.get("direction", "forward") == "forward"
    ]


def directions(seen: Seen) -> Iterator[str]:
    """Values fit the types of their meter and the direction of their column; net is the sum of both (§10.4.2, §10.8.5.1)."""
    meters = seen.by_id("meter_devices")
    for segment in seen["usage_segments"]:
        types = {one for meter in segment["related_meterdevices"] for one in meters.get(meter, {}).get("meter_types", ())}
        for fault in (*_against_meter(segment, types), *_against_columns(segment)):
            yield f"segment {segment['cds_usagesegment_id']}: {fault}"


def _against_meter(segment: Json, types: set[str]) -> Iterator[str]:
    known = types & {"forward_only", "reverse_only", "bidirectional"}
    for index, form in enumerate(segment["formats"]):
        if form["type"] not in ("electric_usage", "electric_demand") or not known:
            continue
        values = [value for value in _column(segment, index, form["type"]) if value is not None]
        if "direction" not in form:
            yield "the meter's configuration is known, and a column has no direction"
        if "forward_only" in known and any(value < 0 for value in values):
            yield "a forward-only meter measured what went to the grid"
        if "reverse_only" in known and any(value > 0 for value in values):
            yield "a reverse-only meter measured what came from the grid"


def _against_columns(segment: Json) -> Iterator[str]:
    plain: dict[str, int] = {}
    for index, form in enumerate(segment["formats"]):
        if form["type"] == "electric_usage" and "direction" in form:
            values = [value for value in _column(segment, index, form["type"]) if value is not None]
            if form["direction"] == "reverse" and any(value > 0 for value in values):
                yield "a reverse column holds a positive value"
            if form["direction"] == "forward" and any(value < 0 for value in values):
                yield "a forward column holds a negative value"
            if not {"tou", "tier", "season", "quality"} & set(form):
                plain[form["direction"]] = index
    if {"forward", "reverse", "net"} <= plain.keys():
        ways = [_column(segment, plain[way], "electric_usage") for way in ("forward", "reverse", "net")]
        for taken, given, net in zip(*ways, strict=True):
            if None not in (taken, given, net) and (taken or 0) + (given or 0) != net:
                yield "net is not the sum of forward and reverse"
                return


def _column(segment: Json, index: int, kind: str) -> list[Decimal | None]:
    return [None if row[index] is None else _exact(row[index][_KEYS[kind]]) for row in segment["values"]]


def _exact(value: Any) -> Decimal:
    return Decimal(value)


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
