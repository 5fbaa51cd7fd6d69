"""Parameters that endpoints of this service ask for: who calls, and what the use cases need."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from cds_common.clock import Now
from cds_common.db import Tx
from cds_common.oauth_errors import InsufficientScope, InvalidToken
from cds_common.tokens import AccessToken, Bearer, bearer_value
from cds_registry.adapters.auth import AuthService
from cds_registry.adapters.file_store import FileStore
from cds_registry.api.rate_limits import limit_calls
from cds_registry.application.check_grants import check_grants
from cds_registry.application.modify_client import ClientTools
from cds_registry.application.offer import Offer
from cds_registry.application.operators import Operator, operator_of_key
from cds_registry.domain.client import ClientStatus
from cds_registry.domain.errors import OperatorRefused
from cds_registry.domain.scopes import CLIENT_ADMIN
from cds_registry.persistence.clients import find_client
from cds_registry.persistence.grants import FILES
from cds_registry.settings import Settings

__all__ = ["Admin", "AdminCaller", "Files", "FilesCaller", "Now", "OfferOf", "OperatorCaller", "SettingsOf", "StoreOf", "Tools", "Tx"]


def _settings(request: Request) -> Settings:
    return request.state.settings


def _offer(request: Request) -> Offer:
    return request.state.offer


def _tools(request: Request) -> ClientTools:
    return request.state.tools


def _store(request: Request) -> FileStore:
    return request.state.file_store


SettingsOf = Annotated[Settings, Depends(_settings)]
OfferOf = Annotated[Offer, Depends(_offer)]
Tools = Annotated[ClientTools, Depends(_tools)]
StoreOf = Annotated[FileStore, Depends(_store)]


@dataclass(frozen=True, slots=True)
class AdminCaller:
    """A client with a token of the scope cds_client_admin: it sees its own registration."""

    client_id: str
    registration_id: str

    @property
    def actor(self) -> str:
        """Its name in the audit log."""
        return f"client:{self.client_id}"


@dataclass(frozen=True, slots=True)
class FilesCaller:
    """A client with a Grant Admin token for a Grant of Server-Provided Files: it sees the files that the Grant names."""

    client_id: str
    registration_id: str
    file_ids: tuple[str, ...]


async def _admin(request: Request, token: Bearer, tx: Tx, now: Now) -> AdminCaller:
    limit_calls(request, token.client_id)
    if CLIENT_ADMIN not in token.scopes:
        raise InsufficientScope("The access token lacks the scope of this resource", scope=CLIENT_ADMIN)
    await _check(request, token, tx, now)
    return AdminCaller(token.client_id, token.registration_id)


async def _files(request: Request, token: Bearer, tx: Tx, now: Now) -> FilesCaller:
    limit_calls(request, token.client_id)
    if not token.cds_opens_grant_ids:
        raise InsufficientScope("A Grant Admin access token for a Grant with Server-Provided Files is required")
    grants = await _check(request, token, tx, now)
    file_ids = tuple(file_id for grant_id in token.cds_opens_grant_ids for file_id in grants[grant_id].file_ids)
    if not file_ids:
        raise InsufficientScope(f"The Grant of the access token has no scope of type {FILES}")
    return FilesCaller(token.client_id, token.registration_id, file_ids)


async def _check(request: Request, token: AccessToken, tx: Tx, now: Now):  # noqa: ANN202  # rows of the copy, by Grant
    settings: Settings = request.state.settings
    auth: AuthService = request.state.auth
    grants = await check_grants(tx, token, auth=auth, staleness_limit=settings.staleness_limit, now=now)
    client = await find_client(tx, token.client_id)
    if client is None or client.registration_id != token.registration_id or client.status is ClientStatus.DISABLED:
        raise InvalidToken("The Client Object of the access token is not in use")
    return grants


async def _operator(request: Request, tx: Tx) -> Operator:
    try:
        return await operator_of_key(tx, bearer_value(request))
    except OperatorRefused as refused:
        raise InvalidToken("The operator key is not accepted") from refused


Admin = Annotated[AdminCaller, Depends(_admin)]
Files = Annotated[FilesCaller, Depends(_files)]
OperatorCaller = Annotated[Operator, Depends(_operator)]
