"""Reads a Client through at registry when this service has not heard of it yet (design §3)."""

import re
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

import httpx
from pydantic import ValidationError

from cds_common.errors import TransientError
from cds_common.events.clients import ClientPublishedV1
from cds_common.ids import Environment
from cds_common.internal import InternalClient
from cds_common.settings import CommonSettings

_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,200}")


@dataclass(frozen=True, slots=True)
class LoginStep:
    """A registration that asks a customer to log in (CDS-WG3-01 §4.1)."""

    registration_id: str
    client_name: str


class Registry:
    """The calls to registry."""

    def __init__(self, settings: CommonSettings, http: httpx.AsyncClient) -> None:
        self._http = InternalClient(settings, service="registry", base_url=settings.registry_internal_url, http=http)

    async def find_client(self, client_id: str) -> ClientPublishedV1 | None:
        """The Client as registry has committed it; None when there is none.

        Raises:
            TransientError: registry is not reachable, or its answer cannot be read.
        """
        if _CLIENT_ID.fullmatch(client_id) is None:
            return None
        answer = await self._http.request("GET", f"/internal/clients/{quote(client_id, safe='')}")
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise TransientError(f"registry answered {answer.status_code}")
        try:
            return ClientPublishedV1.model_validate_json(answer.content)
        except ValidationError as error:
            raise TransientError("registry's answer cannot be read") from error

    async def find_login_step(self, message_id: str) -> LoginStep | None:
        """Who asks for a login by this Message; None when it asks for none.

        Raises:
            TransientError: registry is not reachable, or its answer cannot be read.
        """
        answer = await self._http.request("GET", f"/internal/steps/{quote(message_id, safe='')}")
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise TransientError(f"registry answered {answer.status_code}")
        found = answer.json()
        return LoginStep(str(found["registration_id"]), str(found["client_name"]))

    async def connect(self, message_id: str, *, customer_id: UUID, environment: Environment) -> None:
        """Let the registration of a login step see what is the customer's. Safe to repeat.

        Raises:
            TransientError: registry is not reachable or refuses.
        """
        body = {"customer_id": str(customer_id), "environment": environment}
        answer = await self._http.request("PUT", f"/internal/steps/{quote(message_id, safe='')}/customer", json=body)
        if not answer.is_success:
            raise TransientError(f"registry answered {answer.status_code} to a customer's login")

    async def disconnect(self, message_id: str, *, customer_id: UUID) -> None:
        """The customer's data are closed to that registration when this returns. Safe to repeat.

        Raises:
            TransientError: registry is not reachable or refuses; it may still see them.
        """
        answer = await self._http.request("DELETE", f"/internal/steps/{quote(message_id, safe='')}/customers/{customer_id}")
        if not answer.is_success and answer.status_code != 404:
            raise TransientError(f"registry answered {answer.status_code} to a customer who takes a login back")
