"""Drives the core in tests: Clients appear, customers approve, data services answer, Clients ask for tokens."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from cds_auth.adapters.registry import Registry
from cds_auth.application.apply_client import apply_client
from cds_auth.application.apply_readiness import apply_readiness
from cds_auth.application.authorization_requests import resolve_authorization_request
from cds_auth.application.authorize_grant import Approval, approve_consent
from cds_auth.application.client_directory import ClientDirectory
from cds_auth.application.codes import issue_code
from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import change_grant
from cds_auth.domain.authorization_request import AuthorizationRequest
from cds_auth.domain.grant import Grant, Selection
from cds_auth.persistence.grants import Grants
from cds_auth.settings import Settings
from cds_common.db import Sessions
from cds_common.events.clients import ClientPublishedV1
from cds_common.events.grants import GrantPublishedV1, GrantReadinessV1, NeededConsent
from cds_common.internal import sign_call
from services.auth.tests.core_builders import AClient

Service = Literal["accounts", "billing", "usage", "aggregation"]
ALL: tuple[Service, ...] = ("accounts", "billing", "usage", "aggregation")
REDIRECT = "https://app.kestrel.example/oauth/back"


@dataclass(frozen=True, slots=True)
class Code:
    """A code with all that redeems it."""

    code: str
    verifier: str
    grant: Grant

    def form(self, **changes: str | None) -> dict[str, str]:
        values = {
            "grant_type": "authorization_code",
            "code": self.code,
            "redirect_uri": REDIRECT,
            "code_verifier": self.verifier,
        } | changes
        return {name: value for name, value in values.items() if value is not None}


class Core:
    """One per test session; every test makes its own Clients."""

    def __init__(self, http: httpx.AsyncClient, sessions: Sessions, settings: Settings, rules: AuthRules) -> None:
        self.http, self.sessions, self.settings, self.rules = http, sessions, settings, rules
        self.directory = ClientDirectory(Registry(settings, httpx.AsyncClient()))

    async def knows(self, *clients: AClient, registration_id: str | None = None) -> None:
        """The events of these Clients have arrived; with `registration_id` they are of one registration."""
        for client in clients:
            if registration_id is not None:
                client.snapshot = client.snapshot.model_copy(update={"registration_id": registration_id})
            await self.apply(client.snapshot)

    async def apply(self, client: ClientPublishedV1) -> None:
        async with self.sessions.begin() as tx:
            await apply_client(tx, client, rules=self.rules, now=datetime.now(UTC))

    async def token(self, client: AClient, headers: dict[str, str] | None = None, **form: Any) -> httpx.Response:
        """POST /oauth/token; authorization_details may be given as objects."""
        values = {n: v if isinstance(v, str) else json.dumps(v) for n, v in form.items() if v is not None}
        return await self.http.post("/oauth/token", data=values, headers=client.basic if headers is None else headers)

    async def client_credentials(self, client: AClient, scope: str | None = None, details: Any = None) -> dict[str, Any]:
        answer = await self.token(client, grant_type="client_credentials", scope=scope, authorization_details=details)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def bearer(self, client: AClient, scope: str = "cds_client_admin") -> dict[str, str]:
        found = await self.client_credentials(client, scope)
        return {"Authorization": f"Bearer {found['access_token']}"}

    async def request(self, client: AClient, scope: str = "cds_usage_hlp", **parameters: Any) -> tuple[AuthorizationRequest, str]:
        """A validated front-channel request and its verifier."""
        verifier = secrets.token_urlsafe(40)
        values = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": REDIRECT,
            "scope": scope,
            "state": f"state-{uuid4().hex[:6]}",
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        } | parameters
        pairs = [(n, v if isinstance(v, str) else json.dumps(v)) for n, v in values.items() if v is not None]
        async with self.sessions.begin() as tx:
            found = await resolve_authorization_request(tx, pairs, rules=self.rules, clients=self.directory, now=datetime.now(UTC))
        return found, verifier

    async def consent(
        self, client: AClient, scope: str = "cds_usage_hlp", *, customer_id: UUID | None = None, ready: bool = True, **parameters: Any
    ) -> Code:
        """A customer approves everything that is asked; the data services are ready unless told otherwise."""
        request, verifier = await self.request(client, scope, **parameters)
        customer = customer_id or uuid4()
        ticked = Selection("service_contract", (uuid4(),))
        approvals = [Approval(entry.scope, entry.details, ticked) for entry in request.entries]
        now = datetime.now(UTC)
        async with self.sessions.begin() as tx:
            grant = await approve_consent(
                tx,
                request,
                customer_id=customer,
                approvals=approvals,
                receipt_confirmation=f"R-{uuid4().hex[:8]}",
                approved_at=now,
                rules=self.rules,
            )
            code = await issue_code(tx, request, grant.grant_id, customer_id=customer, now=now, rules=self.rules)
        if ready:
            await self.ready(grant.grant_id)
        return Code(code, verifier, grant)

    async def ready(self, grant_id: str, services: Sequence[Service] = ALL) -> None:
        """The data services can serve the present entries."""
        version = (await self.grant(grant_id)).entries_version
        for service in services:
            await self.say(GrantReadinessV1(grant_id=grant_id, entries_version=version, service=service, outcome="ready"))

    async def needs(self, grant_id: str, needed: list[NeededConsent]) -> None:
        """The aggregation service names missing consents."""
        version = (await self.grant(grant_id)).entries_version
        word = GrantReadinessV1(
            grant_id=grant_id, entries_version=version, service="aggregation", outcome="needs_consents", needed_consents=needed
        )
        await self.say(word)

    async def say(self, word: GrantReadinessV1) -> None:
        async with self.sessions.begin() as tx:
            await apply_readiness(tx, word, rules=self.rules, now=datetime.now(UTC))

    async def grant(self, grant_id: str) -> Grant:
        async with self.sessions() as tx:
            return await Grants(tx).get(grant_id)

    async def change(self, grant_id: str, change: Callable[[Grant], Grant]) -> Grant:
        async with self.sessions.begin() as tx:
            return await change_grant(tx, grant_id, change, rules=self.rules, now=datetime.now(UTC))

    async def published(self, grant_id: str) -> list[GrantPublishedV1]:
        """The events of a Grant in the outbox, in their order."""
        async with self.sessions() as tx:
            query = text("SELECT body FROM outbox WHERE topic = 'cds.grants' AND key = :key ORDER BY id")
            return [GrantPublishedV1.model_validate_json(body) for body in (await tx.scalars(query, {"key": grant_id})).all()]

    async def outbox_bodies(self, topic: str, key: str) -> list[str]:
        async with self.sessions() as tx:
            query = text("SELECT body FROM outbox WHERE topic = :topic AND key = :key ORDER BY id")
            return list((await tx.scalars(query, {"topic": topic, "key": key})).all())

    async def claims(self, access_token: str) -> dict[str, Any]:
        """Checked claims of an access token, by the published keys."""
        keys = KeySet.import_key_set((await self.http.get("/oauth/jwks.json")).json())
        return dict(jwt.decode(access_token, keys, algorithms=["ES256"]).claims)

    async def active(self, client: AClient, token: str) -> bool:
        answer = await self.http.post("/oauth/introspect", data={"token": token}, headers=client.basic)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])

    def internal(self, service: str = "registry") -> dict[str, str]:
        """The Authorization header of a peer."""
        peer = self.settings.model_copy()
        token = sign_call(_As(peer, service), audience="auth")  # pyright: ignore[reportArgumentType]
        return {"Authorization": f"Bearer {token}"}


class _As:
    """Settings as another service has them."""

    def __init__(self, settings: Settings, service: str) -> None:
        self.internal_key, self.service = settings.internal_key, service
