"""What a client developer writes: discovery, registration, tokens and lists, by the metadata alone."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cds_cli.journey.wire import JourneyFailed, Wire, check, expect, parse_json

Json = dict[str, Any]
CALLBACK = "https://kestrel.example/oauth/back"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A Client Object's id and secret."""

    client_id: str
    secret: str

    @property
    def basic(self) -> tuple[str, str]:
        """For HTTP Basic."""
        return self.client_id, self.secret


@dataclass(slots=True)
class Client:
    """A client that has never spoken to the utility; it knows one address."""

    wire: Wire
    metadata: Json = field(default_factory=dict[str, Any])
    server: Json = field(default_factory=dict[str, Any])
    credentials: dict[str, Credentials] = field(default_factory=dict[str, Credentials])
    admin_token: str = ""

    def discover(self) -> None:
        """From the well-known address to the authorization server metadata (CDS-WG1-01 §3, CDS-WG1-02 §3)."""
        self.server = self.get("/.well-known/cds-server-metadata.json", "server metadata")
        check("oauth" in self.server["capabilities"], "the server offers oauth")
        self.metadata = self.get(self.server["oauth_metadata"], "authorization server metadata")

    def scope_id(self, scope_type: str) -> str:
        """The id of the first scope of a type: clients find scopes by type. An id that they have chosen among several stays."""
        if scope_type in self.metadata["cds_scope_descriptions"]:
            return scope_type
        for scope in self.metadata["cds_scope_descriptions"].values():
            if scope["type"] == scope_type:
                return str(scope["id"])
        raise JourneyFailed(f"no scope of type {scope_type} is offered")

    def register(self, scope_types: list[str], **members: str) -> Json:
        """Register and keep the admin credentials (RFC 7591, CDS-WG1-02 §4)."""
        scope = " ".join(self.scope_id(scope_type) for scope_type in scope_types)
        body = {
            "scope": scope,
            "client_name": "Kestrel Home Audits",
            "client_uri": "https://www.kestrel.example",
            "contacts": ["dev@kestrel.example"],
            **members,
        }
        answer = parse_json(
            expect(self.wire.send("POST", self.metadata["registration_endpoint"], json_body=body), 201, "registration").text
        )
        self.credentials["admin"] = Credentials(answer["client_id"], answer["client_secret"])
        return dict(answer)

    def get(self, url: str, what: str, token: str | None = None, params: Mapping[str, str] | None = None) -> Json:
        """GET a JSON object that must be there."""
        return dict(parse_json(expect(self.wire.send("GET", url, bearer=token, params=params), 200, what).text))

    def list_all(self, url: str, key: str, token: str, params: Mapping[str, str] | None = None) -> list[Json]:
        """Every object of a listing, over all its pages."""
        items: list[Json] = []
        page = self.get(url, key, token, params)
        items += page[key]
        while page["next"]:
            page = self.get(page["next"], key, token)
            items += page[key]
        return items

    def token(self, who: str, form: Mapping[str, str]) -> Json:
        """A token answer; the credentials are sent by HTTP Basic."""
        response = self.wire.send("POST", self.metadata["token_endpoint"], basic=self.credentials[who].basic, form=form)
        return dict(parse_json(expect(response, 200, f"token for {who}").text))

    def client_credentials(self, who: str, scope: str, details: list[Json] | None = None) -> Json:
        """RFC 6749 §4.4, with RFC 9396 details."""
        form = {"grant_type": "client_credentials", "scope": scope}
        if details is not None:
            form["authorization_details"] = json.dumps(details)
        return self.token(who, form)

    def grant(self, grant_id: str) -> Json:
        """One Grant as the Grants API shows it."""
        grants = self.list_all(self.metadata["cds_grants_api"], "grants", self.admin_token, {"grant_ids": grant_id})
        check(len(grants) == 1, f"the Grants API lists {grant_id}")
        return grants[0]

    def push(self, who: str, parameters: Mapping[str, str]) -> str:
        """RFC 9126: push an authorization request. Returns the address for the browser."""
        endpoint = self.metadata["pushed_authorization_request_endpoint"]
        response = self.wire.send("POST", endpoint, basic=self.credentials[who].basic, form=dict(parameters))
        answer = parse_json(expect(response, 201, "pushed authorization request").text)
        return f"{self.metadata['authorization_endpoint']}?client_id={self.credentials[who].client_id}&request_uri={answer['request_uri']}"


@dataclass(frozen=True, slots=True)
class Pkce:
    """A verifier and its S256 challenge (RFC 7636)."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """BASE64URL(SHA256(verifier)) without padding."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


def callback_parameters(address: str, state: str, issuer: str) -> dict[str, str]:
    """The parameters of the redirect back to the client, with state and issuer checked (RFC 9207)."""
    check(address.startswith(CALLBACK), f"the browser came back to the client, not to {address}")
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    check(parameters.get("state") == state, f"state came back unchanged: {parameters}")
    check(parameters.get("iss") == issuer, f"iss is the issuer: {parameters}")
    return parameters
