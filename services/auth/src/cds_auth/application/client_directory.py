"""Finds Client Objects: own copy first, registry when the copy does not know one yet."""

import time
from collections import OrderedDict

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.adapters.registry import Registry
from cds_auth.persistence.clients import Clients
from cds_common.errors import TransientError
from cds_common.events.clients import ClientPublishedV1

_PARSED = 2000
_PAUSE_SECONDS = 0.2
"""Between two questions to registry about one Client: a caller who is refused again and again costs no more."""


class ClientDirectory:
    """One per process. Parsed snapshots are kept; whether one is still the newest is asked of the database every time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._parsed: OrderedDict[str, ClientPublishedV1] = OrderedDict()
        self._asked: OrderedDict[str, float] = OrderedDict()

    async def find(self, tx: AsyncSession, client_id: str) -> ClientPublishedV1 | None:
        """The newest known state of a Client; None for one that neither this service nor registry knows.

        Raises:
            TransientError: this service does not know it and registry cannot be asked.
        """
        clients = Clients(tx)
        event_id = await clients.find_event_id(client_id)
        if event_id is None:
            return await self._read_through(clients, client_id)
        known = self._parsed.get(client_id)
        if known is None or known.event_id != event_id:
            known = await clients.find(client_id)
            if known is not None:
                self._keep(known)
        return known

    async def newer(self, tx: AsyncSession, client: ClientPublishedV1) -> ClientPublishedV1 | None:
        """What registry has beyond `client`: the bus may still be behind a change that the client has just made.

        To be asked before a refusal. None: there is nothing newer, registry cannot be asked, or was asked a moment ago.
        """
        now = time.monotonic()
        if now - self._asked.get(client.client_id, float("-inf")) < _PAUSE_SECONDS:
            return None
        self._asked[client.client_id] = now
        self._asked.move_to_end(client.client_id)
        if len(self._asked) > _PARSED:
            self._asked.popitem(last=False)
        try:
            found = await self._registry.find_client(client.client_id)
        except TransientError:
            return None
        if found is None or found.client_id != client.client_id or found.version <= client.version:
            return None
        await Clients(tx).store(found)
        return found

    def recall(self, client_id: str) -> ClientPublishedV1 | None:
        """What this process saw last, perhaps not the newest: only for who has the database confirm it afterwards."""
        return self._parsed.get(client_id)

    async def _read_through(self, clients: Clients, client_id: str) -> ClientPublishedV1 | None:
        found = await self._registry.find_client(client_id)
        if found is None or found.client_id != client_id:
            return None
        if not await clients.store(found):
            return await clients.find(client_id)
        return found

    def _keep(self, client: ClientPublishedV1) -> None:
        self._parsed[client.client_id] = client
        self._parsed.move_to_end(client.client_id)
        if len(self._parsed) > _PARSED:
            self._parsed.popitem(last=False)
