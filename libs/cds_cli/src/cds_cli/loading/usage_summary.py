"""UsageSummary and ElectricPowerUsageSummary as bills: the amount of the last period, its consumption, its line items (ESPI).

Money is in 1/100,000 of the currency and stays exact; what a summary says of the running period is no bill and is left out.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from cds_cli.loading.espi import ReadingType, SummaryEntry
from cds_cli.loading.espi_codes import ITEM_KINDS, UnknownCode, column, currency_of, service_type
from cds_cli.loading.feed import Element, child_of, name_of, number, period_of
from cds_cli.loading.places import Place, Target, common, moment, short_hash
from cds_common.events.utility import BillRecordedV1, BillSection, CostDetail, LineItem, UsageDetail
from cds_common.events.vocabulary import BillSectionType, BillSectionUsageDetailType

_COMMODITIES = {0: 1, 1: 7, 2: 9}
"""ServiceCategory kind -> commodity."""
_DETAILS = ("overallConsumptionLastPeriod", "peakDemand", "ratchetDemand")
_DETAIL_TYPES: dict[str, BillSectionUsageDetailType] = {
    "electric_usage": "electric_usage", "electric_demand": "electric_demand", "water_usage": "water_usage",
    "natural_gas_usage": "natural_gas_usage",
}  # fmt: skip


class NoBill(Exception):
    """The summary holds no bill of a past period: nothing is wrong with it."""


def bill(entry: SummaryEntry, target: Target, places: Sequence[Place], kind: int) -> BillRecordedV1:
    """The bill of a summary; `places` are the usage points it is about (none: of the account as a whole), `kind` their service.

    The statement is dated, and due, on the day after the period: the standard says neither.

    Raises:
        NoBill: it says nothing of a past period.
        ValueError: a code without counterpart, or a number that is none.
    """
    element = entry.element
    period, amount = period_of(element, "billingPeriod"), number(element, "billLastPeriod")
    if period is None or amount is None:
        raise NoBill
    currency = currency_of(number(element, "currency"))
    begin, end = _day(target, period[0]), _day(target, sum(period) - 1)
    account = (target.account_ref, target.account_number)
    if places:
        account = (places[0].account_ref, places[0].account_number)
    ref = f"GB-{account[0]}-{short_hash(entry.links.own)}-{period[0]}"
    stated = number(element, "statusTimeStamp")
    source_time = entry.updated or moment(sum(period) if stated is None else stated)
    types: list[BillSectionType] = ["service_contract", service_type(kind)] if places else ["other_section"]  # type: ignore[list-item]
    section = BillSection(
        section_ref=f"{ref}-1",
        account_ref=account[0],
        account_number=account[1],
        section_types=types,
        start_date=begin,
        end_date=end,
        currency=currency,
        contract_refs=list(dict.fromkeys(place.contract_ref for place in places)),
        servicepoint_refs=[place.servicepoint_ref for place in places],
        meter_refs=[place.meter_ref for place in places],
        usage_details=list(_usage(element, ref, kind, begin, end)),
        cost_details=list(_costs(element, ref, amount)),
        line_items=list(_items(element, ref, target, kind, begin, end)),
    )
    facts: dict[str, Any] = {
        "statement_ref": ref, "account_ref": account[0], "account_number": account[1], "statement_date": end + timedelta(days=1),
        "currency": currency, "amount_due": money(amount), "amount_due_date": end + timedelta(days=1), "sections": [section],
    }  # fmt: skip
    content = short_hash(section.model_dump_json() + str(amount))
    return BillRecordedV1(**common(target, source_time, "bill", ref, content), **facts)


def money(amount: int) -> Decimal:
    """1/100,000 of a currency, exactly, with at least two digits after the point."""
    whole = Decimal(amount).scaleb(-5)
    return next(shorter for digits in (2, 3, 4, 5) if (shorter := round(whole, digits)) == whole)


def _day(target: Target, second: int) -> date:
    return moment(second).astimezone(target.zone).date()


def _usage(element: Element, ref: str, kind: int, begin: date, end: date) -> Iterator[UsageDetail]:
    for name in _DETAILS:
        measured = child_of(element, name)
        if measured is None or number(measured, "value") is None:
            continue
        value, units, value_type = _measurement(measured, kind)
        yield UsageDetail(
            detail_ref=f"{ref}-{name}",
            name={"ratchetDemand": "Ratchet demand"}.get(name),
            types=[_DETAIL_TYPES[value_type]],
            value=value,
            units=units,
            start_date=begin,
            end_date=end,
            demand_type="peak" if value_type == "electric_demand" else None,
        )


def _measurement(measured: Element, kind: int) -> tuple[Decimal, Any, str]:
    """Value, unit and value type of a SummaryMeasurement.

    Raises:
        ValueError: no value, or a unit without counterpart.
    """
    value, uom = number(measured, "value"), number(measured, "uom")
    if value is None or uom is None:
        raise ValueError(f"{name_of(measured)} without value or uom")
    found = column(ReadingType(uom, number(measured, "powerOfTenMultiplier") or 0, _COMMODITIES.get(kind)))
    return Decimal(value * found.factor).scaleb(-found.decimals), found.shape.units, found.shape.value_type


def _costs(element: Element, ref: str, amount: int) -> Iterator[CostDetail]:
    yield CostDetail(detail_ref=f"{ref}-total", types=["overall_total"], cost=money(amount))
    additional = number(element, "costAdditionalLastPeriod")
    if additional:
        yield CostDetail(detail_ref=f"{ref}-additional", name="Additional cost", types=["other"], cost=money(additional))


def _items(element: Element, ref: str, target: Target, kind: int, begin: date, end: date) -> Iterator[LineItem]:
    lines = [child for child in element if name_of(child) == "costAdditionalDetailLastPeriod"]
    for place, line in enumerate(lines):
        amount = number(line, "amount")
        if amount is None:
            raise ValueError("a line item without amount")
        note, period, measured, rate = (
            child_of(line, "note"),
            period_of(line, "itemPeriod"),
            child_of(line, "measurement"),
            number(line, "unitCost"),
        )
        value, units = _quantity(measured, kind)
        yield LineItem(
            item_ref=f"{ref}-item-{place}",
            name=(note.text or "").strip()[:500] if note is not None and (note.text or "").strip() else "Additional cost",
            types=[ITEM_KINDS.get(number(line, "itemKind") or 0, "other")],
            start_date=begin if period is None else _day(target, period[0]),
            end_date=end if period is None else _day(target, sum(period) - 1),
            cost=money(amount),
            value=value,
            units=units,
            rate=None if rate is None else money(rate),
        )


def _quantity(measured: Element | None, kind: int) -> tuple[Decimal | None, Any]:
    """What a line item charges for; a unit without counterpart is left out, the amount stands for itself."""
    if measured is None:
        return None, None
    try:
        return _measurement(measured, kind)[:2]
    except UnknownCode:
        return None, None
