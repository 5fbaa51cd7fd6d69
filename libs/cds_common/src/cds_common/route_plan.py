"""Solves a route's dependencies by a plan that is made once.

FastAPI finds out at every request what each dependency is and wants: fourteen times for a list of accounts
(docs/decisions/0009-hot-path.md). Most of our routes are simple: they answer with a finished `Response`, and their
dependencies are coroutines or transactions that read the request by themselves. Other routes have no plan and go FastAPI's way.

Finding the route costs as much again: `PlannedRoutes` remembers where an address without parameters has led.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

Kind = Literal["value", "context"]
_Overrides = Mapping[Callable[..., Any], Callable[..., Any]]
_OTHER_WAYS_IN = (
    "path_params", "header_params", "cookie_params", "body_params", "websocket_param_name", "http_connection_param_name",
    "response_param_name", "background_tasks_param_name", "security_scopes_param_name", "own_oauth_scopes", "concurrency",
)  # fmt: skip


class _NotPlannable(Exception):
    """The route needs more than a plan offers."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One call: with the request, with query texts by alias, and with results of earlier steps by number."""

    asked: Callable[..., Any]
    call: Callable[..., Any]
    kind: Kind
    request_name: str | None
    texts: tuple[tuple[str, str], ...]
    results: tuple[tuple[str, int], ...]

    def arguments(self, request: Request, results: list[Any]) -> dict[str, Any]:
        found = {name: results[number] for name, number in self.results}
        for name, alias in self.texts:
            found[name] = request.query_params.get(alias)
        if self.request_name is not None:
            found[self.request_name] = request
        return found


@dataclass(slots=True)
class RoutePlan:
    """The steps of one route in their order; the endpoint is the last."""

    _steps: list[_Step] = field(default_factory=list[_Step])
    _numbers: dict[Any, int] = field(default_factory=dict[Any, int])

    @classmethod
    def of(cls, dependant: Dependant) -> "RoutePlan | None":
        """The plan of an endpoint that returns a `Response`, or None when it needs more than a plan offers."""
        plan = cls()
        try:
            plan._add(dependant)
        except _NotPlannable:
            return None
        return plan if plan._steps[-1].kind == "value" else None

    @staticmethod
    def allows(overrides: _Overrides) -> bool:
        """Whether these `dependency_overrides` can be called without a parameter."""
        return not any(inspect.signature(one).parameters for one in overrides.values())

    async def answer(self, request: Request, overrides: _Overrides) -> Response:
        """Run the steps. Transactions end before this route's answer is sent, as with `scope="function"` in FastAPI.

        `overrides` are those that the plan `allows`.
        """
        results: list[Any] = []
        async with AsyncExitStack() as stack:
            for step in self._steps:
                if overrides and step.asked in overrides:
                    result = overrides[step.asked]()
                    results.append(await result if inspect.isawaitable(result) else result)
                elif step.kind == "context":
                    results.append(await stack.enter_async_context(step.call(**step.arguments(request, results))))
                else:
                    results.append(await step.call(**step.arguments(request, results)))
        return results[-1]

    def _add(self, dependant: Dependant) -> int:
        """The number of the step whose result is that of `dependant`; equal dependencies share one (`use_cache`)."""
        key = (dependant.call, dependant.scope) if dependant.use_cache else object()
        if key in self._numbers:
            return self._numbers[key]
        if any(getattr(dependant, name) for name in _OTHER_WAYS_IN):
            raise _NotPlannable
        numbered = [(sub.name, self._add(sub)) for sub in dependant.dependencies]
        results = tuple((name, number) for name, number in numbered if name is not None)
        texts = tuple((one.name, _alias(one)) for one in dependant.query_params)
        call, kind = _callable(dependant)
        self._steps.append(_Step(dependant.call or call, call, kind, dependant.request_param_name, texts, results))
        self._numbers[key] = len(self._steps) - 1
        return self._numbers[key]


Found = Callable[[Request], Awaitable[Response] | None]
"""The way of one route: the answer to come, or None when this request must go FastAPI's way after all."""
_FOUND = "cds.found"


class PlannedRoutes:
    """ASGI middleware next to the application: remembers which planned route an address leads to, and goes there at once next time.

    FastAPI found each of them itself the first time, refuses what comes with another method, and answers everywhere else.
    """

    def __init__(self, app: ASGIApp, *, application: FastAPI) -> None:
        self._app, self._application = app, application
        self._found: dict[tuple[str, str], tuple[BaseRoute, Found]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        known = self._found.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if known is None:
            scope[_FOUND] = self._found
            await self._app(scope, receive, send)
            return
        scope["route"], found = known
        request = Request(scope, receive, send)
        coming = found(request)
        if coming is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await coming
        except Exception as error:
            refusal = self._refusal(error)
            if refusal is None:
                raise
            refused = refusal(request, error)
            response = await refused if inspect.isawaitable(refused) else refused
        await response(scope, receive, send)

    def _refusal(self, error: Exception) -> Callable[[Request, Exception], Any] | None:
        """The application's handler of this error, as Starlette looks for it; None for what nobody expects (500)."""
        handlers: Mapping[Any, Any] = self._application.exception_handlers
        return next((handlers[cls] for cls in type(error).__mro__ if cls in handlers and cls is not Exception), None)


def remember(request: Request, route: APIRoute, found: Found) -> None:
    """Tell `PlannedRoutes` what FastAPI has found for this request: only where the address is the route's very path."""
    known: dict[tuple[str, str], tuple[BaseRoute, Found]] | None = request.scope.get(_FOUND)
    if known is not None and request.scope["path"] == route.path_format and not route.param_convertors and not request.scope["root_path"]:
        known[request.scope["method"], request.scope["path"]] = route, found


def _callable(dependant: Dependant) -> tuple[Callable[..., Any], Kind]:
    call = dependant.call
    if call is not None and inspect.iscoroutinefunction(call):
        return call, "value"
    if call is not None and inspect.isasyncgenfunction(call) and dependant.scope == "function":
        return asynccontextmanager(call), "context"
    raise _NotPlannable


def _alias(parameter: Any) -> str:
    """The name on the wire of an optional text without rules of its own; anything else FastAPI must validate."""
    info = parameter.field_info
    if set(get_args(info.annotation)) != {str, type(None)} or info.metadata or info.default is not None or not info.include_in_schema:
        raise _NotPlannable
    return str(info.alias or parameter.name)
