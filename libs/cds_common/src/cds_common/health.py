"""Liveness, readiness and metrics, the same in every process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.responses import Response

from cds_common import exact_json

Check = Callable[[], Awaitable[dict[str, Any]]]
"""Says how a part is: a dict with `ok` and what an operator wants to see. Raising means not ok."""

CHECK_TIMEOUT_SECONDS = 2.0


async def _run(check: Check) -> dict[str, Any]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await check()
    except Exception as error:  # noqa: BLE001  # whatever a part raises, readiness answers
        return {"ok": False, "error": type(error).__name__}


async def readiness(checks: Mapping[str, Check]) -> tuple[int, dict[str, Any]]:
    """Ask all parts at once; 200 when each is ok, else 503."""
    results = dict(zip(checks, await asyncio.gather(*map(_run, checks.values())), strict=True))
    ready = all(result["ok"] for result in results.values())
    return (200 if ready else 503), {"ready": ready, "parts": results}


def database_check(engine: AsyncEngine) -> Check:
    """The database answers and its migrations have been applied."""

    async def check() -> dict[str, Any]:
        async with engine.connect() as connection:
            revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        return {"ok": revision is not None, "revision": revision}

    return check


def outbox_check(engine: AsyncEngine, limit: timedelta) -> Check:
    """The oldest unpublished event is younger than `limit`."""

    async def check() -> dict[str, Any]:
        statement = "SELECT extract(epoch FROM clock_timestamp() - min(created_at)) FROM outbox WHERE published_at IS NULL"
        async with engine.connect() as connection:
            age = float(await connection.scalar(text(statement)) or 0)
        return {"ok": age <= limit.total_seconds(), "oldest_seconds": round(age, 1)}

    return check


def health_router(checks: Callable[[Request], Mapping[str, Check]]) -> APIRouter:
    """Routes `/health/live`, `/health/ready` and `/metrics`; the ingress routes none of them."""
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> Response:
        return _json(200, {"live": True})

    @router.get("/health/ready")
    async def ready(request: Request) -> Response:
        return _json(*await readiness(checks(request)))

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(exact_json.encode(body), status, {"Cache-Control": "no-store"}, media_type="application/json")
