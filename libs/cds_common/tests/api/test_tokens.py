"""Which access tokens a resource server lets in."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.responses import Response

from cds_common.http_app import common_state, new_app
from cds_common.testing.app import application
from cds_common.testing.tokens import TokenMaker
from cds_common.tokens import Bearer
from cds_common.wire import cds_router
from libs.cds_common.tests.conftest import SampleSettings

router = cds_router()


@router.get("/me")
async def me(token: Bearer) -> Response:
    return Response(f"{token.client_id} {token.environment} {sorted(token.scopes)} {list(token.cds_grant_ids)}")


@pytest.fixture
def maker(settings: SampleSettings) -> TokenMaker:
    return TokenMaker(settings)


@pytest.fixture
async def client(settings: SampleSettings, maker: TokenMaker) -> AsyncIterator[httpx.AsyncClient]:
    app = new_app(settings, lifespan=lambda _app: common_state(settings), problem_table={})
    app.include_router(router)
    async with application(app, state={"tokens": maker.verifier}) as client:
        yield client


async def test_good_token_gives_its_claims(client: httpx.AsyncClient, maker: TokenMaker) -> None:
    answer = await client.get("/me", headers=maker.headers(scope="b a", cds_grant_ids=["g-1"]))
    assert answer.text == "client-1 sandbox ['a', 'b'] ['g-1']"


async def test_missing_token_is_challenged_without_an_error_code(client: httpx.AsyncClient) -> None:
    answer = await client.get("/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="cds"'


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 6},
        {"exp": None},
        {"iat": int(time.time()) + 86_400},
        {"iss": "http://localhost:8080/"},
        {"iss": "https://evil.example"},
        {"aud": "https://other.example"},
        {"aud": ["https://other.example"]},
        {"aud": None},
        {"environment": "test"},
        {"client_id": None},
        {"jti": None},
        {"exp": "soon"},
    ],
)
async def test_token_with_a_wrong_claim_is_refused(client: httpx.AsyncClient, maker: TokenMaker, claims: dict[str, Any]) -> None:
    answer = await client.get("/me", headers=maker.headers(**claims))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": "id+jwt"}, {"kid": "unknown"}])
async def test_token_with_a_wrong_header_is_refused(client: httpx.AsyncClient, maker: TokenMaker, header: dict[str, Any]) -> None:
    answer = await client.get("/me", headers={"Authorization": f"Bearer {maker.token(header=header)}"})
    assert answer.status_code == 401


async def test_token_signed_by_another_key_of_the_same_name_is_refused(client: httpx.AsyncClient, maker: TokenMaker) -> None:
    other = ECKey.generate_key("P-256", {"kid": "test-1"})
    assert (await client.get("/me", headers={"Authorization": f"Bearer {maker.token(key=other)}"})).status_code == 401


async def test_public_key_as_shared_secret_is_refused(client: httpx.AsyncClient, maker: TokenMaker) -> None:
    claims = {"iss": "http://localhost:8080", "aud": "http://localhost:8080", "client_id": "c", "registration_id": "r", "sub": "s"}
    claims |= {"environment": "production", "jti": "1", "iat": int(time.time()), "exp": int(time.time()) + 60}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "at+jwt", "kid": "test-1"}, claims)
    ]
    mac = hmac.digest(maker.key.as_pem(private=False), b".".join(parts), "sha256")
    forged = b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()
    assert (await client.get("/me", headers={"Authorization": f"Bearer {forged}"})).status_code == 401


async def test_unsigned_and_other_algorithms_are_refused(client: httpx.AsyncClient, maker: TokenMaker) -> None:
    good = maker.token().split(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoidGVzdC0xIn0." + good[1] + "."
    rsa = RSAKey.generate_key(2048, {"kid": "test-1"})
    signed = jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "test-1"}, {"iss": "x"}, rsa, algorithms=["RS256"])
    for token in (none, signed, "x", "a.b.c", good[0] + "." + good[1] + ".AAAA", "a" * 9000):
        assert (await client.get("/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401, token[:20]


@pytest.mark.parametrize("where", ["query", "form", "scheme", "twice", "empty"])
async def test_token_is_accepted_in_the_authorization_header_only(client: httpx.AsyncClient, maker: TokenMaker, where: str) -> None:
    token = maker.token()
    answer = {
        "query": await client.get("/me", params={"access_token": token}),
        "form": await client.request("GET", "/me", data={"access_token": token}),
        "scheme": await client.get("/me", headers={"Authorization": f"Token {token}"}),
        "twice": await client.get("/me", headers=[("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]),
        "empty": await client.get("/me", headers={"Authorization": "Bearer "}),
    }[where]
    assert answer.status_code == 401


async def test_verified_token_still_expires(client: httpx.AsyncClient, maker: TokenMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = maker.headers()
    assert (await client.get("/me", headers=headers)).status_code == 200
    later = time.time() + 606
    monkeypatch.setattr("cds_common.tokens.time.time", lambda: later)
    assert (await client.get("/me", headers=headers)).status_code == 401


async def test_keys_are_fetched_once_and_again_for_a_new_key_but_not_for_every_stranger(
    client: httpx.AsyncClient, maker: TokenMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        assert (await client.get("/me", headers=maker.headers())).status_code == 200
    assert maker.fetches == 1
    new = ECKey.generate_key("P-256", {"kid": "test-2", "use": "sig", "alg": "ES256"})
    maker.keys.keys.append(new)
    assert (await client.get("/me", headers={"Authorization": f"Bearer {maker.token(key=new)}"})).status_code == 401
    assert maker.fetches == 1, "strangers' key ids do not make us ask auth more often than every ten seconds"
    later = time.monotonic() + 11
    monkeypatch.setattr("cds_common.tokens.time.monotonic", lambda: later)
    assert (await client.get("/me", headers={"Authorization": f"Bearer {maker.token(key=new)}"})).status_code == 200
    assert maker.fetches == 2


async def test_token_is_refused_once_auth_has_withdrawn_its_key(
    client: httpx.AsyncClient, maker: TokenMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = maker.headers()
    assert (await client.get("/me", headers=headers)).status_code == 200
    new = ECKey.generate_key("P-256", {"kid": "test-2", "use": "sig", "alg": "ES256"})
    maker.keys.keys[:] = [new]
    later = time.monotonic() + 601
    monkeypatch.setattr("cds_common.tokens.time.monotonic", lambda: later)
    assert (await client.get("/me", headers={"Authorization": f"Bearer {maker.token(key=new)}"})).status_code == 200
    assert (await client.get("/me", headers=headers)).status_code == 401


async def test_unreachable_auth_is_503_and_lets_nobody_in(settings: SampleSettings) -> None:
    app = new_app(settings, lifespan=lambda _app: common_state(settings), problem_table={})
    app.include_router(router)
    token = TokenMaker(settings).headers()
    async with application(app) as client:
        answer = await client.get("/me", headers=token)
    assert answer.status_code == 503
