"""Small builders of the core: each shows only what matters to its test."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from cds_auth.domain.grant import Grant, GrantEntry, Origin, Readiness
from cds_common.events.clients import ClientPublishedV1, CredentialVerifier, DirectPermission

NOW = datetime(2026, 11, 24, 18, 12, tzinfo=UTC)
CREDENTIAL_KEY = "c" * 40


def an_entry(scope: str = "cds_usage_hlp", scope_type: str = "cds_usage", number: int = 0, **changes: Any) -> GrantEntry:
    """An authorized entry that waits for readiness."""
    return replace(GrantEntry(number, scope, scope_type, {"sync_until": "infinite"}), **changes)


def a_grant(*entries: GrantEntry, **changes: Any) -> Grant:
    """A fresh Grant of a customer."""
    made = Grant(
        grant_id=f"grant-{uuid4().hex[:10]}",
        client_id="client-1",
        registration_id="registration-1",
        environment="sandbox",
        origin=Origin.AUTHORIZATION,
        entries=entries or (an_entry(),),
        created=NOW,
        modified=NOW,
    )
    return replace(made, **changes)


def an_active_grant(*entries: GrantEntry, **changes: Any) -> Grant:
    """One whose entries are served."""
    ready = Readiness({"accounts": "ready", "usage": "ready", "billing": "ready", "aggregation": "ready"})
    return a_grant(*entries, **changes).settle(ready, lambda _: frozenset({"accounts"}), NOW, eta=NOW + timedelta(minutes=5))


class AClient:
    """A Client Object with its plain secret, for requests."""

    def __init__(self, scope: str, scope_types: dict[str, str], grant_types: list[str], **members: Any) -> None:
        self.client_id = f"client-{uuid4().hex[:12]}"
        self.secret = secrets.token_urlsafe(32)
        self.credential_id = f"credential-{uuid4().hex[:8]}"
        verifier = hmac.new(CREDENTIAL_KEY.encode(), self.secret.encode(), hashlib.sha256).hexdigest()
        values: dict[str, Any] = {
            "client_id": self.client_id,
            "registration_id": f"registration-{uuid4().hex[:12]}",
            "version": 1,
            "environment": "sandbox",
            "status": "sandbox",
            "client_name": "Kestrel Home Audits",
            "scope": scope,
            "scope_types": scope_types,
            "grant_types": grant_types,
            "response_types": ["code"] if "authorization_code" in grant_types else [],
            "token_endpoint_auth_method": "client_secret_basic",
            "redirect_uris": [],
            "authorization_details_types": scope.split(),
            "credentials": [CredentialVerifier(credential_id=self.credential_id, secret_hmac=verifier)],
        }
        self.snapshot = ClientPublishedV1(**{**values, **members})

    def changed(self, **members: Any) -> ClientPublishedV1:
        """The next version of the Client Object."""
        news = {"version": self.snapshot.version + 1, "event_id": uuid4(), **members}
        self.snapshot = self.snapshot.model_copy(update=news)
        return self.snapshot

    @property
    def registration_id(self) -> str:
        return self.snapshot.registration_id

    @property
    def basic(self) -> dict[str, str]:
        """The Authorization header of this Client."""
        return basic(self.client_id, self.secret)


def basic(client_id: str, secret: str) -> dict[str, str]:
    """An Authorization header of client_secret_basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def an_admin_client(**members: Any) -> AClient:
    return AClient(
        "cds_client_admin",
        {"cds_client_admin": "cds_client_admin"},
        ["client_credentials"],
        **{"authorization_details_types": []} | members,
    )


def a_direct_client(**members: Any) -> AClient:
    types = {f"cds_query_{kind}_hlp": f"cds_query_{kind}" for kind in ("accounts", "bill_statements", "usage", "aggregations")}
    allowed = {"direct_permission": DirectPermission(everything=True)}
    return AClient(" ".join(types), types, ["client_credentials"], **allowed | members)


def a_consent_client(**members: Any) -> AClient:
    types = {
        "cds_service_contracts_hlp": "cds_service_contracts",
        "cds_usage_hlp": "cds_usage",
        "cds_aggregation_consent_hlp": "cds_aggregation_consent",
    }
    defaults: dict[str, Any] = {
        "redirect_uris": ["https://app.kestrel.example/oauth/back"],
        "server_redirect_uri": "http://localhost:8080/consent/done/kestrel",
    }
    return AClient(" ".join(types), types, ["authorization_code", "refresh_token"], **defaults | members)


def a_grant_admin_client(**members: Any) -> AClient:
    return AClient("cds_grant_admin_hlp", {"cds_grant_admin_hlp": "cds_grant_admin"}, ["client_credentials"], **members)
