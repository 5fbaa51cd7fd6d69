"""What arrives from the utility becomes versions and published resources, whatever the order."""

import asyncio
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.domain.snapshots import Neighbourhood
from cds_accounts.events import ROUTERS
from cds_accounts.persistence.tables import VERSIONS, inbox, outbox, published_resource, refresh_queue, service_contract
from cds_accounts.settings import Settings
from cds_common.db import Sessions
from cds_common.events.resources import ResourcePublishedV1
from cds_common.events.utility import Contact
from cds_common.testing.bus import MemoryBus, memory_bus
from services.accounts.tests.builders import (
    DAY,
    T0,
    a_contract,
    a_customer,
    a_home,
    a_meter,
    a_point,
    a_program,
    an_account,
    placed,
    rid,
)
from services.accounts.tests.conftest import Refresh


async def published(session: AsyncSession, event_type: str = "resource.published.v1") -> list[dict[str, Any]]:
    bodies = await session.scalars(select(outbox.c.body).where(outbox.c.event_type == event_type).order_by(outbox.c.id))
    return [json.loads(body) for body in bodies.all()]


async def newest_snapshots(session: AsyncSession) -> dict[str, ResourcePublishedV1]:
    """The last published snapshot by ref."""
    return {body["ref"]: ResourcePublishedV1.model_validate(body) for body in await published(session)}


@pytest.fixture
def stated(bus: MemoryBus, refresh: Refresh, session: AsyncSession) -> Any:
    async def state(*events: Any) -> dict[str, ResourcePublishedV1]:
        for event in events:
            await bus.publish(event)
        await refresh()
        return await newest_snapshots(session)

    return state


class TestOutOfOrder:
    @pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5], ids=str)
    async def test_the_published_relations_do_not_depend_on_the_order(
        self, bus: MemoryBus, refresh: Refresh, session: AsyncSession, order: tuple[int, ...]
    ) -> None:
        home = a_home()
        for index in order:
            await bus.publish(home[index])
            await refresh()
        found = await newest_snapshots(session)
        anna, account, contract = rid("customer", "anna"), rid("account", "A1"), rid("service_contract", "C1")
        point, meter = rid("service_point", "P1"), rid("meter_device", "M1")
        for ref in ("A1", "C1", "P1", "M1"):
            assert found[ref].customer_ids == [anna]
            assert found[ref].account_ids == [account]
        start = datetime(2025, 1, 1, tzinfo=UTC)
        assert [(one.id, one.start, one.end) for one in found["P1"].contracts] == [(contract, start, None)]
        assert [one.id for one in found["C1"].service_points] == [point]
        assert [one.id for one in found["P1"].meter_devices] == [meter]
        assert [(one.id, one.start) for one in found["M1"].contracts] == [(contract, T0 - 300 * DAY)]
        number = await session.scalar(select(service_contract.c.account_number).where(service_contract.c.newest))
        assert number == "No-A1"

    async def test_a_point_names_no_contract_that_has_not_arrived(self, stated: Any) -> None:
        found = await stated(a_point("P1", "C1"))
        assert found["P1"].contracts == []
        assert found["P1"].current_contract_ids == []


