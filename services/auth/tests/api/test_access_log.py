"""The operator's search over the four services' access logs."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cds_auth.adapters.access_logs import AccessLogs
from cds_auth.app import create_app
from cds_auth.application.operator_keys import create_operator_key
from cds_auth.persistence.customer_copies import store_customer, store_resource
from cds_auth.settings import Settings
from cds_common.db import Sessions
from cds_common.events.resources import CustomerPublishedV1, ResourcePublishedV1
from cds_common.testing.app import application

API = "/auth-operator/api/v1"
PORTS = {8083: "accounts", 8084: "billing", 8085: "usage", 8086: "aggregation"}


def a_read(no: int, minute: int) -> dict[str, Any]:
    return {
        "no": no, "at": f"2026-03-01T12:{minute:02}:00Z", "endpoint": "accounts", "environment": "sandbox", "client_id": "c1",
        "token_id": "t", "grant_ids": ["g1"], "object_count": 1, "object_ids": [str(uuid4())],
    }  # fmt: skip


class Peers:
    """The four services: reads by service, newest first; what each was asked."""

    def __init__(self) -> None:
        self.reads: dict[str, list[dict[str, Any]]] = {service: [] for service in PORTS.values()}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.away: set[str] = set()

    def answer(self, request: httpx.Request) -> httpx.Response:
        service, query = PORTS[request.url.port or 0], dict(request.url.params)
        assert request.headers["authorization"].startswith("Bearer ")
        self.asked.append((service, query))
        if service in self.away:
            return httpx.Response(503)
        if request.url.path.endswith("/chain"):
            return httpx.Response(200, json={"checked_to": 7, "digest": "ab", "broken_at": 8 if service == "usage" else None, "done": True})
        below = int(query.get("older_than", "999"))
        return httpx.Response(200, json=[one for one in self.reads[service] if one["no"] < below][: int(query["limit"])])


@pytest.fixture
def peers() -> Peers:
    return Peers()


@pytest.fixture
async def client(committed: Settings, committed_sessions: Sessions, peers: Peers) -> AsyncIterator[httpx.AsyncClient]:
    async with committed_sessions.begin() as tx:
        _, key = await create_operator_key(tx, "ada", now=datetime.now(UTC), expires=None)
    http = httpx.AsyncClient(transport=httpx.MockTransport(peers.answer))
    async with application(create_app(committed), state={"access_logs": AccessLogs(committed, http)}) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


async def test_without_an_operator_key_nothing_is_told(client: httpx.AsyncClient, peers: Peers) -> None:
    for path in ("/access-log", "/access-log/chains/usage"):
        assert (await client.get(API + path, headers={"Authorization": "Bearer wrong"})).status_code == 401
    assert peers.asked == []


async def test_pages_merge_the_services_by_time(client: httpx.AsyncClient, peers: Peers) -> None:
    peers.reads["accounts"] = [a_read(3, 50), a_read(2, 30), a_read(1, 10)]
    peers.reads["usage"] = [a_read(8, 40), a_read(7, 20)]
    seen, cursor = list[tuple[str, int]](), ""
    for _ in range(10):
        answer = (await client.get(f"{API}/access-log", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [(one["service"], one["no"]) for one in answer["reads"]]
        cursor = answer["cursor"] or ""
        if not cursor:
            break
    assert seen == [("accounts", 3), ("usage", 8), ("accounts", 2), ("usage", 7), ("accounts", 1)]


async def test_filters_reach_every_service(client: httpx.AsyncClient, peers: Peers) -> None:
    thing = str(uuid4())
    sent = {"client_id": "c1", "object_id": thing, "environment": "sandbox", "after": "2026-03-01T00:00:00+01:00", "limit": "7"}
    assert (await client.get(f"{API}/access-log", params=sent)).status_code == 200
    told = {"client_id": "c1", "object_ids": thing, "environment": "sandbox", "after": "2026-02-28T23:00:00+00:00", "limit": "7"}
    assert sorted(peers.asked, key=lambda one: one[0]) == [(service, told) for service in sorted(PORTS.values())]
    acts = (await client.get(f"{API}/audit", params={"target": thing})).json()["acts"]
    assert [(act["operator"], act["action"]) for act in acts] == [("ada", "access_log.search")]


async def test_a_customer_stands_for_grants_and_objects(
    client: httpx.AsyncClient, peers: Peers, committed_sessions: Sessions, customer_with_account: Callable[..., Any]
) -> None:
    number, account = await customer_with_account()
    query = {"customer_number": number, "environment": "sandbox"}
    assert (await client.get(f"{API}/access-log", params=query)).status_code == 200
    assert {(told["grant_ids"], told["object_ids"]) for _, told in peers.asked} == {("-", account)}


@pytest.fixture
def customer_with_account(committed_sessions: Sessions) -> Callable[..., Any]:
    async def make() -> tuple[str, str]:
        customer_id, account_id, number = uuid4(), uuid4(), f"CU-{uuid4().hex[:8]}"
        customer = CustomerPublishedV1(
            environment="sandbox", customer_id=customer_id, version=1, customer_number=number, name="Anna", email=None, login_name=None
        )
        account = ResourcePublishedV1(
            environment="sandbox", kind="account", resource_id=account_id, ref=number, version=1, customer_ids=[customer_id],
            account_ids=[account_id], number=number,
        )  # fmt: skip
        async with committed_sessions.begin() as tx:
            await store_customer(tx, customer)
            await store_resource(tx, account)
        return number, str(account_id)

    return make


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"customer_number": "nobody", "environment": "sandbox"}, 404),
        ({"customer_number": "CU-1"}, 400),
        ({"customer_number": "CU-1", "environment": "sandbox", "grant_id": "g"}, 400),
        ({"grant_id": "g", "object_id": str(uuid4())}, 400),
        ({"grant_id": "two words"}, 400),
        ({"object_id": "no-uuid"}, 400),
        ({"after": "yesterday"}, 400),
        ({"cursor": "registry-1"}, 400),
        ({"cursor": "usage-x"}, 400),
        ({"limit": "0"}, 400),
    ],
)
async def test_what_cannot_be_asked_is_refused(client: httpx.AsyncClient, query: dict[str, str], status: int) -> None:
    assert (await client.get(f"{API}/access-log", params=query)).status_code == status


async def test_a_service_that_is_away_leaves_no_gap(client: httpx.AsyncClient, peers: Peers) -> None:
    peers.away.add("billing")
    assert (await client.get(f"{API}/access-log")).status_code == 503


async def test_a_chain_is_checked_where_it_is_kept(client: httpx.AsyncClient, peers: Peers) -> None:
    found = (await client.get(f"{API}/access-log/chains/usage", params={"after": 5})).json()
    assert found == {"service": "usage", "checked_to": 7, "digest": "ab", "broken_at": 8, "done": True}
    assert peers.asked == [("usage", {"after": "5"})]
    assert (await client.get(f"{API}/access-log/chains/registry")).status_code == 400
