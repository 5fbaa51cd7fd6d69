"""Ask the owners when the copy does not know: auth for a Grant, accounts for its entitlements (design §3 b)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from cds_common.errors import TransientError
from cds_common.events.grants import GrantPublishedV1
from cds_common.events.resources import EntitlementsResolvedV1
from cds_common.internal import InternalClient

Resolved = TypeVar("Resolved", GrantPublishedV1, EntitlementsResolvedV1)


class _Flights:
    """Simultaneous questions for one thing share one call."""

    def __init__(self) -> None:
        self._open: dict[str, asyncio.Task[Any]] = {}

    async def once(self, key: str, call: Callable[[], Coroutine[Any, Any, Resolved | None]]) -> Resolved | None:
        flight = self._open.get(key)
        if flight is None:
            flight = self._open[key] = asyncio.create_task(call())
            flight.add_done_callback(lambda _: self._open.pop(key, None))
        # shield: a caller who hangs up must not take the answer from the others.
        return await asyncio.shield(flight)


class GrantReader:
    """Reads Grants at auth."""

    def __init__(self, auth: InternalClient) -> None:
        self._auth, self._flights = auth, _Flights()

    async def grant(self, grant_id: str) -> GrantPublishedV1 | None:
        """The Grant as auth has it now; None when there is none.

        Raises:
            TransientError: auth cannot be reached.
        """
        return await self._flights.once(grant_id, lambda: _read(self._auth, "grants", grant_id, GrantPublishedV1))


class GrantPeers(GrantReader):
    """Reads a Grant at auth and its entitlements at accounts."""

    def __init__(self, *, auth: InternalClient, accounts: InternalClient) -> None:
        super().__init__(auth)
        self._accounts, self._resolving = accounts, _Flights()

    async def entitlements(self, grant_id: str) -> EntitlementsResolvedV1 | None:
        """The entitlements as accounts has them now; None when accounts cannot resolve the Grant (unknown or ended).

        Raises:
            TransientError: accounts cannot be reached.
        """
        return await self._resolving.once(grant_id, lambda: _read(self._accounts, "entitlements", grant_id, EntitlementsResolvedV1))


async def _read(peer: InternalClient, path: str, grant_id: str, shape: type[Resolved]) -> Resolved | None:
    answer = await peer.request("GET", f"/internal/{path}/{quote(grant_id, safe='')}")
    if answer.status_code == 404:
        return None
    if answer.status_code != 200:
        raise TransientError(f"/internal/{path} answered {answer.status_code}")
    try:
        return shape.model_validate_json(answer.content)
    except ValidationError as error:
        raise TransientError(f"/internal/{path} answered in an unknown form") from error
