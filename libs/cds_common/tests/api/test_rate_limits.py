"""Limits behind an access token: by Client, by token, by the address of refused ones."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.responses import Response

from cds_common.http_app import common_state, new_app
from cds_common.rate_limits import ApiLimits
from cds_common.testing.app import application
from cds_common.testing.tokens import TokenMaker
from cds_common.tokens import Bearer
from cds_common.wire import cds_router
from libs.cds_common.tests.conftest import SampleSettings

router = cds_router()


@router.get("/me")
async def me(token: Bearer) -> Response:
    return Response(token.client_id)


class Clock:
    """Stands still unless it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def maker(settings: SampleSettings) -> TokenMaker:
    return TokenMaker(settings)


@pytest.fixture
async def client(settings: SampleSettings, maker: TokenMaker, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    limits = {"client_requests_per_second": 2, "token_requests_per_second": 1, "failed_tokens_per_minute": 3}
    app = new_app(settings, lifespan=lambda _app: common_state(settings), problem_table={})
    app.include_router(router)
    state = {"tokens": maker.verifier, "api_limits": ApiLimits.of(settings.model_copy(update=limits), clock)}
    async with application(app, state=state) as client:
        yield client


async def statuses(client: httpx.AsyncClient, *headers: dict[str, str]) -> list[int]:
    return [(await client.get("/me", headers=one)).status_code for one in headers]


@pytest.mark.req("WG3D-025")
async def test_a_client_is_limited_over_all_its_tokens_and_another_is_not(
    client: httpx.AsyncClient, maker: TokenMaker, clock: Clock
) -> None:
    tokens = [maker.headers(client_id="busy", jti=f"t{number}") for number in range(3)]
    assert await statuses(client, *tokens, tokens[0]) == [200, 200, 200, 200]
    refused = await client.get("/me", headers=tokens[1])
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.headers["content-type"] == "application/problem+json"
    assert await statuses(client, maker.headers(client_id="calm", jti="other")) == [200]
    clock.now += 0.5
    assert await statuses(client, tokens[2], tokens[2]) == [200, 429]


@pytest.mark.req("WG3D-025")
async def test_a_token_is_limited_by_itself(client: httpx.AsyncClient, maker: TokenMaker, clock: Clock) -> None:
    headers = maker.headers(client_id="busy", jti="t")
    assert await statuses(client, headers, headers, headers, maker.headers(client_id="busy", jti="u")) == [200, 200, 429, 200]
    clock.now += 1
    assert await statuses(client, headers) == [200]


@pytest.mark.req("WG3D-025")
async def test_refused_tokens_are_limited_by_address_and_good_ones_still_pass(
    client: httpx.AsyncClient, maker: TokenMaker, clock: Clock
) -> None:
    wrong = {"Authorization": "Bearer nonsense"}
    assert await statuses(client, wrong, {}, wrong) == [401, 401, 401]
    refused = await client.get("/me", headers=wrong)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "20")
    assert refused.headers["content-type"] == "application/problem+json"
    assert await statuses(client, maker.headers()) == [200]
    clock.now += 20
    assert await statuses(client, wrong, wrong) == [401, 429]


async def test_zero_is_no_limit(settings: SampleSettings, clock: Clock) -> None:
    nothing = {"client_requests_per_second": 0, "token_requests_per_second": 0, "failed_tokens_per_minute": 0}
    limits = ApiLimits.of(settings.model_copy(update=nothing), clock)
    for _ in range(10_000):
        limits.count_request("c", "t")
        limits.count_failure("a")
