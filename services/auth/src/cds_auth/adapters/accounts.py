"""Asks accounts, which alone knows the true relations, whether direct access would find what it names (design §3)."""

import httpx

from cds_common.errors import TransientError
from cds_common.events.grants import GrantEntry
from cds_common.ids import Environment
from cds_common.internal import InternalClient
from cds_common.settings import CommonSettings


class Accounts:
    """The calls to accounts."""

    def __init__(self, settings: CommonSettings, http: httpx.AsyncClient) -> None:
        self._http = InternalClient(settings, service="accounts", base_url=settings.accounts_internal_url, http=http)

    async def matches(self, entry: GrantEntry, environment: Environment) -> bool:
        """Whether the entry would open at least one object.

        Raises:
            TransientError: accounts is not reachable, or its answer cannot be read.
        """
        body = {"environment": environment, "entry": entry.model_dump(mode="json")}
        answer = await self._http.request("POST", "/internal/preselections", json=body)
        if answer.status_code != 200:
            raise TransientError(f"accounts answered {answer.status_code}")
        return answer.json()["matches"] is True
