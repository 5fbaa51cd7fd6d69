"""The internal API of auth, as the registry uses it (design §3: what must not wait for the bus)."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from cds_common.errors import TransientError
from cds_common.events.clients import ClientPublishedV1
from cds_common.events.grants import GrantPublishedV1
from cds_common.internal import InternalClient
from cds_common.settings import CommonSettings
from cds_registry.domain.errors import GrantRefused


class AuthService:
    """Five calls: enforce a Client's state at once, make Grants, end those of a file, look up a Grant, make a signing key."""

    def __init__(self, settings: CommonSettings, http: httpx.AsyncClient) -> None:
        self._client = InternalClient(settings, service="auth", base_url=settings.auth_internal_url, http=http)

    async def enforce_client(self, snapshot: ClientPublishedV1) -> None:
        """Have auth apply a disabled Client or an ended Credential before we answer (CDS-WG1-02 §7.6). Safe to repeat.

        Raises:
            TransientError: auth is not reachable or refuses; the caller's transaction must not commit then.
        """
        answer = await self._client.request("POST", "/internal/clients", json=snapshot.model_dump(mode="json"))
        if not answer.is_success:
            raise TransientError(f"auth answered {answer.status_code} to the state of a Client")

    async def create_grants(
        self, *, client_id: str, scope: str, authorization_details: Sequence[Mapping[str, Any]], requested_by: str
    ) -> list[str]:
        """Make Grants for a Client, approved by the utility; gives their ids.

        Raises:
            GrantRefused: scope or details are not possible for this Client.
            TransientError: auth is not reachable.
        """
        body = {
            "client_id": client_id,
            "scope": scope,
            "authorization_details": list(authorization_details),
            "requested_by_message": requested_by,
        }
        answer = await self._client.request("POST", "/internal/grants", json=body)
        if answer.status_code == 201:
            return [str(grant_id) for grant_id in answer.json()["grant_ids"]]
        if 400 <= answer.status_code < 500:
            raise GrantRefused(_reason(answer))
        raise TransientError(f"auth answered {answer.status_code} to a Grant")

    async def close_file(self, *, client_id: str, file_id: str) -> None:
        """Have auth end what opens a file that is shared no longer. Safe to repeat.

        Raises:
            TransientError: auth is not reachable or refuses; the caller's transaction must not commit then.
        """
        answer = await self._client.request("POST", "/internal/grants/close-file", json={"client_id": client_id, "file_id": file_id})
        if not answer.is_success:
            raise TransientError(f"auth answered {answer.status_code} to a file that is shared no longer")

    async def rotate_keys(self, *, at_once: bool, note: str, operator: str) -> str:
        """Have auth sign with a new key; gives the key's id. With `at_once` the tokens of the old key end.

        Raises:
            TransientError: auth is not reachable or refuses.
        """
        body = {"at_once": at_once, "note": note, "operator": operator}
        answer = await self._client.request("POST", "/internal/keys/rotate", json=body)
        if not answer.is_success:
            raise TransientError(f"auth answered {answer.status_code} to a new signing key")
        return str(answer.json()["kid"])

    async def find_grant(self, grant_id: str) -> GrantPublishedV1 | None:
        """The Grant as it is now, or None when there is none.

        Raises:
            TransientError: auth is not reachable.
        """
        answer = await self._client.request("GET", f"/internal/grants/{grant_id}")
        if answer.status_code == 404:
            return None
        if not answer.is_success:
            raise TransientError(f"auth answered {answer.status_code} to a look-up of a Grant")
        return GrantPublishedV1.model_validate_json(answer.content)


def _reason(answer: httpx.Response) -> str:
    try:
        body: Any = answer.json()
    except ValueError:
        return "auth refused the Grant"
    if not isinstance(body, dict):
        return "auth refused the Grant"
    return str(body.get("detail") or body.get("error_description") or "auth refused the Grant")[:500]  # pyright: ignore[reportUnknownMemberType]
