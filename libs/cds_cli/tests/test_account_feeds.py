"""Account data, usage and bills of Green Button in files of their own meet: `data/customer.xml` and `data/usage.xml`."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

from cds_cli.loading.files import find, sources
from cds_cli.loading.places import Target
from cds_cli.loading.summary import Summary
from cds_cli.loading.usage_summary import money
from cds_common.events.utility import (
    AccountRecordedV1,
    BillRecordedV1,
    ContractRecordedV1,
    CustomerRecordedV1,
    MeterRecordedV1,
    ReadingsRecordedV1,
    ServicePointRecordedV1,
    UtilityEvent,
)

DATA = Path(__file__).parent / "data"
ZONE = ZoneInfo("America/Los_Angeles")


def load(*paths: Path, account: str = "") -> tuple[list[UtilityEvent], Summary]:
    summary, target = Summary(), Target(f"AC-{account}" if account else "", account, "sandbox", ZONE)
    return [event for source in sources(find(paths), target, summary) for event in source.events], summary


@pytest.fixture(scope="module")
def both() -> tuple[list[UtilityEvent], Summary]:
    return load(DATA / "usage.xml", DATA / "customer.xml")


T = TypeVar("T")


def of(kind: type[T], found: tuple[list[UtilityEvent], Summary]) -> list[T]:
    return [event for event in found[0] if isinstance(event, kind)]


def test_a_customer_and_an_account_say_what_the_feed_says(both: tuple[list[UtilityEvent], Summary]) -> None:
    (customer,), (account,) = of(CustomerRecordedV1, both), of(AccountRecordedV1, both)
    assert (customer.name, customer.email) == ("Pat Harbour", "pat@harbour.example")
    assert account.customer_refs == [customer.customer_ref]
    assert (account.account_number, account.account_name, account.account_address) == ("70-0011", "Harbour Bakery", "PO Box 8")
    assert account.account_types == ["customer", "commercial"]
    assert [one.value for one in account.account_contacts] == ["pat@harbour.example", "805 5550100"]


def test_an_agreement_has_the_services_of_its_usage_points_and_its_supplier(both: tuple[list[UtilityEvent], Summary]) -> None:
    (contract,) = of(ContractRecordedV1, both)
    assert (contract.account_ref, contract.contract_number, contract.contract_start) == ("AC-70-0011", "AG-21", date(2024, 1, 1))
    assert contract.service_types == ["electric", "natural_gas"]
    assert contract.contract_entity is not None
    assert contract.contract_entity.entity_name == "Harbour Light and Power"


def test_a_location_with_two_usage_points_is_two_service_points_each_with_its_meter(both: tuple[list[UtilityEvent], Summary]) -> None:
    points, meters = of(ServicePointRecordedV1, both), of(MeterRecordedV1, both)
    assert [point.servicepoint_types[0] for point in points] == ["electric", "natural_gas"]
    assert {point.servicepoint_address for point in points} == {"12 Harbour Street, Seaview, CA 93001"}
    assert (points[0].latitude, points[0].longitude) == (Decimal("34.2800"), Decimal("-119.2900"))
    assert [(meter.meter_number, [one.servicepoint_ref for one in meter.placements]) for meter in meters] == [
        ("E-5501", [points[0].servicepoint_ref]),
        ("G-7702", [points[1].servicepoint_ref]),
    ]


def test_readings_go_to_the_points_and_meters_of_the_account_data(both: tuple[list[UtilityEvent], Summary]) -> None:
    points, readings = of(ServicePointRecordedV1, both), of(ReadingsRecordedV1, both)
    assert [(one.servicepoint_ref, one.meter_ref, one.values, one.decimals) for one in readings] == [
        (points[0].servicepoint_ref, "MT-GB-E-5501", [100, 101, 102, 103], 0),
        (points[1].servicepoint_ref, "MT-GB-G-7702", [5, 6, 7], 1),
    ]
    assert [one.shape.units for one in readings] == ["Wh", "therm"]


def test_a_usage_summary_is_a_bill_with_exact_amounts(both: tuple[list[UtilityEvent], Summary]) -> None:
    (bill,) = of(BillRecordedV1, both)
    (section,) = bill.sections
    assert (bill.account_number, bill.currency, str(bill.amount_due)) == ("70-0011", "USD", "123.456")
    assert (section.start_date, section.end_date) == (date(2026, 1, 1), date(2026, 1, 31))
    assert (section.section_types, section.contract_refs) == (["service_contract", "electric"], ["CT-GB-AG-21"])
    assert [(one.types, one.value, one.units) for one in section.usage_details] == [(["electric_usage"], Decimal(406000), "Wh")]
    assert [(one.types, str(one.cost)) for one in section.cost_details] == [(["overall_total"], "123.456"), (["other"], "10.00")]
    assert [(one.name, one.types, str(one.cost), one.value, one.units, one.rate) for one in section.line_items] == [
        ("Delivery", ["distribution"], "98.76543", Decimal(406), "kWh", Decimal("0.24327")),
        ("City tax", ["tax"], "24.69057", None, None, None),
    ]


def test_what_cannot_be_used_is_said(both: tuple[list[UtilityEvent], Summary]) -> None:
    _, summary = both
    assert [(one.source, one.line, one.reason) for one in summary.refusals] == [("customer.xml", 79, "CustomerAccount: no accountId")]
    assert summary.skipped == {"Statement": 1}


def test_the_order_of_the_files_is_of_no_account(both: tuple[list[UtilityEvent], Summary]) -> None:
    turned, _ = load(DATA / "customer.xml", DATA / "usage.xml")
    assert {event.event_id for event in turned} == {event.event_id for event in both[0]}


def test_usage_of_no_known_account_needs_one() -> None:
    found, summary = load(DATA / "usage.xml")
    assert found == []
    assert [one.reason.partition(":")[0] for one in summary.refusals] == [
        "usage point 'espi/1_1/resource/Subscription/3/UsagePoint/51' belongs to no account that is known",
        "usage point 'espi/1_1/resource/Subscription/3/UsagePoint/52' belongs to no account that is known",
        "usage summary of no account that is known",
    ]
    found, summary = load(DATA / "usage.xml", account="5")
    assert summary.refused == 0
    assert {event.account_ref for event in found if isinstance(event, ContractRecordedV1 | BillRecordedV1)} == {"AC-5"}


@pytest.mark.parametrize(("amount", "text"), [(12345600, "123.456"), (100000, "1.00"), (1, "0.00001"), (-250000, "-2.50"), (0, "0.00")])
def test_hundred_thousandths_stay_exact(amount: int, text: str) -> None:
    assert str(money(amount)) == text
