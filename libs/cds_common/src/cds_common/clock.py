"""The one place where an api learns the time; tests override the dependency, domain rules take it as an argument."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends


# async: FastAPI runs plain functions in a thread pool, which costs every request a tenth of a millisecond.
async def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(now)]
