"""Solves a route's dependencies by a plan that is made once.

FastAPI finds out at every request what each dependency is and wants: fourteen times for a list of accounts
(docs/decisions/0009-hot-path.md). Most of our routes are simple: they answer with a finished `Response`, and their
dependencies are coroutines or transactions that read the request by themselves. Other routes have no plan and go FastAPI's way.
"""

import inspect
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from fastapi.dependencies.models import Dependant
from starlette.requests import Request
from starlette.responses import Response

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
        stack: AsyncExitStack = request.scope["fastapi_function_astack"]
        results: list[Any] = []
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
