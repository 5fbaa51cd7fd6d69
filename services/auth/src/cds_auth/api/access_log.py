"""The operator's view of the data services' access logs: who read which objects when, and whether the record is whole."""

from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import Depends, Query
from starlette.requests import Request

from cds_auth.adapters.access_logs import AccessLogs
from cds_auth.api.dependencies import Now, Tx
from cds_auth.api.operator import ByOperator
from cds_auth.application.search_access_log import AccessQuestion, search_access_log
from cds_auth.persistence.operators import Operators
from cds_common.ids import Environment
from cds_common.problems import problems
from cds_common.wire import CdsDateTime, CdsModel, cds_router

router = cds_router(prefix="/auth-operator/api/v1", tags=["operator"])


class ReadOut(CdsModel):
    """One answered request. `object_ids` holds the first 1,000 of `object_count`; `no` is the place in the service's chain."""

    service: str
    no: int
    at: CdsDateTime
    endpoint: str
    environment: Environment
    client_id: str
    token_id: str
    grant_ids: list[str]
    object_count: int
    object_ids: list[str]


class ReadsOut(CdsModel):
    """Reads, newest first; `cursor` asks for the next ones."""

    reads: list[ReadOut]
    cursor: str | None


class ChainOut(CdsModel):
    """A part of a service's chain; call again with `checked_to` as `after` until `done`. `digest` stands for all rows up to there."""

    service: str
    checked_to: int
    digest: str
    broken_at: int | None
    done: bool


async def _access_logs(request: Request) -> AccessLogs:
    return cast("AccessLogs", request.state.access_logs)


Logs = Annotated[AccessLogs, Depends(_access_logs)]


@router.get("/access-log", response_model=ReadsOut, responses=problems(400, 401, 404, 503))
async def search(
    operator: ByOperator,
    tx: Tx,
    now: Now,
    logs: Logs,
    environment: Environment | None = None,
    client_id: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    grant_id: Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^\S+$")] = None,
    customer_number: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    object_id: UUID | None = None,
    after: CdsDateTime | None = None,
    before: CdsDateTime | None = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> ReadsOut:
    """Search; the search itself is on the record of operators' acts."""
    question = AccessQuestion(environment, client_id, grant_id, customer_number, object_id, after, before)
    found = await search_access_log(tx, logs, question, cursor=cursor, limit=limit)
    subject = customer_number or grant_id or object_id or client_id or "everything"
    await Operators(tx).record(operator.name, "access_log.search", str(subject), "", now)
    return ReadsOut(reads=[_read(one) for one in found.reads], cursor=found.cursor)


@router.get("/access-log/chains/{service}", response_model=ChainOut, responses=problems(400, 401, 503))
async def check_chain(
    service: Literal["accounts", "billing", "usage", "aggregation"],
    operator: ByOperator,  # noqa: ARG001  # the parameter is the guard
    logs: Logs,
    after: Annotated[int, Query(ge=0)] = 0,
) -> ChainOut:
    """Check a service's record from a place on."""
    return ChainOut.model_validate({"service": service} | await logs.check(service, after))


def _read(one: dict[str, Any]) -> ReadOut:
    return ReadOut.model_validate(one)
