"""Green Button's account data: `/espi/1_1/resource/RetailCustomer/...`, a feed of its own since it is personal (NAESB REQ.21).

A retail customer stands for a Grant; the four collections are the four listings of this service.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from cds_accounts.api.dependencies import Bearer, Now, Paging
from cds_accounts.application.list_objects import ACCOUNTS, METER_DEVICES, SERVICE_CONTRACTS, SERVICE_POINTS, Shape, list_objects
from cds_accounts.domain.errors import RetailCustomerNotFound
from cds_accounts.domain.retail_customer import CONTENTS
from cds_accounts.persistence.conditions import Condition, one_of
from cds_accounts.settings import Settings
from cds_common import espi, exact_json
from cds_common.grant_copy import load_access
from cds_common.paging import PageRequest
from cds_common.problems import problems
from cds_common.tokens import AccessToken
from cds_common.wire import cds_router

SHAPES: Mapping[str, Shape] = {
    "CustomerAccount": ACCOUNTS,
    "CustomerAgreement": SERVICE_CONTRACTS,
    "ServiceLocation": SERVICE_POINTS,
    "Meter": METER_DEVICES,
}
_RELATED = {
    "CustomerAgreement": ("CustomerAccount", ("cds_account_id",)),
    "ServiceLocation": ("CustomerAgreement", ("current_servicecontracts", "previous_servicecontracts")),
    "Meter": ("ServiceLocation", ("current_servicepoints", "previous_servicepoints")),
}
Collection = Literal["CustomerAccount", "CustomerAgreement", "ServiceLocation", "Meter"]
_XML: dict[int | str, dict[str, Any]] = {200: {"content": {espi.MEDIA_TYPE: {"schema": {"type": "string"}}}}}
_ANSWERS = _XML | problems(400, 401, 403, 404, 429, 503)

router = cds_router(prefix=espi.BASE, tags=["green-button"])


@dataclass(frozen=True, slots=True)
class _Reading:
    """One request: pages are read in transactions of their own, each of which loads the token's access anew."""

    request: Request
    token: AccessToken
    grant_id: str
    paging: PageRequest
    now: datetime

    async def entries(self, collection: str, object_id: UUID | None = None) -> AsyncIterator[list[espi.Entry]]:
        """The entries of a collection, a hundred at a time."""
        shape, paging = SHAPES[collection], replace(self.paging, cursor=None)
        known = [] if object_id is None else [one_of(f"{shape.id_name}s", "object_id", [object_id])]
        while True:
            answer = await self._page(shape, known, paging)
            yield [self._entry(collection, shape, one) for one in answer[shape.array]]
            if answer["next"] is None:
                return
            paging = paging.following(answer["next"])

    async def _page(self, shape: Shape, conditions: list[Condition], paging: PageRequest) -> dict[str, Any]:
        state = self.request.state
        async with state.sessions.begin() as session:
            access = await load_access(session, self.token, now=self.now, settings=state.settings, peers=state.peers)
            if self.grant_id not in access.grant_ids:
                raise RetailCustomerNotFound("The access token opens no such retail customer")
            listed = await list_objects(session, shape, access.through(self.grant_id), conditions, paging, now=self.now)
        found: dict[str, Any] = exact_json.decode(listed)
        return found

    def _entry(self, collection: str, shape: Shape, one: dict[str, Any]) -> espi.Entry:
        settings: Settings = self.request.state.settings
        base = f"{espi.BASE}/RetailCustomer/{self.grant_id}"
        kind, members = _RELATED.get(collection, ("", ()))
        ids = [each for member in members for each in ([one[member]] if isinstance(one[member], str) else one[member] or ())]
        return espi.Entry(
            f"{base}/{collection}/{one[shape.id_name]}",
            "",
            CONTENTS[collection](one, settings.zone()),
            datetime.fromisoformat(one["cds_created"]),
            datetime.fromisoformat(one["cds_modified"]),
            tuple(f"{base}/{kind}/{each}" for each in ids),
        )


@router.get("/Batch/RetailCustomer/{grant_id}", responses=_ANSWERS)
async def read_retail_customer(grant_id: str, token: Bearer, paging: Paging, now: Now, request: Request) -> Response:
    """All account data of a Grant: accounts, agreements, locations and meters."""
    return await _feed(_Reading(request, token, grant_id, paging, now), tuple(SHAPES))


@router.get("/RetailCustomer/{grant_id}/{collection}", responses=_ANSWERS)
async def list_retail_resources(
    grant_id: str, collection: Collection, token: Bearer, paging: Paging, now: Now, request: Request
) -> Response:
    """One collection of a Grant's account data."""
    return await _feed(_Reading(request, token, grant_id, paging, now), (collection,))


@router.get("/RetailCustomer/{grant_id}/{collection}/{object_id}", responses=_ANSWERS)
async def read_retail_resource(
    grant_id: str, collection: Collection, object_id: UUID, token: Bearer, paging: Paging, now: Now, request: Request
) -> Response:
    """One entry."""
    reading = _Reading(request, token, grant_id, paging, now)
    found = [entry async for page in reading.entries(collection, object_id) for entry in page]
    if not found:
        raise RetailCustomerNotFound("There is no such resource")
    return Response(found[0].xml(paging.settings.public_url, alone=True), media_type=espi.MEDIA_TYPE)


async def _feed(reading: _Reading, collections: tuple[str, ...]) -> Response:
    """Begins once the first page is read: what is refused is refused before."""
    first = reading.entries(collections[0])
    opening = await anext(first)
    public_url, path = reading.paging.settings.public_url, reading.request.url.path

    async def written() -> AsyncIterator[bytes]:
        yield espi.feed_head(public_url, path, "Green Button retail customer", reading.now)
        for entry in opening:
            yield entry.xml(public_url)
        for pages in (first, *(reading.entries(one) for one in collections[1:])):
            async for page in pages:
                for entry in page:
                    yield entry.xml(public_url)
        yield espi.feed_tail(None)

    return StreamingResponse(written(), media_type=espi.MEDIA_TYPE)
