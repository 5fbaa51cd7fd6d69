"""The form of requests and answers: exact decimals, UTC times, space-separated filters."""

import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, get_type_hints

from fastapi import APIRouter, Depends, Query, routing
from fastapi._compat import ModelField
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, SerializationInfo, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response

from cds_common import exact_json
from cds_common.errors import FieldFault
from cds_common.problems import ProblemError, generic
from cds_common.route_plan import RoutePlan, remember

MAX_DECIMAL_DIGITS = 60
MAX_IDS = 1000


def _exact(value: Any, info: ValidationInfo) -> Decimal:
    """Accept what still has its digits: Decimal and int, and text only where JSON is read by pydantic (events)."""
    if isinstance(value, str) and info.mode == "json" and re.fullmatch(r"-?\d{1,60}(\.\d{1,60})?", value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise PydanticCustomError("decimal_number", "must be a JSON number")
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise PydanticCustomError("decimal_number", "must be finite")
    if len(number.as_tuple().digits) + abs(exponent) > MAX_DECIMAL_DIGITS:
        raise PydanticCustomError("decimal_size", "has too many digits")
    return Decimal(format(number, "f")) if exponent > 0 else number


def _as_number(value: Decimal, info: SerializationInfo) -> Any:
    return str(value) if info.mode == "json" else exact_json.number(value)


CdsDecimal = Annotated[
    Decimal, BeforeValidator(_exact), PlainSerializer(_as_number, when_used="unless-none"), WithJsonSchema({"type": "number"})
]
"""A decimal that is a JSON number on the wire with exactly the digits it has: 10.0 stays 10.0, no exponent, no string.

`encode`/`CdsRoute` write the number; `model_dump_json` (events) writes a string, which reads back exactly.
"""

_DATETIME = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[Tt ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>[Zz]|[+-]\d{2}:\d{2})"
)


def parse_datetime(text: str) -> datetime:
    """Read an RFC 3339 date-time into UTC; seconds may be missing and fractions have up to nine digits (cut to microseconds).

    Raises:
        ValueError: another form, no such moment, no zone, or outside the calendar in UTC.
    """
    found = _DATETIME.fullmatch(text) if len(text) <= 40 else None
    if found is None:
        raise ValueError("must be an RFC 3339 date-time with a zone")
    zone = found["zone"]
    offset = timedelta(0) if zone in "Zz" else timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6])) * (-1 if zone[0] == "-" else 1)
    day = date.fromisoformat(found["date"])
    second = int(found["second"] or 0)
    micro = int((found["fraction"] or "").ljust(6, "0")[:6])
    # A leap second is the last moment of its minute: Python has no 61st second.
    if second == 60:
        second, micro = 59, 999_999
    moment = datetime(day.year, day.month, day.day, int(found["hour"]), int(found["minute"]), second, micro, timezone(offset))
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the calendar") from error


def parse_date(text: str) -> date:
    """Read an RFC 3339 full-date.

    Raises:
        ValueError: another form or no such day.
    """
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError("must be a date such as 2025-01-31")
    return date.fromisoformat(text)


def _datetime(value: Any) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PydanticCustomError("datetime_zone", "must have a zone")
        return value.astimezone(UTC)
    if not isinstance(value, str):
        raise PydanticCustomError("datetime_form", "must be an RFC 3339 date-time")
    try:
        return parse_datetime(value)
    except ValueError as error:
        raise PydanticCustomError("datetime_form", "must be an RFC 3339 date-time with a zone") from error


