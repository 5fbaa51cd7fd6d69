"""A planned route answers as FastAPI's own solver would; a route that needs more has no plan."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.dependencies.utils import get_dependant

from cds_common.errors import DomainError
from cds_common.problems import ProblemType, install_problem_handlers
from cds_common.route_plan import PlannedRoutes, RoutePlan
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


class _Unwanted(DomainError):
    """For the test of refusals."""


things = cds_router()


@things.get("/things")
async def list_things(context: Context, text: Annotated[str | None, Query(alias="q")] = None) -> Response:
    if text == "unwanted":
        raise _Unwanted("not this one")
    if text == "fail":
        raise ValueError(text)
    return Response(f"{context} {text}")


@things.get("/things/{thing_id}")
async def get_thing(thing_id: str, context: Context) -> Response:
    return Response(f"{context} {thing_id}")


@pytest.fixture
async def doors() -> AsyncIterator[tuple[httpx.AsyncClient, list[str], FastAPI]]:
    """A client, the addresses that FastAPI had to find, and the application."""
    events.clear()
    app, sought = FastAPI(redirect_slashes=False), list[str]()

    class Seeking:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            sought.append(f"{scope['method']} {scope['path']}")
            await self._inner(scope, receive, send)

    install_problem_handlers(app, public_url="http://h", table={_Unwanted: ProblemType(409, "unwanted", "Unwanted")})
    app.include_router(things)
    app.add_middleware(Seeking)
    app.add_middleware(PlannedRoutes, application=app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://h") as client:
        yield client, sought, app


async def test_an_address_is_sought_once(doors: tuple[httpx.AsyncClient, list[str], FastAPI]) -> None:
    client, sought, _ = doors
    assert [(await client.get(f"/things?q={text}")).text for text in "abc"] == ["context a", "context b", "context c"]
    assert sought == ["GET /things"]
    assert events == ["begin", "commit"] * 3


async def test_refusals_and_faults_are_answered_as_by_fastapi(doors: tuple[httpx.AsyncClient, list[str], FastAPI]) -> None:
    client, sought, _ = doors
    first = [await client.get(f"/things?q={text}") for text in ("unwanted", "fail")]
    await client.get("/things")
    sought.clear()
    again = [await client.get(f"/things?q={text}") for text in ("unwanted", "fail")]
    assert sought == []
    assert [(one.status_code, one.content, one.headers) for one in again] == [(one.status_code, one.content, one.headers) for one in first]
    assert [one.status_code for one in again] == [409, 500]


async def test_what_another_route_answers_is_sought_each_time(doors: tuple[httpx.AsyncClient, list[str], FastAPI]) -> None:
    client, sought, _ = doors
    await client.get("/things")
    for _ in range(2):
        assert (await client.post("/things")).status_code == 405
        assert (await client.get("/things/7")).text == "context 7"
        assert (await client.get("/things/")).status_code == 404
    assert sought == ["GET /things", *["POST /things", "GET /things/7", "GET /things/"] * 2]


async def test_an_override_counts_at_a_remembered_address(doors: tuple[httpx.AsyncClient, list[str], FastAPI]) -> None:
    client, sought, app = doors
    await client.get("/things")
    app.dependency_overrides[_context] = lambda: "other"
    assert (await client.get("/things")).text == "other None"
    app.dependency_overrides[_context] = _of_request
    client.headers["x-app"] = "asked"
    assert (await client.get("/things")).text == "asked None"
    assert sought == ["GET /things", "GET /things"]
