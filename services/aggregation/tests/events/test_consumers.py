"""The consumers on an in-memory bus: from the utility's facts to published sums and answered Grants."""

from typing import Any

import pytest
from sqlalchemy import text

from cds_aggregation.events import ROUTERS
from cds_common.events.grants import GrantEntry, GrantPublishedV1
from cds_common.events.resources import EntitlementsResolvedV1
from cds_common.grant_copy.testing import an_entry
from cds_common.testing.bus import memory_bus
from services.aggregation.tests.builders import NOW, Stage, a_day, a_flat, a_group, days_changed, rid


@pytest.fixture
async def bus(stage: Stage) -> Any:
    context = {"sessions": stage.sessions, "rules": stage.rules, "partitions": stage.partitions}
    async with memory_bus(stage.settings, ROUTERS, context=context) as bus:
        yield bus


async def test_facts_become_sums_and_a_grant_is_answered(stage: Stage, bus: Any) -> None:
    flats = range(1, 5)
    for event in (event for number in flats for event in a_flat(number)):
        await bus.publish(event)
    await bus.publish(a_group(*(f"P-{number}" for number in flats)))
    for number in flats:
        await bus.publish(days_changed(a_day(number, number)))
    await stage.work()
    assert await stage.sums() == [[10]]
    details = {"aggregation_numbers": ["B-G-1"]}
    entry = GrantEntry(entry_no=0, scope="u", scope_type="cds_query_usage", details=details, enabled=False)
    await bus.publish(
        GrantPublishedV1(
            grant_id="g",
            version=1,
            entries_version=1,
            client_id="c",
            registration_id="r",
            environment="sandbox",
            status="pending",
            enabled_scope="",
            entries=[entry],
            created=NOW,
        )
    )
    resolved = an_entry(
        scope="u", scope_type="cds_query_usage", flags=["include_usage_segments"], reach={"aggregation": [rid("aggregation", "G-1")]}
    )
    await bus.publish(EntitlementsResolvedV1(environment="sandbox", grant_id="g", entries_version=1, version=1, entries=[resolved]))
    assert [body["outcome"] for body in await stage.published("grant.readiness.v1")] == ["ready"]
    assert bus.parked == []


async def test_a_second_delivery_changes_nothing(stage: Stage, bus: Any) -> None:
    group, day = a_group("P-1"), days_changed(a_day(1, 5))
    for event in (group, day, group, day):
        await bus.publish(event)
    async with stage.sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM member_day")) == 1
    assert len(await stage.published("aggregation.published.v1")) == 1


async def test_poison_is_parked_and_newer_types_are_passed_over(stage: Stage, bus: Any) -> None:
    await bus.raw("cds.usage", b'{"event_type":"usage.days.v1","days":1}', headers={"event_type": "usage.days.v1"})
    await bus.publish(a_group("P-1", aggregation_types=["building"]))
    for topic in ("cds.usage", "cds.resources", "utility.aggregations"):
        await bus.raw(topic, b'{"event_type":"something.new.v9"}', headers={"event_type": "something.new.v9"})
    assert [parked.topic for parked in bus.parked] == ["cds.usage.dead", "utility.aggregations.dead"]
