"""A contract's number that arrives while its bill is stored: both commit for real, on connections of their own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker

from cds_billing.application.keep_contract_numbers import keep_contract_numbers
from cds_billing.application.record_bill import record_bill
from cds_billing.persistence.tables import BillSectionRow
from cds_common.db import Sessions
from cds_common.events.resources import ResourcePublishedV1
from cds_common.testing.plugin import unpooled_engine
from cds_common.testing.postgres import ServiceDatabases
from services.billing.tests.builders import NOW, a_bill, the_id


@pytest.fixture
async def own_sessions(service_databases: ServiceDatabases) -> AsyncIterator[Sessions]:
    database = service_databases.fresh("billing", Path(__file__).parents[2])
    engine = unpooled_engine(database)
    yield async_sessionmaker(engine, expire_on_commit=False)
    await engine.dispose()
    service_databases.drop(database)


@pytest.mark.req("WG3D-146")
async def test_sections_stored_while_their_contract_arrives_sort_by_its_number(own_sessions: Sessions) -> None:
    contract = ResourcePublishedV1(
        environment="sandbox", kind="service_contract", resource_id=the_id("service_contract", "c1"), ref="c1", version=1, number="510-007",
        customer_ids=[],
    )  # fmt: skip

    async def number() -> None:
        async with own_sessions.begin() as session:
            await keep_contract_numbers(session, [contract])

    async with own_sessions.begin() as session:
        await record_bill(session, a_bill(), NOW)
        numbering = asyncio.create_task(number())
        await asyncio.wait([numbering], timeout=0.5)
    await numbering
    async with own_sessions() as session:
        assert (await session.scalars(select(BillSectionRow.sort_contract_number))).all() == ["510-007"]
