"""Where this service asks when its copy of a Grant does not know: auth, and itself for entitlements."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from cds_common.events.grants import GrantPublishedV1
from cds_common.events.resources import EntitlementsResolvedV1

Resolve = Callable[[GrantPublishedV1], Awaitable[EntitlementsResolvedV1 | None]]


class Grants(Protocol):
    """Where Grants are read; `GrantReader` asks auth."""

    async def grant(self, grant_id: str) -> GrantPublishedV1 | None:
        """The Grant as auth has it."""
        ...


class AccountsPeers:
    """Grants come from auth, entitlements from `resolve`, a use case of this service in a transaction of its own."""

    def __init__(self, grants: Grants, resolve: Resolve) -> None:
        self._grants, self._resolve = grants, resolve

    async def grant(self, grant_id: str) -> GrantPublishedV1 | None:
        """The Grant as auth has it now.

        Raises:
            TransientError: auth cannot be reached.
        """
        return await self._grants.grant(grant_id)

    async def entitlements(self, grant_id: str) -> EntitlementsResolvedV1 | None:
        """The entitlements, resolved on the spot if need be; None when auth does not know the Grant."""
        grant = await self._grants.grant(grant_id)
        return None if grant is None else await self._resolve(grant)
