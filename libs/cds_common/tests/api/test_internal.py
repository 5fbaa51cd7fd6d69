"""Calls between services: who may call, and how long the caller insists."""

import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.responses import Response

from cds_common.errors import TransientError
from cds_common.http_app import common_state, new_app
from cds_common.internal import InternalClient, caller_of, sign_call
from cds_common.keys import derive_key
from cds_common.testing.app import application
from cds_common.wire import cds_router
from libs.cds_common.tests.conftest import SampleSettings, sample_settings

router = cds_router()
SampleCalls = caller_of("sample")
AuthCalls = caller_of("auth")


@router.get("/internal/things")
async def things(caller: SampleCalls) -> Response:  # type: ignore[valid-type]
    return Response(caller)


@router.get("/internal/secrets")
async def secrets(caller: AuthCalls) -> Response:  # type: ignore[valid-type]
    return Response(caller)


@pytest.fixture
async def client(settings: SampleSettings) -> AsyncIterator[httpx.AsyncClient]:
    app = new_app(settings, lifespan=lambda _app: common_state(settings), problem_table={})
    app.include_router(router)
    async with application(app) as client:
        yield client


def headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def forged(settings: SampleSettings, **changes: object) -> str:
    now = int(time.time())
    claims = {"iss": "sample", "aud": "sample", "iat": now, "exp": now + 60} | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(
        {"alg": "HS256"}, claims, OctKey.import_key(derive_key(settings.internal_key, "internal-calls")), algorithms=["HS256"]
    )


async def test_allowed_service_is_let_in_by_name(client: httpx.AsyncClient, settings: SampleSettings) -> None:
    answer = await client.get("/internal/things", headers=headers(sign_call(settings, audience="sample")))
    assert (answer.status_code, answer.text) == (200, "sample")


async def test_other_service_is_not(client: httpx.AsyncClient, settings: SampleSettings) -> None:
    assert (await client.get("/internal/secrets", headers=headers(sign_call(settings, audience="sample")))).status_code == 401


async def test_anonymous_call_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/internal/things")).status_code == 401


async def test_token_of_another_secret_is_refused(client: httpx.AsyncClient) -> None:
    other = sample_settings(internal_key="o" * 40)
    assert (await client.get("/internal/things", headers=headers(sign_call(other, audience="sample")))).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "auth"},
        {"exp": 4000},
        {"iat": -100, "exp": -40},
        {"iat": 100, "exp": 160},
        {"exp": None},
        {"iat": None},
        {"iss": None},
    ],
)
async def test_token_with_a_wrong_claim_is_refused(client: httpx.AsyncClient, settings: SampleSettings, changes: dict[str, object]) -> None:
    """Times are seconds from now: the test may run long after it was collected."""
    now = int(time.time())
    claims = {name: now + value if isinstance(value, int) else value for name, value in changes.items()}
    assert (await client.get("/internal/things", headers=headers(forged(settings, **claims)))).status_code == 401


def peer(settings: SampleSettings, answer: Callable[[int], httpx.Response]) -> tuple[InternalClient, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(len(seen))

    http = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    return InternalClient(settings, service="auth", base_url="http://auth", http=http), seen


async def test_call_is_repeated_while_the_peer_restarts(settings: SampleSettings) -> None:
    client, seen = peer(settings, lambda attempt: httpx.Response(503 if attempt < 3 else 200))
    assert (await client.request("GET", "/internal/grants/1")).status_code == 200
    assert len(seen) == 3


async def test_refusal_is_the_callers_business(settings: SampleSettings) -> None:
    client, seen = peer(settings, lambda _attempt: httpx.Response(404))
    assert (await client.request("GET", "/internal/grants/1")).status_code == 404
    assert len(seen) == 1


@pytest.mark.parametrize(("method", "attempts"), [("GET", 3), ("PUT", 3), ("POST", 1)])
async def test_only_idempotent_calls_are_repeated_after_an_unclear_failure(settings: SampleSettings, method: str, attempts: int) -> None:
    client, seen = peer(settings, lambda _attempt: httpx.Response(503))
    with pytest.raises(TransientError):
        await client.request(method, "/internal/grants/1")
    assert len(seen) == attempts


async def test_refused_connection_is_repeated_for_every_method(settings: SampleSettings) -> None:
    def answer(attempt: int) -> httpx.Response:
        if attempt == 1:
            raise httpx.ConnectError("refused")
        return httpx.Response(200)

    client, seen = peer(settings, answer)
    assert (await client.request("POST", "/internal/grants/1", json={"a": 1})).status_code == 200
    assert len(seen) == 2


async def test_server_fault_is_not_repeated(settings: SampleSettings) -> None:
    client, seen = peer(settings, lambda _attempt: httpx.Response(500))
    with pytest.raises(TransientError):
        await client.request("GET", "/internal/grants/1")
    assert len(seen) == 1
