"""One request is one transaction, and its commit comes before the answer."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cds_common.db import Tx
from cds_common.http_app import common_state, new_app
from cds_common.testing.app import application
from cds_common.testing.postgres import Database
from cds_common.wire import cds_router
from libs.cds_common.tests.conftest import sample_settings

router = cds_router()


@router.post("/things/{number}")
async def add(number: int, tx: Tx) -> Response:
    await tx.execute(text("INSERT INTO things VALUES (:number)"), {"number": number})
    return Response(status_code=201)


@router.post("/broken/{number}")
async def add_and_fail(number: int, tx: Tx) -> Response:
    await tx.execute(text("INSERT INTO things VALUES (:number)"), {"number": number})
    raise RuntimeError("after the insert")


@pytest.fixture
async def client(committed: Database, committed_engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    async with committed_engine.begin() as connection:
        await connection.execute(text("CREATE TABLE things (number int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
    settings = sample_settings(committed)
    app = new_app(settings, lifespan=lambda _app: common_state(settings), problem_table={})
    app.include_router(router)
    async with application(app) as client:
        yield client


async def stored(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as connection:
        return list((await connection.scalars(text("SELECT number FROM things"))).all())


async def test_failed_commit_is_no_success(client: httpx.AsyncClient, committed_engine: AsyncEngine) -> None:
    first, second = await client.post("/things/1"), await client.post("/things/1")
    assert first.status_code == 201
    assert second.status_code == 500
    assert await stored(committed_engine) == [1]


async def test_raise_undoes_everything(client: httpx.AsyncClient, committed_engine: AsyncEngine) -> None:
    assert (await client.post("/broken/2")).status_code == 500
    assert await stored(committed_engine) == []
