"""The naive variant of `month`: what one writes first. `python -m tests.bench.naive_month DSN PORT`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg
import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel


class Reading(BaseModel):
    """A row."""

    at: datetime
    value: Decimal


class Month(BaseModel):
    """The answer."""

    values: list[Reading]


def create_app(dsn: str) -> FastAPI:
    """An app with one endpoint."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, asyncpg.Pool]]:
        async with asyncpg.create_pool(dsn, min_size=8, max_size=8) as pool:
            yield {"pool": pool}

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def live() -> str:
        return "yes"

    @app.get("/months/{point}")
    async def month(request: Request, point: UUID) -> Month:
        rows = await request.state.pool.fetch("SELECT at, value FROM bench_reading WHERE point = $1 ORDER BY at", point)
        return Month(values=[Reading(at=row["at"], value=row["value"]) for row in rows])

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
