"""The access logs of the four data services, each of which keeps its own."""

import asyncio
from typing import Any

import httpx

from cds_auth.settings import Settings
from cds_common import exact_json
from cds_common.errors import TransientError
from cds_common.internal import InternalClient

SERVICES: tuple[str, ...] = ("accounts", "billing", "usage", "aggregation")


class AccessLogs:
    """The calls to them. A service that is away makes the whole answer fail: a gap would look like "nobody read it"."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._peers = {
            service: InternalClient(settings, service=service, base_url=getattr(settings, f"{service}_internal_url"), http=http)
            for service in SERVICES
        }

    async def reads(self, queries: dict[str, dict[str, str]]) -> dict[str, list[dict[str, Any]]]:
        """The newest matching reads of each service that has a query.

        Raises:
            TransientError: a service is not reachable.
        """
        found = await asyncio.gather(*(self._get(service, "/internal/access-log", query) for service, query in queries.items()))
        return dict(zip(queries, found, strict=True))

    async def check(self, service: str, after: int) -> dict[str, Any]:
        """Check the chain of a service from the place `after` on; see `ChainCheck`.

        Raises:
            TransientError: the service is not reachable.
        """
        return await self._get(service, "/internal/access-log/chain", {"after": str(after)})

    async def _get(self, service: str, path: str, query: dict[str, str]) -> Any:
        answer = await self._peers[service].request("GET", path, params=query)
        if answer.status_code != 200:
            raise TransientError(f"{service} answered {answer.status_code}")
        return exact_json.decode(answer.content)
