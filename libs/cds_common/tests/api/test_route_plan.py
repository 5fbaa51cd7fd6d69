"""A planned route answers as FastAPI's own solver would; a route that needs more has no plan."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.dependencies.utils import get_dependant

from cds_common.route_plan import RoutePlan
from cds_common.wire import cds_router, id_list

events: list[str] = []


async def _context() -> AsyncIterator[str]:
    events.append("begin")
    try:
        yield "context"
    except ValueError:
        events.append("rollback")
        raise
    events.append("commit")


Context = Annotated[str, Depends(_context, scope="function")]


async def _clock() -> str:
    return "now"


Clock = Annotated[str, Depends(_clock)]


async def _viewer(request: Request, context: Context, clock: Clock) -> str:
    return f"{request.url.path}:{context}:{clock}"


router = cds_router()


@router.get("/planned")
async def planned(
    viewer: Annotated[str, Depends(_viewer)],
    context: Context,
    clock: Clock,
    ids: Annotated[list[str] | None, id_list("thing_ids")],
    text: Annotated[str | None, Query(alias="q")] = None,
) -> Response:
    events.append("endpoint")
    if text == "fail":
        raise ValueError(text)
    return Response(f"{viewer} {context} {clock} {ids} {text}", background=None)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    events.clear()
    app = FastAPI()
    app.include_router(router)

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                events.append(f"sent {message['status']}")
            await send(message)

        scope["state"] = {"app": app}
        await app(scope, receive, noted)

    transport = httpx.ASGITransport(watched, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://h") as client:
        client.headers["x-app"] = "1"
        setattr(client, "app", app)  # noqa: B010  # for the test of overrides
        yield client


async def test_each_dependency_is_solved_once_and_the_transaction_ends_before_the_answer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/planned?thing_ids=a%20b%20a&q=x")
    assert answer.text == "/planned:context:now context now ['a', 'b'] x"
    assert events == ["begin", "endpoint", "commit", "sent 200"]


async def test_transaction_sees_the_fault(client: httpx.AsyncClient) -> None:
    assert (await client.get("/planned?q=fail")).status_code == 500
    assert events == ["begin", "endpoint", "rollback", "sent 500"]


async def test_override_takes_the_place_of_a_dependency(client: httpx.AsyncClient) -> None:
    app: FastAPI = getattr(client, "app")  # noqa: B009
    app.dependency_overrides[_clock] = lambda: "then"
    assert (await client.get("/planned")).text == "/planned:context:then context then None None"
    app.dependency_overrides[_clock] = _of_request
    assert (await client.get("/planned")).text == "/planned:context:1 context 1 None None"


def _of_request(request: Request) -> str:
    return request.headers["x-app"]


async def _with_header(one: Annotated[str | None, Header()] = None) -> Response:
    return Response(one)


async def _with_number(one: Annotated[int | None, Query()] = None) -> Response:
    return Response(str(one))


async def _with_rule(one: Annotated[str | None, Query(max_length=3)] = None) -> Response:
    return Response(one)


async def _with_path(thing_id: str) -> Response:
    return Response(thing_id)


async def _with_late_transaction(_one: Annotated[str, Depends(_context)]) -> Response:
    return Response()


def _in_a_thread() -> Response:
    return Response()


@pytest.mark.parametrize("endpoint", [_with_header, _with_number, _with_rule, _with_late_transaction, _in_a_thread])
def test_route_that_needs_more_has_no_plan(endpoint: Any) -> None:
    assert RoutePlan.of(get_dependant(path="/", call=endpoint)) is None


def test_path_parameter_needs_more() -> None:
    assert RoutePlan.of(get_dependant(path="/{thing_id}", call=_with_path)) is None
