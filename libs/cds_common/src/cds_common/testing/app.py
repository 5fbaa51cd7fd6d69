"""Applications under test, called over ASGI without a network."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send


@asynccontextmanager
async def application(
    app: FastAPI, *, state: Mapping[str, Any] | None = None, base_url: str = "http://localhost:8080"
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app` with its lifespan open; `state` replaces parts of `request.state` (`{"sessions": sessions}`).

    Errors that would be a 500 answer are answered, not raised, so that tests see what a client sees.
    """
    async with app.router.lifespan_context(app) as opened:
        shared = {**(opened or {}), **(state or {})}

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": dict(shared)}, receive, send)

        transport = httpx.ASGITransport(with_state, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
            yield client
