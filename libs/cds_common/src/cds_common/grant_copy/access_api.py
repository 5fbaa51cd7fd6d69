"""`/internal/access-log` of a data service, asked by auth for the operator; never routed by the ingress."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from cds_common.db import Tx
from cds_common.grant_copy.access_search import ReadsWanted, check_chain, find_reads
from cds_common.ids import Environment
from cds_common.internal import caller_of
from cds_common.wire import CdsDateTime, CdsJSONResponse, cds_router, id_list

MAX_READS = 1000
AuthCalls = caller_of("auth")
Ids = Annotated[list[str] | None, id_list("grant_ids")]
Objects = Annotated[list[str] | None, id_list("object_ids")]


def access_log_router() -> APIRouter:
    """The two endpoints; an application includes them once."""
    router = cds_router(include_in_schema=False)
    router.add_api_route("/internal/access-log", _search, methods=["GET"])
    router.add_api_route("/internal/access-log/chain", _check, methods=["GET"])
    return router


async def _search(
    _caller: AuthCalls,  # type: ignore[valid-type]
    tx: Tx,
    grant_ids: Ids,
    object_ids: Objects,
    environment: Environment | None = None,
    client_id: Annotated[str | None, Query(max_length=200)] = None,
    endpoint: Annotated[str | None, Query(max_length=100)] = None,
    after: CdsDateTime | None = None,
    before: CdsDateTime | None = None,
    older_than: Annotated[int | None, Query(ge=0)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_READS)] = 100,
) -> Response:
    """Reads that match, newest first."""
    objects = None if object_ids is None else [UUID(one) for one in object_ids]
    wanted = ReadsWanted(environment, client_id, grant_ids, objects, endpoint, after, before, older_than)
    return CdsJSONResponse([_read(row) for row in await find_reads(tx, wanted, limit)])


async def _check(_caller: AuthCalls, tx: Tx, after: Annotated[int, Query(ge=0)] = 0) -> Response:  # type: ignore[valid-type]
    """Check the chain from a place on."""
    found = await check_chain(tx, after=after)
    return CdsJSONResponse({"checked_to": found.checked_to, "digest": found.digest, "broken_at": found.broken_at, "done": found.done})


def _read(row: Any) -> dict[str, Any]:
    return {
        "no": row.chain_no, "at": row.at, "endpoint": row.endpoint, "environment": row.environment, "client_id": row.client_id,
        "token_id": row.token_id, "grant_ids": row.grant_ids, "object_count": row.object_count,
        "object_ids": [str(one) for one in row.object_ids],
    }  # fmt: skip
