"""`/cds/v1/coverage`: the coverage listing and its maps (CDS-WG1-01 §4)."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from cds_common.paging import PAGE_SIZE
from cds_common.problems import ProblemError, generic, problems
from cds_common.wire import cds_router, id_list
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.conditional import public_bytes, public_json
from cds_registry.api.dependencies import Now, SettingsOf, Tx
from cds_registry.api.metadata import PublicationOf

router = cds_router(prefix="/cds/v1/coverage", tags=["coverage"], max_body_size=SMALL)


def _maps(request: Request) -> dict[str, bytes]:
    return request.state.maps


MapsOf = Annotated[dict[str, bytes], Depends(_maps)]


@router.get(
    "",
    responses={
        200: {"description": "Coverage entries", "content": {"application/json": {"schema": {"type": "object"}}}},
        304: {"description": "Not changed"},
        **problems(400, 429, 503),
    },
)
async def list_coverage(
    request: Request,
    publication: PublicationOf,
    tx: Tx,
    settings: SettingsOf,
    now: Now,
    ids: Annotated[list[str] | None, id_list("ids")],
    after: Annotated[str | None, Query(max_length=200, description="Part of the page links")] = None,
    before: Annotated[str | None, Query(max_length=200, description="Part of the page links")] = None,
) -> Response:
    """List coverage entries, last updated first (§4.1, §4.2)."""
    entries = await publication.coverage_entries(tx, now)
    if ids is not None:
        wanted = set(ids)
        entries = [entry for entry in entries if entry["id"] in wanted]
    start, end = _window(entries, after, before)
    page = entries[start:end]
    base = f"{settings.public_url}/cds/v1/coverage"
    kept = [("ids", " ".join(ids))] if ids is not None else []
    body = {
        "coverage_entries": page,
        "next": f"{base}?{urlencode([*kept, ('after', page[-1]['id'])])}" if page and end < len(entries) else None,
        "previous": f"{base}?{urlencode([*kept, ('before', page[0]['id'])])}" if page and start > 0 else None,
    }
    return public_json(request, body)


@router.get(
    "/{coverage_id}/geojson",
    responses={
        200: {"description": "The territory, WGS 84 (RFC 7946)", "content": {"application/geo+json": {"schema": {"type": "object"}}}},
        304: {"description": "Not changed"},
        **problems(404, 429),
    },
)
async def get_geojson(coverage_id: str, request: Request, maps: MapsOf) -> Response:
    """The territory of a coverage entry (geojson_resource, §4.3)."""
    found = maps.get(coverage_id)
    if found is None:
        raise ProblemError(generic(404), "There is no map of this coverage entry")
    return public_bytes(request, found, media_type="application/geo+json")


def _window(entries: Sequence[dict[str, Any]], after: str | None, before: str | None) -> tuple[int, int]:
    """Where the page lies; its border is an entry, so that entries that appear meanwhile move nothing."""
    border = after or before
    if border is None:
        return 0, min(PAGE_SIZE, len(entries))
    place = next((number for number, entry in enumerate(entries) if entry["id"] == border), None)
    if place is None or (after and before):
        raise ProblemError(generic(400), "The page link is not valid for this list")
    return (place + 1, min(place + 1 + PAGE_SIZE, len(entries))) if after else (max(0, place - PAGE_SIZE), place)
