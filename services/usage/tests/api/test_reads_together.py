"""Requests at the same time share statements and commits: each sees its own, is logged before it answers, and fails for itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds_common import clock
from cds_common.db import create_engine, create_sessions
from cds_common.grant_copy.testing import store_grant
from cds_common.hot_sql import Lanes
from cds_common.testing.app import application
from cds_common.testing.postgres import Database, ServiceDatabases
from cds_common.testing.tokens import TokenMaker
from cds_usage.app import create_app
from cds_usage.settings import Settings
from services.usage.tests.builders import NOW, Stage, point_entry, readings, rid
from services.usage.tests.conftest import CONFIG

PATH = "/cds/v1/usage-segments"
POINTS = ("P-1", "P-2", "P-3", "P-4", "P-5")
_LOGGED = "SELECT 1 FROM access_log WHERE grant_ids = ARRAY[$1]"


class Witness:
    """Middleware that looks, when an answer begins, whether its row is there for everybody."""

    def __init__(self, app: ASGIApp, *, dsn: str, seen: list[bool]) -> None:
        self._app, self._dsn, self._seen = app, dsn, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                (grant_id,) = (value.decode() for name, value in scope["headers"] if name == b"x-grant")
                connection = await asyncpg.connect(self._dsn)
                self._seen.append(await connection.fetchval(_LOGGED, grant_id) == 1)
                await connection.close()
            await send(message)

        await self._app(scope, receive, watched)


class Reads:
    """Five Grants, each of one point, and the service as a process has it, on a database with real commits."""

    def __init__(self, client: httpx.AsyncClient, headers: dict[str, dict[str, str]], dsn: str, logged_first: list[bool]) -> None:
        self.client, self.headers, self.dsn, self.logged_first = client, headers, dsn, logged_first

    def ask(self, point: str) -> asyncio.Task[httpx.Response]:
        return asyncio.create_task(self.client.get(PATH, headers=self.headers[point]))

    async def sql(self, query: str) -> Any:
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()


@pytest.fixture
async def reads(service_databases: ServiceDatabases) -> AsyncIterator[Reads]:
    database: Database = service_databases.fresh("usage", Path(__file__).parents[2])
    settings = Settings(database_url=database.url, kafka_bootstrap_servers="localhost:1", internal_key="k" * 40, utility_config=CONFIG)
    engine, maker, logged_first = create_engine(settings, process="test"), TokenMaker(settings), list[bool]()
    lanes = Lanes(engine, most=2)
    stage = Stage(create_sessions(engine, lanes), settings)
    await stage.take(*(readings("2026-03-07T00:00:00-08:00", [number], servicepoint_ref=ref) for number, ref in enumerate(POINTS)))
    headers = dict[str, dict[str, str]]()
    for ref in POINTS:
        async with stage.sessions.begin() as session:
            token = await store_grant(session, point_entry(ref), now=NOW, grant_id=f"grant-{ref}")
        claims = token.model_dump(include={"sub", "client_id", "registration_id", "environment", "scope", "cds_grant_ids"})
        headers[ref] = maker.headers(**claims) | {"x-grant": f"grant-{ref}"}
    app = create_app(settings)
    app.add_middleware(Witness, dsn=database.dsn, seen=logged_first)
    app.dependency_overrides[clock.now] = lambda: NOW
    state = {"sessions": stage.sessions, "tokens": maker.verifier, "reader": stage.reader, "peers": stage.peers}
    async with application(app, state=state) as client:
        yield Reads(client, headers, database.dsn, logged_first)
    await lanes.close()
    await engine.dispose()
    service_databases.drop(database)


def points_of(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200
    return [one for segment in answer.json()["usage_segments"] for one in segment["related_servicepoints"]]


async def test_each_sees_its_own_and_is_logged_before_it_answers(reads: Reads) -> None:
    answers = await asyncio.gather(*(reads.ask(ref) for ref in (*POINTS, *POINTS)))
    assert [points_of(answer) for answer in answers] == [[str(rid("service_point", ref))] for ref in (*POINTS, *POINTS)]
    assert reads.logged_first == [True] * 10
    rows = await reads.sql("SELECT grant_ids[1] AS grant_id, count(*) AS reads FROM access_log GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in rows] == [(f"grant-{ref}", 2) for ref in POINTS]


async def test_an_end_counts_for_the_next_read_of_those_that_come_together(reads: Reads) -> None:
    points_of(await reads.ask("P-2"))
    await reads.sql("UPDATE grant_copy SET status = 'revoked' WHERE grant_id = 'grant-P-2'")
    answers = await asyncio.gather(*(reads.ask(ref) for ref in POINTS))
    assert [answer.status_code for answer in answers] == [200, 401, 200, 200, 200]


@pytest.mark.parametrize(("cause", "status"), [("53100", 503), ("23514", 500)])
async def test_what_cannot_be_logged_is_not_shown(reads: Reads, cause: str, status: int) -> None:
    raising = f"BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{cause}'; END"
    await reads.sql(f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$")
    await reads.sql("CREATE TRIGGER refuse BEFORE INSERT ON access_log EXECUTE FUNCTION refuse()")
    answers = await asyncio.gather(*(reads.ask(ref) for ref in POINTS))
    assert [answer.status_code for answer in answers] == [status] * 5
    assert not any("usage_segment" in answer.text for answer in answers)
    assert await reads.sql("SELECT 1 FROM access_log") == []


async def test_a_client_that_goes_away_takes_nobody_with_it(reads: Reads) -> None:
    await asyncio.gather(*(reads.ask(ref) for ref in POINTS))
    asked = [reads.ask(ref) for ref in POINTS]
    for delay, gone in ((0.002, asked[0]), (0.002, asked[2])):
        await asyncio.sleep(delay)
        gone.cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [points_of(answer) for answer in answers if isinstance(answer, httpx.Response)][-2:] == [
        [str(rid("service_point", ref))] for ref in ("P-4", "P-5")
    ]
    assert points_of(await reads.ask("P-1")) == [str(rid("service_point", "P-1"))]
