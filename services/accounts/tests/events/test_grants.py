"""Grants are resolved when they arrive and again when what they reach changes; only then is something published."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.application import refresh as refreshing
from cds_accounts.persistence.tables import outbox, refresh_queue
from cds_common.events.clients import DirectPermission
from cds_common.events.resources import EntitlementsResolvedV1
from cds_common.events.values import AggregationPublishedV1
from cds_common.grant_copy import apply_grant
from cds_common.testing.bus import MemoryBus
from services.accounts.tests.builders import (
    DAY,
    T0,
    a_contract,
    a_grant,
    a_home,
    a_meter,
    a_point,
    an_account,
    an_entry,
    placed,
    rid,
    ticked,
)
from services.accounts.tests.conftest import Refresh

USAGE = {"include_meter_devices": True, "include_usage_segment_value_types": ["el-15min"]}


async def resolutions(session: AsyncSession) -> list[EntitlementsResolvedV1]:
    bodies = await session.scalars(select(outbox.c.body).where(outbox.c.topic == "cds.entitlements").order_by(outbox.c.id))
    return [EntitlementsResolvedV1.model_validate_json(body) for body in bodies.all()]


async def readiness(session: AsyncSession) -> list[tuple[str, int, str]]:
    bodies = await session.scalars(select(outbox.c.body).where(outbox.c.topic == "cds.readiness").order_by(outbox.c.id))
    found = [json.loads(body) for body in bodies.all()]
    return [(one["grant_id"], one["entries_version"], one["outcome"]) for one in found]


@pytest.fixture
async def tell(bus: MemoryBus, refresh: Refresh) -> Any:
    async def told(*events: Any) -> None:
        for event in events:
            await bus.publish(event)
        await refresh()

    return told


def usage_grant(*contracts: str, **changes: Any) -> Any:
    """Usage of ticked contracts."""
    selected = ticked("service_contract", *(rid("service_contract", one) for one in contracts))
    return a_grant(an_entry(selected, scope_type="cds_usage", **USAGE), **changes)


def reached(resolved: EntitlementsResolvedV1, kind: str) -> set[tuple[UUID, datetime | None, datetime | None]]:
    return {(one.id, one.start, one.end) for one in getattr(resolved.entries[0].reach, kind).objects}


class TestResolving:
    async def test_a_grant_is_resolved_and_answered_ready_once(self, tell: Any, session: AsyncSession) -> None:
        await tell(*a_home(), usage_grant("C1"))
        (resolved,) = await resolutions(session)
        assert (resolved.grant_id, resolved.entries_version) == ("grant-1", 1)
        assert "include_usage_segments" in resolved.entries[0].flags
        assert resolved.entries[0].value_formats == ["el-15min"]
        assert {one.id for one in resolved.entries[0].visible.meter_devices.objects} == {rid("meter_device", "M1")}
        assert await readiness(session) == [("grant-1", 1, "ready")]

    async def test_the_grant_may_come_before_everything_else(self, tell: Any, session: AsyncSession) -> None:
        await tell(usage_grant("C1"))
        for event in reversed(a_home()):
            await tell(event)
        found = await resolutions(session)
        assert [one.version for one in found] == sorted({one.version for one in found})
        assert {one.id for one in found[-1].entries[0].visible.meter_devices.objects} == {rid("meter_device", "M1")}
        assert await readiness(session) == [("grant-1", 1, "ready")]

    async def test_new_entries_are_answered_anew_and_a_mere_new_version_is_not(self, tell: Any, session: AsyncSession) -> None:
        grant = usage_grant("C1")
        await tell(*a_home(), grant)
        await tell(grant.model_copy(update={"version": 2, "event_id": uuid4(), "status": "delayed"}))
        assert len(await resolutions(session)) == 1
        await tell(usage_grant("C1", version=3, entries_version=2))
        first, second = await resolutions(session)
        assert (first.entries_version, second.entries_version) == (1, 2)
        assert first.version < second.version
        assert await readiness(session) == [("grant-1", 1, "ready"), ("grant-1", 2, "ready")]

    async def test_an_ended_grant_leaves_nothing_on_the_compacted_topic(self, tell: Any, session: AsyncSession) -> None:
        grant = usage_grant("C1")
        await tell(*a_home(), grant)
        await tell(grant.model_copy(update={"version": 2, "status": "revoked", "event_id": uuid4()}))
        first, last = await resolutions(session)
        assert (len(first.entries), len(last.entries)) == (1, 0)
        assert first.version < last.version
        await tell(a_meter("M2", placed("P1")))
        assert len(await resolutions(session)) == 2

    async def test_one_bad_grant_does_not_hold_up_the_others(
        self, tell: Any, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from cds_accounts.application.resolve_grant import resolve_grant as resolve

        async def failing(session: AsyncSession, grant_id: str, **others: Any) -> None:
            if grant_id == "bad":
                raise RuntimeError("cannot be resolved")
            await resolve(session, grant_id, **others)

        monkeypatch.setattr(refreshing, "resolve_grant", failing)
        await tell(*a_home(), usage_grant("C1", grant_id="bad"), usage_grant("C1", grant_id="good"))
        assert [one.grant_id for one in await resolutions(session)] == ["good"]
        (waiting,) = (await session.execute(select(refresh_queue))).all()
        assert (waiting.kind, waiting.subject, waiting.attempts) == ("grant", "bad", 1)
        assert waiting.retry_at > datetime.now(UTC)

    async def test_a_grant_that_was_read_through_before_its_event_is_resolved_all_the_same(self, tell: Any, session: AsyncSession) -> None:
        grant = usage_grant("C1")
        await apply_grant(session, grant, checked_at=datetime.now(UTC))
        await session.commit()
        await tell(*a_home(), grant)
        assert len(await resolutions(session)) == 1
        assert await readiness(session) == [("grant-1", 1, "ready")]


class TestReResolving:
    async def test_a_meter_swap_brings_the_new_meter(self, tell: Any, session: AsyncSession) -> None:
        await tell(*a_home(), usage_grant("C1"))
        await tell(
            a_meter("M1", placed("P1", end=T0 + DAY), source_time=T0 + 2 * DAY),
            a_meter("M2", placed("P1", start=T0 + DAY), source_time=T0 + 2 * DAY),
        )
        last = (await resolutions(session))[-1]
        assert rid("meter_device", "M2") in {one.id for one in last.entries[0].visible.meter_devices.objects}

    async def test_a_stranger_changes_nothing(self, tell: Any, session: AsyncSession) -> None:
        await tell(*a_home(), *a_home("2", "bert"), usage_grant("C1"))
        await tell(a_meter("M3", placed("P2")), an_account("A2", "bert", source_time=T0 + DAY, account_name="Bert"))
        assert len(await resolutions(session)) == 1

    async def test_include_future_takes_a_new_contract_of_the_customer(self, tell: Any, session: AsyncSession) -> None:
        ticks = {"with": True, "without": False}
        for name, future in ticks.items():
            selected = ticked("account", rid("account", "A1"), include_future=future)
            entry = an_entry(selected, scope_type="cds_service_contracts")
            await tell(a_grant(entry, grant_id=name))
        await tell(*a_home(), an_account("A9", "anna"), a_contract("C9", "A9"))
        last = {one.grant_id: one.entries[0].visible for one in await resolutions(session)}
        contracts = {name: {one.id for one in sets.service_contracts.objects} for name, sets in last.items()}
        assert contracts == {
            "with": {rid("service_contract", "C1"), rid("service_contract", "C9")},
            "without": {rid("service_contract", "C1")},
        }

    async def test_the_next_tenant_is_out_of_reach_and_so_is_the_former_one(self, tell: Any, session: AsyncSession) -> None:
        await tell(*a_home(), usage_grant("C1"))
        await tell(
            a_contract("C1", "A1", source_time=T0 + DAY, contract_end=T0.date(), contract_status="closed"),
            an_account("A2", "bert"),
            a_contract("C2", "A2", contract_start=T0.date() + DAY),
            a_point("P1", "C2", previous=("C1",), source_time=T0 + DAY),
            usage_grant("C2", grant_id="grant-2", customers=("bert",)),
        )
        last = {one.grant_id: one for one in await resolutions(session)}
        everything = {name: json.dumps(one.model_dump(mode="json")["entries"]) for name, one in last.items()}
        assert str(rid("service_contract", "C2")) not in everything["grant-1"]
        assert str(rid("service_contract", "C1")) not in everything["grant-2"]
        midnight = datetime(2026, 1, 2, tzinfo=UTC)
        starts = [one.start for one in last["grant-2"].entries[0].visible.meter_devices.objects]
        ends = [one.end for one in last["grant-1"].entries[0].visible.meter_devices.objects]
        assert starts == [midnight]
        assert all(end is not None and end <= midnight for end in ends)


class TestDirectAccess:
    async def test_everything_is_a_predicate(self, tell: Any, session: AsyncSession) -> None:
        permission = DirectPermission(everything=True)
        await tell(*a_home(), a_grant(an_entry(scope_type="cds_query_accounts", permission=permission), customers=()))
        (resolved,) = await resolutions(session)
        assert resolved.entries[0].visible.accounts.all
        assert resolved.entries[0].visible.accounts.objects == []
        await tell(*a_home("2"))
        assert len(await resolutions(session)) == 1

    async def test_a_number_finds_its_object_when_it_arrives(self, tell: Any, session: AsyncSession) -> None:
        permission = DirectPermission(everything=True)
        entry = an_entry(scope_type="cds_query_meter_devices", permission=permission, meter_numbers=["No-M2"])
        await tell(*a_home(), a_grant(entry, customers=()))
        await tell(*a_home("2"))
        found = await resolutions(session)
        assert [{one.id for one in each.entries[0].visible.meter_devices.objects} for each in found] == [set(), {rid("meter_device", "M2")}]

    async def test_a_permission_by_account_type_follows_the_type(self, tell: Any, session: AsyncSession) -> None:
        permission = DirectPermission(account_types=["commercial"])
        await tell(*a_home(), a_grant(an_entry(scope_type="cds_query_accounts", permission=permission), customers=()))
        await tell(an_account("A1", account_types=["commercial"], source_time=T0 + DAY))
        await tell(an_account("A1", account_types=["residential"], source_time=T0 + 2 * DAY))
        found = await resolutions(session)
        assert [[one.id for one in each.entries[0].visible.accounts.objects] for each in found] == [[], [rid("account", "A1")], []]

    @pytest.mark.req("WG3A-026", "WG3A-022")
    async def test_self_access_follows_the_customer_as_long_as_sync_until_lasts(self, tell: Any, session: AsyncSession) -> None:
        permission = DirectPermission(customer_ids=[rid("customer", "anna")])
        for name, until in (("lasting", "infinite"), ("ended", (T0 + DAY).isoformat().replace("+00:00", "Z"))):
            entry = an_entry(
                scope_type="cds_query_service_contracts", permission=permission, sync_until=until, include_accounts=True,
                include_service_contracts=True,
            )  # fmt: skip
            await tell(a_grant(entry, grant_id=name, customers=()))
        await tell(*a_home(), *a_home("2", customer="bert"))
        later = T0 + 2 * DAY
        await tell(an_account("A9", "anna", source_time=later), a_contract("C9", "A9", source_time=later))

        async def contracts(grant_id: str) -> set[UUID]:
            last = [each for each in await resolutions(session) if each.grant_id == grant_id][-1]
            assert {one.id for one in last.entries[0].visible.accounts.objects} >= {rid("account", "A1")}
            return {one.id for one in last.entries[0].visible.service_contracts.objects}

        first, new = rid("service_contract", "C1"), rid("service_contract", "C9")
        assert (await contracts("lasting"), await contracts("ended")) == ({first, new}, {first})
        # The account passes to somebody else: what is the customer's no more is seen no more.
        await tell(an_account("A9", "bert", source_time=later + DAY))
        assert await contracts("lasting") == {first}

    async def test_the_other_environment_is_never_reached(self, tell: Any, session: AsyncSession) -> None:
        permission = DirectPermission(everything=True)
        entry = an_entry(scope_type="cds_query_accounts", permission=permission, account_numbers=["No-A1"])
        await tell(*a_home(), a_grant(entry, customers=(), environment="production"))
        (resolved,) = await resolutions(session)
        assert resolved.entries[0].visible.accounts.objects == []


class TestAggregations:
    async def test_an_aggregation_by_number_is_in_reach(self, tell: Any, session: AsyncSession) -> None:
        permission = DirectPermission(all_aggregations=True)
        entry = an_entry(scope_type="cds_query_usage", permission=permission, aggregation_numbers=["B-1"], include_aggregations=True)
        group = AggregationPublishedV1(
            environment="sandbox", aggregation_id=rid("aggregation", "G1"), ref="G1", version=1, aggregation_number="B-1", name="Building",
            aggregation_types=["building"], member_count=1, service_point_ids=[rid("service_point", "P1")], consent_requirement="always",
        )  # fmt: skip
        await tell(*a_home(), a_grant(entry, customers=()))
        await tell(group)
        last = (await resolutions(session))[-1].entries[0]
        assert [one.id for one in last.reach.aggregations.objects] == [rid("aggregation", "G1")]
        assert last.reach.service_points.objects == []

    @pytest.mark.req("WG3A-081")
    @pytest.mark.parametrize("included", [True, False])
    async def test_a_building_shows_where_it_lies_and_nothing_of_its_tenants(
        self, tell: Any, session: AsyncSession, included: bool
    ) -> None:
        permission = DirectPermission(aggregation_numbers=["B-1"])
        entry = an_entry(
            scope_type="cds_query_aggregations", permission=permission, aggregation_numbers=["B-1"], include_aggregations=True,
            include_service_points=included, include_premises=True, include_service_point_addresses=True,
        )  # fmt: skip
        group = AggregationPublishedV1(
            environment="sandbox", aggregation_id=rid("aggregation", "G1"), ref="G1", version=1, aggregation_number="B-1", name="Building",
            aggregation_types=["building"], member_count=1, service_point_ids=[rid("service_point", "P1")], consent_requirement="always",
        )  # fmt: skip
        await tell(*a_home(), *a_home("2"), group, a_grant(entry, customers=()))
        last = (await resolutions(session))[-1].entries[0]
        assert [one.id for one in last.visible.aggregations.objects] == [rid("aggregation", "G1")]
        assert [one.id for one in last.visible.service_points.objects] == ([rid("service_point", "P1")] if included else [])
        for kind in ("accounts", "service_contracts", "meter_devices"):
            assert getattr(last.visible, kind).objects == []
        assert last.reach.service_points.objects == []
