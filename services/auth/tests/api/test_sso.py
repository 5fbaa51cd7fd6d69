"""Log in at an identity provider (OpenID Connect); the provider is a stand-in that signs real ID tokens."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from cds_auth.adapters.identity_provider import IdentityProvider
from cds_auth.app import create_app
from cds_auth.settings import Settings
from cds_common.db import Sessions
from cds_common.testing.app import application
from services.auth.tests.customer_builders import Household, a_home
from services.auth.tests.customer_driver import Page, Person, answer_of, authorize_parameters
from services.auth.tests.customer_world import World

ISSUER = "https://login.hlp.example"


class Provider:
    """A provider whose people are made up; `twist` changes the next ID token."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"})
        self.signing = self.key
        self.codes: dict[str, dict[str, Any]] = {}
        self.challenges: dict[str, str] = {}
        self.twist: dict[str, Any] = {}

    def log_in(self, address: str, number: str | None) -> tuple[str, dict[str, str]]:
        """What the browser brings back after somebody logged in there."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = uuid4().hex
        self.challenges[code] = query["code_challenge"]
        self.codes[code] = {"nonce": query["nonce"], "sub": "person-1", "customer_number": number, "preferred_username": "rita"}
        return query["state"], {"code": code, "state": query["state"]}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
            return httpx.Response(200, json={"issuer": ISSUER} | {name: ISSUER + path for name, path in names.items()})
        if request.url.path == "/keys":
            return httpx.Response(200, json=KeySet([self.key]).as_dict(private=False))
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        claims = self.codes.pop(form.get("code", ""), None)
        wrong = claims is None or create_s256_code_challenge(form["code_verifier"]) != self.challenges[form["code"]]
        if wrong or "authorization" not in request.headers:
            return httpx.Response(400, json={"error": "invalid_grant"})
        now = datetime.now(UTC)
        body = {"iss": ISSUER, "aud": "cds", "exp": now + timedelta(minutes=5), "iat": now} | (claims or {}) | self.twist
        token = jwt.encode({"alg": "ES256", "kid": "k1"}, body, self.signing)
        return httpx.Response(200, json={"access_token": "x", "token_type": "Bearer", "id_token": token})


class Bench:
    def __init__(self, world: World, provider: Provider) -> None:
        self.world, self.provider = world, provider

    async def a_home(self) -> Household:
        return await self.world.home(a_home(environment="production"))

    async def begin(self, person: Person, **changes: Any) -> tuple[Page, str]:
        """The login page of a production request, and where its button leads."""
        client = await self.world.client(environment="production", status="production")
        login = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id, **changes))
        to = next(str(f["value"]) for f in login.fields if f.get("name") == "to")
        sent = await person.post_raw("/login/sso", {"csrf": login.csrf, "to": to})
        assert sent.status == 303
        return login, sent.location


@pytest.fixture
async def bench(committed: Settings, committed_sessions: Sessions) -> AsyncIterator[Bench]:
    settings = Settings(
        **(
            committed.model_dump()
            | {"oidc_issuer": ISSUER, "oidc_client_id": "cds", "oidc_client_secret": "a-secret", "oidc_name": "HLP account"}
        )
    )
    provider = Provider()
    app = create_app(settings)
    app.state.pages.provider = IdentityProvider(settings, transport=httpx.MockTransport(provider))
    async with application(app) as http:
        yield Bench(World(http, committed_sessions), provider)


@pytest.mark.req("WG3C-065", "WG3C-069")
async def test_a_customer_logs_in_at_the_provider_and_sees_the_form(bench: Bench) -> None:
    home, person = await bench.a_home(), bench.world.person()
    login, address = await bench.begin(person)
    assert "Log in with HLP account" in login.text
    assert 'name="password"' not in login.source
    assert f"form-action 'self' https://app.kestrel.example {ISSUER};" in login.response.headers["content-security-policy"]
    assert address.startswith(f"{ISSUER}/authorize?")
    _, back = bench.provider.log_in(address, f"N-{home.tag}")
    form = await person.get("/login/callback", params=back)
    assert form.path.startswith("/consent/")
    assert form.listed() == {home.id("service_contract", number).hex for number in ("220-471", "220-472")}
    assert "Logged in as rita" in form.text


async def test_prompt_login_is_asked_of_the_provider_too(bench: Bench) -> None:
    _, address = await bench.begin(bench.world.person(), prompt="login")
    assert parse_qs(urlsplit(address).query)["prompt"] == ["login"]


@pytest.mark.req("WG3C-067")
@pytest.mark.parametrize(
    "fault", ["cancelled", "unknown customer", "no number", "wrong nonce", "wrong audience", "wrong issuer", "expired", "wrong key"]
)
async def test_a_login_that_cannot_be_trusted_declines(bench: Bench, fault: str) -> None:
    home, person = await bench.a_home(), bench.world.person()
    _, address = await bench.begin(person)
    number = {"unknown customer": "nobody", "no number": None}.get(fault, f"N-{home.tag}")
    state, back = bench.provider.log_in(address, number)
    twists = {
        "wrong nonce": {"nonce": "x"}, "wrong audience": {"aud": "other"}, "wrong issuer": {"iss": "https://evil.example"},
        "expired": {"exp": datetime.now(UTC) - timedelta(hours=1)},
    }  # fmt: skip
    bench.provider.twist = twists.get(fault, {})
    if fault == "wrong key":
        bench.provider.signing = ECKey.generate_key("P-256")
    if fault == "cancelled":
        back = {"error": "access_denied", "state": state}
    page = await person.get("/login/callback", params=back)
    assert answer_of(page.location)["error"] == "access_denied"


async def test_the_way_back_works_once_and_for_its_own_browser_only(bench: Bench) -> None:
    home, person, thief = await bench.a_home(), bench.world.person(), bench.world.person()
    _, address = await bench.begin(person)
    await bench.begin(thief)
    _, back = bench.provider.log_in(address, f"N-{home.tag}")
    assert (await thief.get("/login/callback", params=back)).status == 403
    assert (await person.get("/login/callback", params=back | {"state": "other"})).status == 403
    assert (await person.get("/login/callback", params=back)).status == 403


async def test_passwords_are_not_taken_beside_the_provider(bench: Bench) -> None:
    home, person = await bench.a_home(), bench.world.person()
    login, _ = await bench.begin(person)
    values = {"csrf": login.csrf, "to": "/my", "environment": "production", "name": home.login_name, "password": "a-long-test-password"}
    assert (await person.post("/login", values)).status == 403


async def test_a_login_without_a_request_says_what_went_wrong(bench: Bench) -> None:
    person = bench.world.person()
    login = await person.get("/login")
    sent = await person.post_raw("/login/sso", {"csrf": login.csrf, "to": "/my"})
    _, back = bench.provider.log_in(sent.location, "nobody")
    page = await person.get("/login/callback", params=back)
    assert page.status == 403
    assert "could not find out which customer you are" in page.text


async def test_a_provider_that_is_down_is_a_page_and_changes_nothing(bench: Bench, committed: Settings) -> None:
    def down(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("down")

    settings = committed.model_copy(update={"oidc_issuer": ISSUER, "oidc_client_id": "cds"})
    broken = IdentityProvider(settings, transport=httpx.MockTransport(down))
    from cds_common.errors import TransientError

    with pytest.raises(TransientError):
        await broken.authorization_url(state="s", nonce="n", verifier="v" * 43, fresh=False)
