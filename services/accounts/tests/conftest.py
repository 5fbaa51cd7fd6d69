"""Fixtures of this service: its settings against a migrated database of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from cds_accounts.app import create_app
from cds_accounts.application.refresh import drain
from cds_accounts.events import ROUTERS
from cds_accounts.settings import Settings
from cds_common.db import Sessions
from cds_common.events.envelope import IntegrationEvent
from cds_common.events.grants import GrantPublishedV1, GrantsHeartbeatV1
from cds_common.grant_copy.testing import NoPeers
from cds_common.testing.app import application
from cds_common.testing.bus import MemoryBus, memory_bus
from cds_common.testing.postgres import Database, ServiceDatabases
from cds_common.testing.schemas import assert_valid
from cds_common.testing.tokens import TokenMaker

Refresh = Callable[..., Awaitable[int]]


@dataclass
class World:
    """A utility and its Grants, told by events and worked off as the worker does; `get` is what a client sees."""

    bus: MemoryBus
    refresh: Refresh
    client: httpx.AsyncClient
    maker: TokenMaker

    async def tell(self, *events: IntegrationEvent) -> None:
        for event in events:
            await self.bus.publish(event)
        await self.bus.publish(GrantsHeartbeatV1(as_of=datetime.now(UTC)))
        await self.refresh()

    def headers(self, *grants: GrantPublishedV1, **claims: Any) -> dict[str, str]:
        scope = " ".join(entry.scope for grant in grants for entry in grant.entries)
        first = grants[0]
        members = {"client_id": first.client_id, "registration_id": first.registration_id, "environment": first.environment}
        return self.maker.headers(**{"scope": scope, "cds_grant_ids": [grant.grant_id for grant in grants], **members, **claims})

    async def get(self, path: str, *grants: GrantPublishedV1, **claims: Any) -> httpx.Response:
        return await self.client.get(f"/cds/v1/{path}", headers=self.headers(*grants, **claims))

    async def listed(self, path: str, *grants: GrantPublishedV1) -> list[dict[str, Any]]:
        """The objects of a listing, after checking the whole answer against its schema."""
        answer = await self.get(path, *grants)
        assert answer.status_code == 200, answer.text
        name = path.split("?", maxsplit=1)[0].removesuffix("s")
        body = assert_valid(f"{name}-list-response.json", answer.content)
        return next(value for key, value in body.items() if key not in {"next", "previous"})


@pytest.fixture
async def world(app: FastAPI, settings: Settings, sessions: Sessions, bus: MemoryBus, refresh: Refresh) -> AsyncIterator[World]:
    maker = TokenMaker(settings)
    state = {"sessions": sessions, "tokens": maker.verifier, "peers": NoPeers()}
    async with application(app, state=state) as client:
        yield World(bus, refresh, client, maker)


@pytest.fixture(scope="session")
def database(service_databases: ServiceDatabases) -> Database:
    return service_databases.get("accounts", Path(__file__).parents[1])


@pytest.fixture(scope="session")
def settings(database: Database) -> Settings:
    return Settings(database_url=database.url, kafka_bootstrap_servers="localhost:1", internal_key="k" * 40)


@pytest.fixture(scope="session")
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
async def bus(app: FastAPI, settings: Settings, sessions: Sessions) -> AsyncIterator[MemoryBus]:
    """The handlers of the worker without Kafka; after `app`, whose AsyncAPI document ties them to a broker of its own."""
    async with memory_bus(settings, ROUTERS, context={"sessions": sessions, "wake": asyncio.Event()}) as bus:
        yield bus


@pytest.fixture
def refresh(sessions: Sessions) -> Refresh:
    """Work off the refresh queue, as the worker does after each message."""

    async def run(now: datetime | None = None) -> int:
        return await drain(sessions, zone=ZoneInfo("UTC"), now=now or datetime.now(UTC))

    return run
