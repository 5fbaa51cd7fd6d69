"""The operator's search in the access log, and the check of its chain."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.db import Sessions
from cds_common.grant_copy import TABLES, AccessLogPublisher, load_access, log_access
from cds_common.grant_copy.access_api import access_log_router
from cds_common.grant_copy.access_search import ReadsWanted, check_chain, find_reads
from cds_common.grant_copy.testing import NoPeers, an_entry, store_grant
from cds_common.http_app import common_state, new_app
from cds_common.internal import sign_call
from cds_common.settings import CommonSettings
from cds_common.testing.app import application

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))
LOG = TABLES.access_log
READS: list[tuple[dict[str, Any], list[UUID]]] = [
    ({"grant_id": "g1", "client_id": "c1"}, [ONE, TWO]),
    ({"grant_id": "g2", "client_id": "c2"}, [TWO]),
    ({"grant_id": "g3", "client_id": "c1", "environment": "production"}, [THREE]),
    ({"grant_id": "g1", "client_id": "c1"}, [ONE]),
]


@pytest.fixture
async def logged(session: AsyncSession, sessions: Sessions, settings: CommonSettings) -> AsyncSession:
    """Four reads, an hour apart, each with its place in the chain."""
    for number, (grant, ids) in enumerate(READS, start=1):
        token = await store_grant(session, an_entry(visible={"account": ids}), now=NOW, version=number, **grant)
        access = await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        await log_access(session, access, endpoint="accounts" if number < 4 else "bill-files", object_ids=ids)
        newest = LOG.c.chain_no.is_(None) & (LOG.c.client_id == access.client_id)
        await session.execute(update(LOG).where(newest).values(at=NOW + timedelta(hours=number)))
        await session.commit()
        assert await AccessLogPublisher(sessions, service="accounts").publish_batch() == 1
    return session


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ({}, [4, 3, 2, 1]),
        ({"environment": "production"}, [3]),
        ({"client_id": "c1"}, [4, 3, 1]),
        ({"endpoint": "bill-files"}, [4]),
        ({"grant_ids": ["g1", "g2"]}, [4, 2, 1]),
        ({"object_ids": [TWO]}, [2, 1]),
        ({"grant_ids": ["g3"], "object_ids": [TWO]}, [3, 2, 1]),
        ({"grant_ids": ["g3"], "object_ids": [TWO], "environment": "sandbox"}, [2, 1]),
        ({"grant_ids": ["unknown"]}, []),
        ({"after": NOW + timedelta(hours=2), "before": NOW + timedelta(hours=4)}, [3, 2]),
        ({"older_than": 3}, [2, 1]),
    ],
)
async def test_reads_are_found_newest_first(logged: AsyncSession, wanted: dict[str, Any], places: list[int]) -> None:
    assert [row.chain_no for row in await find_reads(logged, ReadsWanted(**wanted), 100)] == places


async def test_a_limit_gives_the_newest(logged: AsyncSession) -> None:
    assert [row.chain_no for row in await find_reads(logged, ReadsWanted(client_id="c1"), 2)] == [4, 3]


class TestChain:
    async def test_a_whole_chain_is_walked_in_parts(self, logged: AsyncSession) -> None:
        whole = await check_chain(logged)
        assert (whole.checked_to, whole.broken_at, whole.done) == (4, None, True)
        first = await check_chain(logged, count=2)
        assert (first.checked_to, first.broken_at, first.done) == (2, None, False)
        rest = await check_chain(logged, after=2, count=3)
        assert (rest.checked_to, rest.broken_at, rest.done, rest.digest) == (4, None, True, whole.digest)

    async def test_a_changed_row_shows(self, logged: AsyncSession) -> None:
        await logged.execute(update(LOG).where(LOG.c.chain_no == 2).values(object_count=9))
        assert (await check_chain(logged)).broken_at == 2

    async def test_a_missing_row_shows(self, logged: AsyncSession) -> None:
        await logged.execute(delete(LOG).where(LOG.c.chain_no == 3))
        assert (await check_chain(logged)).broken_at == 3

    async def test_a_lost_starting_place_shows(self, logged: AsyncSession) -> None:
        assert (await check_chain(logged, after=9)).broken_at == 9

    async def test_an_empty_log_is_whole(self, session: AsyncSession) -> None:
        found = await check_chain(session)
        assert (found.checked_to, found.broken_at, found.done) == (0, None, True)


class TestOverHttp:
    @pytest.fixture
    async def client(self, settings: CommonSettings, sessions: Sessions, logged: AsyncSession) -> AsyncIterator[httpx.AsyncClient]:
        app = new_app(settings, lifespan=lambda _app: common_state(settings), problem_table={})
        app.include_router(access_log_router())
        async with application(app, state={"sessions": sessions}) as client:
            yield client

    def by(self, settings: CommonSettings, caller: str) -> dict[str, str]:
        class Caller(CommonSettings):
            service = caller

        own = Caller(database_url=settings.database_url, kafka_bootstrap_servers="x:1", internal_key=settings.internal_key)
        return {"Authorization": f"Bearer {sign_call(own, audience='usage')}"}

    async def test_only_auth_may_ask(self, client: httpx.AsyncClient, settings: CommonSettings) -> None:
        for headers in ({}, self.by(settings, "billing")):
            for path in ("/internal/access-log", "/internal/access-log/chain"):
                assert (await client.get(path, headers=headers)).status_code == 401

    async def test_it_tells_all_of_a_read(self, client: httpx.AsyncClient, settings: CommonSettings) -> None:
        query = {"object_ids": f"{TWO} {THREE}", "after": (NOW + timedelta(hours=2)).isoformat(), "limit": "1"}
        (read,) = (await client.get("/internal/access-log", params=query, headers=self.by(settings, "auth"))).json()
        token = read.pop("token_id")
        assert token.startswith("credential.family.")
        assert read == {
            "no": 3, "at": "2026-03-01T15:00:00Z", "endpoint": "accounts", "environment": "production", "client_id": "c1",
            "grant_ids": ["g3"], "object_count": 1, "object_ids": [str(THREE)],
        }  # fmt: skip

    async def test_it_checks_the_chain(self, client: httpx.AsyncClient, settings: CommonSettings) -> None:
        found = (await client.get("/internal/access-log/chain", params={"after": "1"}, headers=self.by(settings, "auth"))).json()
        assert (found["checked_to"], found["broken_at"], found["done"], len(found["digest"])) == (4, None, True, 64)
