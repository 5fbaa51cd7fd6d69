"""`/espi/1_1/resource/UsageSummary`: Bill Sections as Green Button."""

import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.application.record_bill import record_bill
from cds_cli.loading.espi_to_utility import Target, events
from cds_cli.loading.summary import Summary
from cds_common.events.utility import BillRecordedV1
from cds_common.grant_copy.testing import an_entry, store_grant
from services.billing.tests.builders import NOW, a_bill, a_section, the_id
from services.billing.tests.conftest import Headers

PATH = "/espi/1_1/resource/UsageSummary"
ESPI = "{http://naesb.org/espi}"
ATOM = "{http://www.w3.org/2005/Atom}"
ORDER = [
    "billingPeriod", "billLastPeriod", "billToDate", "costAdditionalLastPeriod", "costAdditionalDetailLastPeriod", "currency",
    "overallConsumptionLastPeriod", "currentBillingPeriodOverAllConsumption", "qualityOfReading", "statusTimeStamp", "commodity",
]  # fmt: skip
"""Children of UsageSummary in the order of the public schema."""


async def a_token(session: AsyncSession, headers: Headers, account: str = "a1") -> dict[str, str]:
    entry = an_entry(
        scope="bills", scope_type="cds_service_bills", flags=["include_bill_sections"],
        bill_reach={"account": [the_id("account", account)], "service_contract": [the_id("service_contract", "c1")]},
    )  # fmt: skip
    return headers(await store_grant(session, entry, now=NOW))


def members(summary: ET.Element) -> dict[str, Any]:
    """Leaves by name; those of a measurement or period as a dictionary."""
    return {
        child.tag.removeprefix(ESPI): {leaf.tag.removeprefix(ESPI): leaf.text for leaf in child} if len(child) else child.text
        for child in summary
    }


async def test_a_section_is_a_summary_of_its_period(api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
    await record_bill(session, a_bill(), NOW)
    answer = await api.get(PATH, headers=await a_token(session, headers))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/atom+xml")
    (summary,) = ET.fromstring(answer.content).iter(f"{ESPI}UsageSummary")
    names = [ORDER.index(child.tag.removeprefix(ESPI)) for child in summary]
    assert names == sorted(names)
    told = members(summary)
    assert told.pop("statusTimeStamp").isdigit()
    end = "1769904000"  # 2026-02-01T00:00Z
    assert told == {
        "billingPeriod": {"duration": "2678400", "start": "1767225600"},
        "billLastPeriod": "6110000",
        "currency": "840",
        "overallConsumptionLastPeriod": {"powerOfTenMultiplier": "0", "timeStamp": end, "uom": "72", "value": "310500"},
        "commodity": "1",
    }


async def test_our_own_summaries_come_back_through_the_loader(
    api: httpx.AsyncClient, session: AsyncSession, headers: Headers, tmp_path: Path
) -> None:
    sent = a_bill()
    await record_bill(session, sent, NOW)
    path, summary = tmp_path / "ours.xml", Summary()
    path.write_bytes((await api.get(PATH, headers=await a_token(session, headers))).content)
    (bill,) = events(path, Target("a1", "1001", "sandbox", ZoneInfo("UTC")), summary)
    assert isinstance(bill, BillRecordedV1)
    assert summary.refused == 0
    (section,), (own,) = bill.sections, sent.sections
    total, used = own.cost_details[0], own.usage_details[0]
    assert (bill.currency, bill.amount_due) == (sent.currency, total.cost)
    assert (section.start_date, section.end_date) == (own.start_date, own.end_date)
    assert [(one.types, one.cost) for one in section.cost_details] == [(["overall_total"], total.cost)]
    assert isinstance(used.value, Decimal)
    assert (used.units, [(one.types, one.value, one.units) for one in section.usage_details]) == (
        "kWh", [(["electric_usage"], used.value * 1000, "Wh")],
    )  # fmt: skip


async def test_parts_of_a_consumption_are_not_taken_for_the_whole(api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
    peak = {"detail_ref": "u1", "name": "Peak", "types": ["electric_usage", "time_of_use"], "value": Decimal(10), "units": "kWh",
            "tou": "peak", "start_date": date(2026, 1, 1), "end_date": date(2026, 1, 31)}  # fmt: skip
    section = a_section(usage_details=[peak], line_items=[])
    await record_bill(session, a_bill(section), NOW)
    (summary,) = ET.fromstring((await api.get(PATH, headers=await a_token(session, headers))).content).iter(f"{ESPI}UsageSummary")
    assert "overallConsumptionLastPeriod" not in members(summary)


async def test_only_what_the_token_sees_is_there(api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
    await record_bill(session, a_bill(), NOW)
    mine, theirs = await a_token(session, headers), await a_token(session, headers, account="a2")
    feed = ET.fromstring((await api.get(PATH, headers=mine)).content)
    (own,) = [link.get("href") for entry in feed.iter(f"{ATOM}entry") for link in entry.iter(f"{ATOM}link") if link.get("rel") == "self"]
    assert own is not None
    assert ET.fromstring((await api.get(own, headers=mine)).content).tag == f"{ATOM}entry"
    assert (await api.get(own, headers=theirs)).status_code == 404
    assert list(ET.fromstring((await api.get(PATH, headers=theirs)).content).iter(f"{ATOM}entry")) == []
    assert (await api.get(PATH)).status_code == 401
    assert (await api.get(PATH, headers=mine, params={"before": "2025-01-01"})).text.count("<entry>") == 0
