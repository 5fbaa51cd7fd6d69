"""`cds.customers`, `cds.resources`, `cds.aggregations`, `cds.access` as they arrive: once, late, doubled, unknown."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from cds_auth.application.customer_logins import Outcome, log_in
from cds_auth.events import access_log, aggregations, customers, resources
from cds_auth.persistence.customer_copies import aggregations_of_points, find_customer, resources_of_customer
from cds_auth.persistence.customer_tables import AccessLogRow, CustomerLoginRow
from cds_auth.settings import Settings
from cds_common.db import Sessions
from cds_common.events.grants import AccessesLoggedV1, LoggedAccess
from cds_common.events.resources import CustomerPublishedV1
from cds_common.events.values import AggregationPublishedV1
from cds_common.ids import resource_id
from cds_common.testing.bus import MemoryBus, memory_bus
from cds_common.utility import Utility
from services.auth.tests.customer_builders import Household, a_home

PEPPER = b"p" * 32


@pytest.fixture(scope="module")
async def bus(committed: Settings, committed_sessions: Sessions, utility: Utility) -> AsyncIterator[MemoryBus]:
    routers = (customers.router, resources.router, aggregations.router, access_log.router)
    async with memory_bus(committed, routers, context={"sessions": committed_sessions, "utility": utility}) as opened:
        yield opened


def a_customer(customer_id: UUID, version: int = 1, **members: object) -> CustomerPublishedV1:
    values: dict[str, object] = {
        "environment": "sandbox", "customer_id": customer_id, "version": version, "customer_number": None, "name": "R. Moss",
        "email": None, "login_name": None,
    }  # fmt: skip
    return CustomerPublishedV1.model_validate(values | members)


async def test_the_newest_snapshot_of_a_customer_stays(bus: MemoryBus, committed_sessions: Sessions) -> None:
    customer_id = uuid4()
    await bus.publish(a_customer(customer_id, 2, name="Rita Moss"))
    await bus.publish(a_customer(customer_id, 1, name="R. Moss"))
    async with committed_sessions() as tx:
        found = await find_customer(tx, customer_id, "sandbox")
        assert found is not None
        assert (found.version, found.name) == (2, "Rita Moss")
        assert await find_customer(tx, customer_id, "production") is None


async def test_a_test_account_gets_its_published_login_in_the_sandbox_only(bus: MemoryBus, committed_sessions: Sessions) -> None:
    sandbox, production = (resource_id(environment, "customer", "C-MOSS") for environment in ("sandbox", "production"))
    await bus.publish(a_customer(production, environment="production"))
    for version in (1, 2):
        await bus.publish(a_customer(sandbox, version))
    async with committed_sessions.begin() as tx:
        logins = (await tx.scalars(select(CustomerLoginRow).where(CustomerLoginRow.login_key == "moss"))).all()
        assert [(login.environment, login.customer_id) for login in logins] == [("sandbox", sandbox)]
        now = datetime.now(UTC)
        right = await log_in(tx, environment="sandbox", login_name="MOSS ", password="test-moss", address="a", pepper=PEPPER, now=now)
        assert (right.outcome, right.customer_id) == (Outcome.LOGGED_IN, sandbox)
        real = await log_in(tx, environment="production", login_name="moss", password="test-moss", address="a", pepper=PEPPER, now=now)
        assert real.outcome is Outcome.WRONG


async def test_resources_are_found_by_customer_and_late_ones_change_nothing(bus: MemoryBus, committed_sessions: Sessions) -> None:
    home, neighbour = a_home(), a_home()
    for resource in [*home.resources, *neighbour.resources]:
        await bus.publish(resource)
    renamed = home.resources[0].model_copy(update={"version": 3, "name": "New", "event_id": uuid4()})
    await bus.publish(renamed)
    await bus.publish(home.resources[0].model_copy(update={"version": 2, "name": "Old", "event_id": uuid4()}))
    async with committed_sessions() as tx:
        found = {each.resource_id: each for each in await resources_of_customer(tx, home.customer_id, "sandbox")}
        assert set(found) == {resource.resource_id for resource in home.resources}
        assert found[home.account_id].name == "New"
        assert await resources_of_customer(tx, home.customer_id, "production") == []


async def test_points_and_meters_that_a_contract_names_come_along(bus: MemoryBus, committed_sessions: Sessions) -> None:
    home = a_home()
    for resource in home.resources:
        hidden = resource.kind in {"service_point", "meter_device"}
        await bus.publish(resource.model_copy(update={"customer_ids": []} if hidden else {}))
    async with committed_sessions() as tx:
        found = await resources_of_customer(tx, home.customer_id, "sandbox")
        assert {each.resource_id for each in found} == {resource.resource_id for resource in home.resources}


async def test_groups_are_found_through_groups_inside_them(bus: MemoryBus, committed_sessions: Sessions) -> None:
    home = Household()
    home.service("220-471")
    point = home.id("service_point", "220-471")
    inner, outer = uuid4(), uuid4()
    for group, points, members in ((inner, [point], []), (outer, [], [inner])):
        await bus.publish(
            AggregationPublishedV1(
                environment="sandbox", aggregation_id=group, ref=str(group), version=1, aggregation_number=str(group), name="Group",
                aggregation_types=["building"], member_count=1, service_point_ids=points, member_aggregation_ids=members,
                consent_requirement="never",
            )
        )  # fmt: skip
    async with committed_sessions() as tx:
        found = await aggregations_of_points(tx, [point], "sandbox")
        assert {each.aggregation_id for each in found} == {inner, outer}
        assert await aggregations_of_points(tx, [uuid4()], "sandbox") == []


async def test_an_access_is_noted_once_per_grant(bus: MemoryBus, committed_sessions: Sessions) -> None:
    grants = [f"grant-{uuid4().hex}", f"grant-{uuid4().hex}"]
    both = LoggedAccess(
        at=datetime(2026, 3, 1, tzinfo=UTC), endpoint="/cds/v1/usage-segments", environment="sandbox", client_id="c", token_id="t",
        grant_ids=[*grants, grants[0]], object_count=13, object_ids=[uuid4()],
    )  # fmt: skip
    event = AccessesLoggedV1(service="usage", accesses=[both, both.model_copy(update={"grant_ids": grants[:1], "object_count": 2})])
    await bus.publish(event)
    await bus.publish(event)
    async with committed_sessions() as tx:
        lines = (await tx.scalars(select(AccessLogRow).where(AccessLogRow.grant_id.in_(grants)))).all()
        assert sorted((grants.index(line.grant_id), line.object_count) for line in lines) == [(0, 2), (0, 13), (1, 13)]
        assert {line.at for line in lines} == {both.at}


@pytest.mark.parametrize("topic", ["cds.customers", "cds.resources", "cds.aggregations", "cds.access"])
async def test_unknown_types_pass_and_broken_ones_are_parked(bus: MemoryBus, topic: str) -> None:
    types = {"cds.customers": "customer.published.v1", "cds.resources": "resource.published.v1",
             "cds.aggregations": "aggregation.published.v1", "cds.access": "accesses.logged.v1"}  # fmt: skip
    bus.parked.clear()
    await bus.raw(topic, b"{}", headers={"event_type": "something.new.v9"})
    assert bus.parked == []
    await bus.raw(topic, b'{"version": "x"}', headers={"event_type": types[topic]})
    assert [parked.topic for parked in bus.parked] == [f"{topic}.dead"]
    bus.parked.clear()
