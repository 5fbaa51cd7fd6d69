"""`utility.bills` in, `cds.bills` out: once, and only what changed."""

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.application.record_bill import record_bill
from cds_billing.events.utility_bills import on_bill
from cds_billing.persistence.tables import BillSectionRow, BillStatementRow, outbox
from cds_billing.settings import Settings
from cds_common.db import Sessions
from cds_common.events.utility import BillRecordedV1
from services.billing.tests.builders import NOW, a_bill, a_section, the_id

CONFIG = Path(__file__).parents[4] / "config" / "utility.yaml"


async def published(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(outbox).where(outbox.c.topic == "cds.bills")) or 0


async def test_a_message_twice_is_stored_and_published_once(session: AsyncSession, sessions: Sessions, settings: Settings) -> None:
    bill = a_bill()
    await on_bill(bill, sessions, settings)
    await on_bill(bill, sessions, settings)

    assert await published(session) == 1
    assert await session.scalar(select(func.count()).select_from(BillStatementRow)) == 1


async def test_the_same_bill_as_a_new_message_publishes_nothing(session: AsyncSession) -> None:
    await record_bill(session, a_bill(), NOW)
    await record_bill(session, a_bill(), NOW)
    assert await published(session) == 1


async def test_what_is_published_names_sections_and_no_amounts(session: AsyncSession) -> None:
    await record_bill(session, a_bill(), NOW)
    body = str(await session.scalar(select(outbox.c.body)))
    assert str(the_id("bill_section", "s1")) in body
    assert "61.10" not in body


@pytest.mark.req("WG3D-041")
async def test_an_entity_has_the_number_of_its_coverage_entries(session: AsyncSession, sessions: Sessions, settings: Settings) -> None:
    covered = settings.model_copy(update={"utility_config": CONFIG})
    entity = {"entity_number": "internal 7", "types": ["distributor"], "entity_name": "Harbor Light & Power"}
    other = entity | {"entity_name": "Elsewhere Supply"}

    await on_bill(a_bill(a_section(distribution_entity=entity, supply_entity=other)), sessions, covered)

    body = await session.scalar(select(BillSectionRow.body))
    assert body is not None
    assert body["distribution_entity"]["entity_number"] == "HLP"
    assert body["distribution_entity"]["id"] == str(the_id("entity", "HLP"))
    assert body["supply_entity"]["entity_number"] == "internal 7"


async def test_a_usage_value_is_a_number_where_its_text_is_one() -> None:
    bill = a_bill(a_section(usage_details=[{"detail_ref": "u", "name": "x", "types": ["tiered"], "tier": "tier_1", "value": "see meter"}]))
    again = BillRecordedV1.model_validate_json(bill.model_dump_json())
    number = BillRecordedV1.model_validate_json(a_bill().model_dump_json())

    assert again.sections[0].usage_details[0].value == "see meter"
    assert number.sections[0].usage_details[0].value == Decimal("310.500")
