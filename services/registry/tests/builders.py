"""A registry under test and what clients and operators do with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from cds_common.db import Sessions
from cds_common.errors import TransientError
from cds_common.events.clients import ClientPublishedV1
from cds_common.events.grants import GrantEntry, GrantPublishedV1
from cds_common.grant_news import apply_heartbeats
from cds_common.oauth_errors import InvalidToken
from cds_common.tokens import AccessToken
from cds_registry.application.offer import Offer
from cds_registry.application.operators import Role, create_operator
from cds_registry.domain.errors import GrantRefused
from cds_registry.persistence.grants import keep_grant


class StandInAuth:
    """auth as the registry sees it: remembers what it was told, answers what the test sets."""

    def __init__(self) -> None:
        self.enforced: list[ClientPublishedV1] = []
        self.created: list[dict[str, Any]] = []
        self.rotated: list[dict[str, Any]] = []
        self.grants: dict[str, GrantPublishedV1] = {}
        self.asked: list[str] = []
        self.closed_files: list[tuple[str, str]] = []
        self.reachable = True
        self.refuses: str | None = None

    async def enforce_client(self, snapshot: ClientPublishedV1) -> None:
        self._reach()
        self.enforced.append(snapshot)

    async def create_grants(self, **wanted: Any) -> list[str]:
        self._reach()
        if self.refuses:
            raise GrantRefused(self.refuses)
        self.created.append(wanted)
        return [f"grant-{len(self.created)}"]

    async def close_file(self, *, client_id: str, file_id: str) -> None:
        self._reach()
        self.closed_files.append((client_id, file_id))

    async def rotate_keys(self, **order: Any) -> str:
        self._reach()
        self.rotated.append(order)
        return f"key-{len(self.rotated)}"

    async def find_grant(self, grant_id: str) -> GrantPublishedV1 | None:
        self._reach()
        self.asked.append(grant_id)
        return self.grants.get(grant_id)

    def _reach(self) -> None:
        if not self.reachable:
            raise TransientError("auth is not reachable")


class StandInTokens:
    """The token verifier with a table instead of signatures."""

    def __init__(self) -> None:
        self.known: dict[str, AccessToken] = {}

    async def verify(self, token: str) -> AccessToken:
        if token not in self.known:
            raise InvalidToken("The access token is not valid")
        return self.known[token]


def a_grant(
    grant_id: str, *, registration_id: str, client_id: str, scope_type: str = "cds_client_admin", **changes: Any
) -> GrantPublishedV1:
    details = changes.pop("details", {})
    values: dict[str, Any] = {
        "grant_id": grant_id, "version": 1, "entries_version": 1, "client_id": client_id, "registration_id": registration_id,
        "environment": "production", "status": "active", "enabled_scope": scope_type, "created": datetime(2026, 1, 1, tzinfo=UTC),
        "entries": [GrantEntry(entry_no=0, scope=scope_type, scope_type=scope_type, details=details, enabled=True)],
    }  # fmt: skip
    return GrantPublishedV1(**(values | changes))


@dataclass
class Party:
    """A registered client and its admin token."""

    registry: "Registry"
    answer: dict[str, Any]
    registration_id: str
    token: str
    grant_id: str

    @property
    def client_id(self) -> str:
        return self.answer["client_id"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.registry.http.get(path, headers=self.headers, **options)

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self.registry.http.post(path, headers=self.headers, json=body)

    async def put(self, path: str, body: Any) -> httpx.Response:
        return await self.registry.http.put(path, headers=self.headers, json=body)

    async def patch(self, path: str, body: Any) -> httpx.Response:
        return await self.registry.http.patch(path, headers=self.headers, json=body)

    async def clients(self) -> list[dict[str, Any]]:
        return (await self.get("/cds/v1/clients")).json()["clients"]

    async def client(self, scope: str) -> dict[str, Any]:
        return next(each for each in await self.clients() if scope in each["scope"].split())

    async def messages(self, name: str = "unread") -> list[dict[str, Any]]:
        return (await self.get("/cds/v1/messages")).json()[name]


@dataclass
class Registry:
    """The application under test."""

    http: httpx.AsyncClient
    auth: StandInAuth
    tokens: StandInTokens
    sessions: Sessions
    moment: list[datetime]
    offer: Offer
    operator_keys: dict[str, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.moment[0]

    def later(self, **span: float) -> None:
        """Let time pass."""
        self.moment[0] += timedelta(**span)

    async def beat(self) -> None:
        """The bus is alive: all Grants are known up to now."""
        async with self.sessions.begin() as tx:
            await apply_heartbeats(tx, {0: self.now})

    async def register(self, scope: str = "cds_client_admin cds_usage_hlp", **members: Any) -> httpx.Response:
        return await self.http.post("/oauth/register", json={"scope": scope, "client_name": "Kestrel Home Audits", **members})

    async def party(self, scope: str = "cds_client_admin cds_usage_hlp", **members: Any) -> Party:
        """Register and get an admin token."""
        answer = await self.register(scope, **members)
        assert answer.status_code == 201, answer.text
        body = answer.json()
        registration_id = await self.registration_of(body["client_id"])
        return await self.admin(body, registration_id)

    async def registration_of(self, client_id: str) -> str:
        from cds_registry.persistence.clients import find_client

        async with self.sessions.begin() as tx:
            client = await find_client(tx, client_id)
        assert client is not None
        return client.registration_id

    async def admin(self, answer: dict[str, Any], registration_id: str) -> Party:
        token, grant_id = uuid4().hex, f"g-{uuid4().hex[:8]}"
        self.tokens.known[token] = self.token(answer["client_id"], registration_id, scope="cds_client_admin", grants=(grant_id,))
        await self.keep(a_grant(grant_id, registration_id=registration_id, client_id=answer["client_id"]))
        await self.beat()
        return Party(self, answer, registration_id, token, grant_id)

    def token(self, client_id: str, registration_id: str, *, scope: str, grants: tuple[str, ...], **changes: Any) -> AccessToken:
        issued = int(self.now.timestamp())
        values: Mapping[str, Any] = {
            "sub": client_id, "client_id": client_id, "registration_id": registration_id, "environment": "production", "scope": scope,
            "cds_grant_ids": grants, "jti": "cred.family.1", "iat": issued, "exp": issued + 900,
        }  # fmt: skip
        return AccessToken(**{**values, **changes})

    async def keep(self, grant: GrantPublishedV1) -> None:
        self.auth.grants[grant.grant_id] = grant
        async with self.sessions.begin() as tx:
            await keep_grant(tx, grant)

    async def operator(self, role: Role = Role.admin, name: str = "ada") -> dict[str, str]:
        """Headers of an operator with this role."""
        if name not in self.operator_keys:
            async with self.sessions.begin() as tx:
                made = await create_operator(tx, name, role, created_by="server:test", now=self.now)
            self.operator_keys[name] = made.key
        return {"Authorization": f"Bearer {self.operator_keys[name]}"}