class TestVersions:
    @pytest.mark.req("WG3D-028", "WG3D-029", "WG3D-030")
    async def test_a_confirmation_moves_only_cds_synced(self, bus: MemoryBus, session: AsyncSession) -> None:
        await bus.publish(an_account())
        table = VERSIONS["account"]
        (first,) = (await session.execute(select(table))).all()
        await bus.publish(an_account(source_time=T0 + DAY))
        (confirmed,) = (await session.execute(select(table))).all()
        assert (first.cds_synced, confirmed.cds_synced) == (T0, T0 + DAY)
        assert (confirmed.cds_created, confirmed.cds_modified) == (first.cds_created, first.cds_modified)
        await bus.publish(an_account(source_time=T0 + 2 * DAY, account_name="Anna"))
        old, new = (await session.execute(select(table).order_by(table.c.version_id))).all()
        assert (old.newest, new.newest) == (False, True)
        assert new.object_id == first.object_id
        assert new.cds_created == first.cds_created
        assert new.cds_modified > first.cds_modified
        assert new.cds_synced == T0 + 2 * DAY

    async def test_late_news_of_the_past_become_history_only(self, stated: Any, session: AsyncSession) -> None:
        await stated(an_account(source_time=T0, account_name="New"))
        found = await stated(an_account(source_time=T0 - DAY, account_name="Old"))
        assert found["A1"].name == "New"
        table = VERSIONS["account"]
        rows = (await session.execute(select(table.c.account_name, table.c.newest).order_by(table.c.valid_from))).all()
        assert [tuple(row) for row in rows] == [("Old", False), ("New", True)]

    async def test_a_repeated_message_changes_nothing(self, bus: MemoryBus, refresh: Refresh, session: AsyncSession) -> None:
        event = an_account()
        for _ in range(2):
            await bus.publish(event)
            await refresh()
        assert len((await session.execute(select(VERSIONS["account"]))).all()) == 1
        assert len(await published(session)) == 1

    async def test_the_same_data_again_publishes_nothing(self, stated: Any, session: AsyncSession) -> None:
        await stated(*a_home())
        count = len(await published(session))
        await stated(*[event.model_copy(update={"source_time": T0 + DAY}) for event in a_home()])
        assert len(await published(session)) == count

    @pytest.mark.req("WG3D-060")
    async def test_a_renumbered_account_renumbers_its_contracts(self, stated: Any, session: AsyncSession) -> None:
        await stated(*a_home())
        await stated(an_account(source_time=T0 + DAY, account_number="No-new"))
        table = service_contract
        rows = (await session.execute(select(table).order_by(table.c.version_id))).all()
        assert [(row.account_number, row.newest) for row in rows] == [("No-A1", False), ("No-new", True)]
        assert rows[1].cds_modified > rows[0].cds_modified
        assert rows[1].valid_from == T0 + DAY


class TestNeighbours:
    async def test_a_new_tenant_joins_the_customers_of_the_point_and_the_tenures_do_not_overlap(self, stated: Any) -> None:
        await stated(*a_home())
        found = await stated(
            a_contract("C1", "A1", source_time=T0 + DAY, contract_end=T0.date(), contract_status="closed"),
            an_account("A2", "bert", source_time=T0 + DAY),
            a_contract("C2", "A2", source_time=T0 + DAY, contract_start=T0.date() + DAY),
            a_point("P1", "C2", previous=("C1",), source_time=T0 + DAY),
        )
        midnight = datetime(2026, 1, 2, tzinfo=UTC)
        assert {(one.id, one.end) for one in found["P1"].contracts if one.end} == {(rid("service_contract", "C1"), midnight)}
        assert {(one.id, one.start) for one in found["P1"].contracts if not one.end} == {(rid("service_contract", "C2"), midnight)}
        assert set(found["M1"].customer_ids) == {rid("customer", "anna"), rid("customer", "bert")}
        assert found["P1"].account_ids == [rid("account", "A2")]
        assert found["M1"].current_contract_ids == [rid("service_contract", "C2")]

    async def test_a_meter_swap_changes_the_point_too(self, stated: Any) -> None:
        await stated(*a_home())
        found = await stated(
            a_meter("M1", placed("P1", end=T0 + DAY), source_time=T0 + 2 * DAY),
            a_meter("M2", placed("P1", start=T0 + DAY), source_time=T0 + 2 * DAY),
        )
        assert {(one.id, one.start, one.end) for one in found["P1"].meter_devices} == {
            (rid("meter_device", "M1"), T0 - 300 * DAY, T0 + DAY),
            (rid("meter_device", "M2"), T0 + DAY, None),
        }

    async def test_a_contract_that_leaves_a_point_loses_it(self, stated: Any) -> None:
        await stated(*a_home())
        found = await stated(a_point("P1", source_time=T0 + DAY))
        assert found["C1"].service_points == []
        assert found["M1"].customer_ids == []


class TestCustomers:
    async def test_a_customer_is_published_once_per_change(self, bus: MemoryBus, session: AsyncSession) -> None:
        await bus.publish(a_customer())
        await bus.publish(a_customer(source_time=T0 + DAY))
        await bus.publish(a_customer(source_time=T0 + 2 * DAY, name="Anna B."))
        await bus.publish(a_customer(source_time=T0 - DAY, name="Too late"))
        found = await published(session, "customer.published.v1")
        assert [one["name"] for one in found] == ["Anna", "Anna B."]
        assert found[0]["version"] < found[1]["version"]