def _date(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return parse_date(str(value))
    except ValueError as error:
        raise PydanticCustomError("date_form", "must be a date such as 2025-01-31") from error


CdsDateTime = Annotated[datetime, BeforeValidator(_datetime)]
"""An aware moment, UTC inside and `Z` on the wire; reads every form of `parse_datetime`."""
CdsDate = Annotated[date, BeforeValidator(_date)]


def id_list(name: str, *, limit: int = MAX_IDS, max_length: int = 200) -> Any:
    """Dependency for a space-separated filter: `account_ids: Annotated[list[str] | None, id_list("account_ids")]`.

    None when it is absent; doubles are dropped. A repeated parameter, too many or too long values are answered 400.
    """

    async def read(
        request: Request, _documented: Annotated[str | None, Query(alias=name, description="Space-separated")] = None
    ) -> list[str] | None:
        given = _given_once(request, name, "must be given once, with its values separated by spaces")
        if given is None:
            return None
        items = list(dict.fromkeys(given.split()))
        if len(items) > limit:
            raise _filter_fault(name, f"must have at most {limit} values")
        if any(len(item) > max_length or not item.isprintable() for item in items):
            raise _filter_fault(name, "holds a value that is no id")
        return items

    return Depends(read)


def _given_once(request: Request, name: str, rule: str = "must be given once") -> str | None:
    """The parameter's value; an empty one counts as absent (RFC 6749 §3.1 by analogy, WG3D-016)."""
    values = [value for value in request.query_params.getlist(name) if value.strip()]
    if len(values) > 1:
        raise _filter_fault(name, rule)
    return values[0] if values else None


def date_filter(name: str) -> Any:
    """Dependency for a date such as `before`: `before: Annotated[date | None, date_filter("before")]`; anything else is answered 400."""
    return _moment_filter(name, parse_date, "must be a date such as 2025-01-31")


def datetime_filter(name: str) -> Any:
    """Dependency for a datetime with an offset; what is none is answered 400."""
    return _moment_filter(name, parse_datetime, "must be a date-time with an offset such as 2025-01-31T00:00:00Z")


def _moment_filter(name: str, parse: Callable[[str], Any], rule: str) -> Any:
    async def read(request: Request, _documented: Annotated[str | None, Query(alias=name)] = None) -> Any:
        given = _given_once(request, name)
        if given is None:
            return None
        try:
            return parse(given)
        except ValueError as error:
            raise _filter_fault(name, rule) from error

    return Depends(read)


def _filter_fault(name: str, detail: str) -> ProblemError:
    return ProblemError(generic(400), f"{name} {detail}", faults=(FieldFault(f"#query/{name}", detail),))


class CdsModel(BaseModel):
    """Base of wire models. Unknown members are ignored, unset ones are left out of answers."""

    model_config = ConfigDict(extra="ignore", from_attributes=True, populate_by_name=True)

    def to_json(self) -> bytes:
        """The document as it goes over the wire."""
        return exact_json.encode(self.model_dump(mode="python", by_alias=True, exclude_unset=True))


class CdsJSONResponse(Response):
    """JSON with exact decimals, for handlers that build their own answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode; bytes are taken as JSON already."""
        return content if isinstance(content, bytes) else exact_json.encode(content)


class _ExactRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = exact_json.decode(await self.body())
        return self._json


class _ExactField(ModelField):
    """Serializes an answer without pydantic's JSON mode, which would write decimals as strings."""

    def serialize(self, value: Any, *, mode: Any = "json", **options: Any) -> Any:  # noqa: ARG002
        return self._type_adapter.dump_python(value, mode="python", **options)

    def serialize_json(self, value: Any, **options: Any) -> bytes:
        return exact_json.encode(self.serialize(value, **options))


class CdsRoute(APIRoute):
    """Route that reads numbers without float and answers with exact ones; unset members are left out.

    Raises:
        TypeError: a handler without `response_model` whose answer would pass through float.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["response_model_exclude_unset"] = True
        super().__init__(path, endpoint, **options)
        returned = get_type_hints(endpoint).get("return")
        own_answer = inspect.isclass(returned) and issubclass(returned, Response | type(None))
        if self.response_field is None and not own_answer:
            raise TypeError(f"{endpoint.__qualname__} needs a response_model or the return type Response")

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI with exact numbers on both sides."""
        # FastAPI keeps another field for a route that was included into a router or an application.
        context = routing._effective_route_context_var.get()  # noqa: SLF001  # it has no public name; the decimal tests watch it
        route = context if context is not None and context.original_route is self else self
        if route.response_field is not None and not isinstance(route.response_field, _ExactField):
            route.response_field.__class__ = _ExactField
        handler = super().get_route_handler()
        plan = RoutePlan.of(route.dependant) if route.response_field is None and route.status_code is None else None
        application = route.dependency_overrides_provider

        def planned(request: Request) -> Awaitable[Response] | None:
            overrides = application.dependency_overrides if application else {}
            return plan.answer(_ExactRequest(request.scope, request.receive), overrides) if plan and plan.allows(overrides) else None

        async def exact(request: Request) -> Response:
            coming = planned(request)
            if coming is None:
                return await handler(_ExactRequest(request.scope, request.receive))
            remember(request, self, planned)
            return await coming

        return exact


def cds_router(**options: Any) -> APIRouter:
    """`APIRouter` whose routes are `CdsRoute`s."""
    return APIRouter(route_class=CdsRoute, **options)
