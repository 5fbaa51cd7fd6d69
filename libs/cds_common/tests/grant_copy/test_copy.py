"""The copy keeps the newest version, whatever comes when; readiness is answered once; the access log is chained."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from faststream.kafka import KafkaRouter
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.db import Sessions
from cds_common.events.grants import AccessesLoggedV1, GrantEntry, GrantPublishedV1, GrantsHeartbeatV1, Selection
from cds_common.events.resources import EntitlementsResolvedV1, Reached
from cds_common.grant_copy import (
    TABLES,
    AccessLogPublisher,
    apply_entitlements,
    apply_grant,
    apply_heartbeats,
    find_broken_link,
    load_access,
    log_access,
    merge_parts,
    split_parts,
)
from cds_common.grant_copy.consumers import subscribe_grant_copy
from cds_common.grant_copy.testing import NoPeers, a_token, an_entry, store_grant
from cds_common.message_tables import OUTBOX
from cds_common.settings import CommonSettings
from cds_common.testing.bus import MemoryBus, memory_bus

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)
ROUTER = KafkaRouter()
subscribe_grant_copy(ROUTER, service="usage")


def a_grant(**changes: Any) -> GrantPublishedV1:
    details = {"include_usage_segments": True, "include_usage_segment_value_types": None}
    entry = GrantEntry(
        entry_no=0, scope="cds_usage_1", scope_type="cds_usage", details=details, enabled=True,
        selection=Selection(kind="service_contract", ids=[ONE]),
    )  # fmt: skip
    members: dict[str, Any] = {
        "grant_id": "g1", "version": 1, "entries_version": 1, "client_id": "client-1", "registration_id": "registration-1",
        "environment": "sandbox", "status": "active", "enabled_scope": "cds_usage_1", "created": NOW, "entries": [entry],
    }  # fmt: skip
    return GrantPublishedV1(**(members | changes))


def resolved(*objects: Reached, version: int = 1, entries_version: int = 1) -> EntitlementsResolvedV1:
    entry = an_entry(visible={"meter_device": objects}, reach={"service_contract": objects})
    return EntitlementsResolvedV1(environment="sandbox", grant_id="g1", entries_version=entries_version, version=version, entries=[entry])


async def held_objects(session: AsyncSession) -> set[UUID]:
    return set((await session.scalars(select(TABLES.entitlement_object.c.object_id))).all())


async def answers(session: AsyncSession) -> list[tuple[str, int, str, str]]:
    bodies = await session.scalars(select(OUTBOX.c.body).where(OUTBOX.c.topic == "cds.readiness").order_by(OUTBOX.c.id))
    found = [json.loads(body) for body in bodies.all()]
    return [(one["grant_id"], one["entries_version"], one["service"], one["outcome"]) for one in found]


class TestVersions:
    async def test_an_older_grant_never_replaces_a_newer_one(self, session: AsyncSession) -> None:
        assert await apply_grant(session, a_grant(version=3, status="suspended"))
        assert not await apply_grant(session, a_grant(version=2), partition=1)
        row = (await session.execute(select(TABLES.grant_copy))).one()
        assert (row.version, row.status, row.partition) == (3, "suspended", 1)

    async def test_an_older_resolution_never_replaces_a_newer_one(self, session: AsyncSession) -> None:
        assert await apply_entitlements(session, resolved(Reached(id=TWO), version=2))
        assert not await apply_entitlements(session, resolved(Reached(id=ONE), version=1))
        assert await held_objects(session) == {TWO}

    async def test_a_heartbeat_never_goes_back(self, session: AsyncSession) -> None:
        await apply_heartbeats(session, {0: NOW})
        await apply_heartbeats(session, {0: NOW - timedelta(seconds=1)})
        assert await session.scalar(select(TABLES.grant_heartbeat.c.as_of)) == NOW

    async def test_entitlements_of_an_ended_grant_are_not_kept(self, session: AsyncSession) -> None:
        await apply_grant(session, a_grant(status="revoked"))
        assert not await apply_entitlements(session, resolved(Reached(id=ONE)))
        assert await held_objects(session) == set()


class TestParts:
    @given(count=st.integers(0, 40), size=st.integers(1, 9))
    def test_parts_put_together_are_the_whole(self, count: int, size: int) -> None:
        whole = resolved(*(Reached(id=UUID(int=number), end=NOW) for number in range(count)))
        parts = split_parts(whole, size=size)
        assert merge_parts(parts).entries == whole.entries
        assert len({part.key() for part in parts}) == len(parts)
        assert {(part.version, part.parts) for part in parts} == {(1, len(parts))}

    async def test_they_count_when_all_are_there_in_any_order(self, session: AsyncSession) -> None:
        parts = split_parts(resolved(*(Reached(id=UUID(int=number)) for number in range(10))), size=7)
        assert len(parts) == 3
        for part in (parts[2], parts[0], parts[0]):
            assert not await apply_entitlements(session, part)
        assert await held_objects(session) == set()
        assert await apply_entitlements(session, parts[1])
        assert len(await held_objects(session)) == 10
        assert (await session.execute(select(TABLES.entitlement_part))).all() == []

    async def test_a_whole_that_came_later_makes_old_parts_void(self, session: AsyncSession) -> None:
        parts = split_parts(resolved(*(Reached(id=UUID(int=number)) for number in range(10))), size=10)
        await apply_entitlements(session, parts[0])
        await apply_entitlements(session, resolved(Reached(id=TWO), version=2))
        assert not await apply_entitlements(session, parts[1])
        assert await held_objects(session) == {TWO}


class TestConsumers:
    @pytest.fixture
    async def bus(self, settings: CommonSettings, sessions: Sessions) -> Any:
        async with memory_bus(settings, [ROUTER], context={"sessions": sessions}) as bus:
            yield bus

    @pytest.mark.parametrize("entitlements_first", [False, True])
    async def test_ready_is_said_once_both_are_held(self, bus: MemoryBus, session: AsyncSession, entitlements_first: bool) -> None:
        pair: list[Any] = [a_grant(), resolved(Reached(id=ONE))]
        for event in reversed(pair) if entitlements_first else pair:
            assert await answers(session) == []
            await bus.publish(event)
        assert await answers(session) == [("g1", 1, "usage", "ready")]
        await bus.publish(a_grant(version=2))
        await bus.publish(resolved(Reached(id=TWO), version=2))
        assert len(await answers(session)) == 1
        await bus.publish(a_grant(version=3, entries_version=2))
        await bus.publish(resolved(Reached(id=TWO), version=3, entries_version=2))
        assert await answers(session) == [("g1", 1, "usage", "ready"), ("g1", 2, "usage", "ready")]

    async def test_a_grant_that_does_not_concern_the_service_is_not_answered(self, bus: MemoryBus, session: AsyncSession) -> None:
        entry = GrantEntry(entry_no=0, scope="cds_accounts_1", scope_type="cds_accounts", details={}, enabled=True)
        await bus.publish(a_grant(entries=[entry]))
        await bus.publish(resolved(Reached(id=ONE)))
        assert await answers(session) == []

    async def test_heartbeats_and_unknown_types_are_taken(self, bus: MemoryBus, session: AsyncSession) -> None:
        await bus.publish(GrantsHeartbeatV1(as_of=NOW))
        await bus.raw("cds.grants", b'{"event_type":"grant.published.v9"}', headers={"event_type": "grant.published.v9"})
        assert await session.scalar(select(TABLES.grant_heartbeat.c.as_of)) == NOW
        assert bus.parked == []

    async def test_many_come_in_one_transaction_and_a_bad_one_is_parked_alone(self, bus: MemoryBus, session: AsyncSession) -> None:
        first, ended = a_grant(), a_grant(grant_id="g2", status="revoked")
        bodies = [
            b'{"event_type":"grant.published.v1"}', *(event.model_dump_json().encode() for event in (first, ended, first)),
            GrantsHeartbeatV1(as_of=NOW - timedelta(seconds=1)).model_dump_json().encode(),
            GrantsHeartbeatV1(as_of=NOW).model_dump_json().encode(),
        ]  # fmt: skip
        await bus.broker.publish_batch(*bodies[1:], topic="cds.grants")
        moments = await session.execute(text("SELECT DISTINCT xmin::text FROM grant_copy UNION SELECT xmin::text FROM grant_heartbeat"))
        held = await session.execute(select(TABLES.grant_copy.c.grant_id, TABLES.grant_copy.c.status))
        assert set(held.tuples()) == {("g1", first.status), ("g2", "revoked")}
        assert await session.scalar(select(TABLES.grant_heartbeat.c.as_of)) == NOW
        assert len(moments.all()) == 1
        await bus.broker.publish_batch(bodies[0], a_grant(version=2).model_dump_json().encode(), topic="cds.grants")
        assert [parked.body for parked in bus.parked] == [bodies[0]]
        assert await session.scalar(select(TABLES.grant_copy.c.version).where(TABLES.grant_copy.c.grant_id == "g1")) == 2

    async def test_a_heartbeat_from_the_future_does_not_count_as_one(self, bus: MemoryBus, session: AsyncSession) -> None:
        await bus.publish(GrantsHeartbeatV1(as_of=datetime.now(UTC) + timedelta(days=1)))
        as_of = await session.scalar(select(TABLES.grant_heartbeat.c.as_of))
        assert as_of is not None
        assert as_of <= datetime.now(UTC)


class TestAccessLog:
    async def read(self, session: AsyncSession, settings: CommonSettings, *ids: UUID) -> None:
        token = await store_grant(session, an_entry(visible={"account": list(ids)}), now=NOW)
        access = await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        await log_access(session, access, endpoint="accounts", object_ids=ids)

    async def test_reads_are_published_once_and_chained(self, session: AsyncSession, sessions: Sessions, settings: CommonSettings) -> None:
        for ids in ((ONE,), (ONE, TWO), ()):
            await self.read(session, settings, *ids)
        await session.commit()
        publisher = AccessLogPublisher(sessions, service="accounts")
        assert await publisher.publish_batch() == 2
        await self.read(session, settings, TWO)
        await session.commit()
        assert await publisher.publish_batch() == 1
        assert await publisher.publish_batch() == 0
        bodies = (await session.scalars(select(OUTBOX.c.body).where(OUTBOX.c.topic == "cds.access").order_by(OUTBOX.c.id))).all()
        events = [AccessesLoggedV1.model_validate_json(body) for body in bodies]
        assert [[access.object_count for access in event.accesses] for event in events] == [[1, 2], [1]]
        assert [access.object_ids for access in events[0].accesses] == [[ONE], [ONE, TWO]]
        assert await find_broken_link(session) is None

    async def test_reads_of_thousands_of_objects_come_in_several_messages(
        self, session: AsyncSession, sessions: Sessions, settings: CommonSettings
    ) -> None:
        """No message is larger than the bus takes."""
        many = [uuid4() for _ in range(1000)]
        for _ in range(20):
            await self.read(session, settings, *many)
        await session.commit()
        assert await AccessLogPublisher(sessions, service="accounts").publish_batch() == 20
        bodies = (await session.scalars(select(OUTBOX.c.body).where(OUTBOX.c.topic == "cds.access").order_by(OUTBOX.c.id))).all()
        assert [len(AccessesLoggedV1.model_validate_json(body).accesses) for body in bodies] == [14, 6]
        assert await find_broken_link(session) is None

    @pytest.mark.parametrize("change", [{"client_id": "somebody else"}, {"object_count": 7}])
    async def test_a_changed_row_breaks_the_chain(
        self, session: AsyncSession, sessions: Sessions, settings: CommonSettings, change: dict[str, Any]
    ) -> None:
        for _ in range(3):
            await self.read(session, settings, ONE)
        await session.commit()
        await AccessLogPublisher(sessions, service="accounts").publish_batch()
        await session.execute(update(TABLES.access_log).where(TABLES.access_log.c.chain_no == 2).values(change))
        assert await find_broken_link(session) == 2


async def test_a_token_of_two_grants_opens_the_union_of_the_living(session: AsyncSession, settings: CommonSettings) -> None:
    grants = [a_grant(grant_id=name) for name in ("g1", "g2")]
    for grant, ids in zip(grants, ([ONE], [TWO]), strict=True):
        await apply_grant(session, grant, partition=0)
        body = resolved(*(Reached(id=one) for one in ids)).model_copy(update={"grant_id": grant.grant_id, "event_id": uuid4()})
        await apply_entitlements(session, body)
    await apply_heartbeats(session, {0: NOW})
    token = a_token(*grants, now=NOW)

    async def seen() -> set[UUID]:
        access = await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        return set((await session.scalars(select(access.seen("meter_device").c.object_id))).all())

    assert await seen() == {ONE, TWO}
    await apply_grant(session, a_grant(grant_id="g2", version=2, status="revoked"), partition=0)
    assert await seen() == {ONE}