class TestUnfit:
    async def test_a_program_type_of_another_kind_is_parked(self, bus: MemoryBus, session: AsyncSession) -> None:
        await bus.publish(an_account(account_programs=[a_program("TH", "thermostat")]))
        assert [one.topic for one in bus.parked] == ["utility.accounts.dead"]
        assert (await session.execute(select(VERSIONS["account"]))).all() == []

    @pytest.mark.req("WG3D-045")
    async def test_a_phone_number_that_is_not_e164_is_left_out(self, bus: MemoryBus, session: AsyncSession) -> None:
        contacts = [Contact(types=["phone_number"], value="555 0100"), Contact(types=["phone_number"], value="+15550100")]
        await bus.publish(an_account(account_contacts=contacts))
        document = await session.scalar(select(VERSIONS["account"].c.document))
        assert document is not None
        assert "+15550100" in document
        assert "555 0100" not in document


async def test_one_bad_object_does_not_hold_up_the_others(
    bus: MemoryBus, refresh: Refresh, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Neighbourhood._account

    def failing(self: Neighbourhood, row: Any) -> dict[str, Any]:
        if row.ref == "bad":
            raise RuntimeError("cannot be published")
        return make(self, row)

    monkeypatch.setattr(Neighbourhood, "_account", failing)
    for event in (an_account("bad"), an_account("A1"), an_account("A2")):
        await bus.publish(event)
    await refresh()
    assert set(await newest_snapshots(session)) == {"A1", "A2"}
    (waiting,) = (await session.execute(select(refresh_queue))).all()
    assert (waiting.kind, waiting.subject, waiting.attempts) == ("account", str(rid("account", "bad")), 1)


async def test_a_rebuilt_service_publishes_above_what_it_published_before(bus: MemoryBus, refresh: Refresh, session: AsyncSession) -> None:
    await bus.publish(an_account())
    await refresh()
    for table in (published_resource, VERSIONS["account"], inbox):
        await session.execute(delete(table))
    await session.commit()
    await bus.publish(an_account())
    await refresh()
    before, after = [body["version"] for body in await published(session)]
    assert before < after


async def test_sandbox_and_production_never_share_an_object(bus: MemoryBus, refresh: Refresh, session: AsyncSession) -> None:
    for environment in ("sandbox", "production"):
        for event in a_home():
            await bus.publish(event.model_copy(update={"environment": environment}))
    await refresh()
    bodies = await published(session)
    ids: dict[str, set[str]] = {"sandbox": set(), "production": set()}
    for body in bodies:
        ids[body["environment"]] |= {body["resource_id"], *body["customer_ids"], *body["account_ids"]}
    assert len(ids["sandbox"]) == len(ids["production"]) == 5
    assert ids["sandbox"].isdisjoint(ids["production"])


@pytest.mark.req("WG3D-041")
async def test_an_entity_has_the_number_of_its_coverage_entries(
    app: FastAPI, settings: Settings, sessions: Sessions, session: AsyncSession
) -> None:
    covered = settings.model_copy(update={"utility_config": Path(__file__).parents[4] / "config" / "utility.yaml"})
    own = {"entity_number": "internal 7", "types": ["muni"], "entity_name": "Harbor Light & Power"}
    other = own | {"entity_name": "Elsewhere Supply"}
    async with memory_bus(covered, ROUTERS, context={"sessions": sessions, "wake": asyncio.Event()}) as bus:
        await bus.publish(an_account(account_entity=own))
        await bus.publish(a_contract("C1", contract_entity=own))
        await bus.publish(a_contract("C2", contract_entity=other))

    documents = {
        row.ref: json.loads(row.document)
        for kind in ("account", "service_contract")
        for row in await session.execute(select(VERSIONS[kind].c.ref, VERSIONS[kind].c.document))
    }
    assert documents["A1"]["account_entity"]["entity_number"] == "HLP"
    assert documents["C1"]["contract_entity"] == documents["A1"]["account_entity"]
    assert documents["C2"]["contract_entity"]["entity_number"] == "internal 7"
