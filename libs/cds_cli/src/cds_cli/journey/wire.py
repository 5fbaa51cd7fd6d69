"""One HTTP client for the journey: it remembers every exchange and starts a trace for each."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx

SECRET_WORDS = ("secret", "token", "code", "password", "verifier", "authorization_code")


class JourneyFailed(AssertionError):
    """The server did not do what the specification promises; the message says which step and what came instead."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer, with the trace in which the server handled it."""

    method: str
    url: str
    sent: str
    status: int
    content_type: str
    body: str
    trace_id: str


def parse_json(text: str) -> Any:
    """JSON with exact decimals: `10.0` stays `Decimal("10.0")`."""
    return json.loads(text, parse_float=Decimal)


@dataclass(slots=True)
class Wire:
    """An httpx client with a memory; redirects are never followed unasked. `recorded`: whether the traces of its requests are."""

    base_url: str
    recorded: bool = True
    exchanges: list[Exchange] = field(default_factory=list[Exchange])
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.base_url, follow_redirects=False, timeout=30, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        bearer: str | None = None,
        basic: tuple[str, str] | None = None,
        json_body: Any = None,
        form: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request and remember it."""
        trace_id = secrets.token_hex(16)
        trace = f"00-{trace_id}-{secrets.token_hex(8)}-0{self.recorded:d}"
        all_headers = {"traceparent": trace, **(headers or {})}
        if bearer is not None:
            all_headers["authorization"] = f"Bearer {bearer}"
        pairs = list(form.items() if isinstance(form, Mapping) else form or ())
        content = urlencode(pairs).encode() if form is not None else None
        if content is not None:
            all_headers["content-type"] = "application/x-www-form-urlencoded"
        if json_body is not None:
            content = json.dumps(json_body, default=str).encode()
            all_headers["content-type"] = "application/json"
        response = self.http.request(
            method,
            url,
            headers=all_headers,
            content=content,
            params=params,
            auth=httpx.BasicAuth(*basic) if basic else httpx.USE_CLIENT_DEFAULT,
        )
        shown = _shown_form(pairs) if form is not None else (json.dumps(json_body, default=str) if json_body is not None else "")
        kind = response.headers.get("content-type", "")
        body = response.text if "json" in kind or "html" in kind else ""
        self.exchanges.append(Exchange(method, str(response.request.url), shown, response.status_code, kind, body, trace_id))
        return response


def _shown_form(pairs: Sequence[tuple[str, str]]) -> str:
    """A form as it may be printed: values that open something are cut."""
    shown = [(k, v[:6] + "…" if any(word in k for word in SECRET_WORDS) else v) for k, v in pairs]
    return "&".join(f"{k}={v}" for k, v in shown)


def expect(response: httpx.Response, status: int, what: str) -> httpx.Response:
    """The answer, if it has the status.

    Raises:
        JourneyFailed: another status; shows the beginning of the body.
    """
    if response.status_code != status:
        raise JourneyFailed(f"{what}: expected {status}, got {response.status_code} from {response.request.url}: {response.text[:600]}")
    return response


def check(condition: object, what: str) -> None:
    """Raise unless the condition holds.

    Raises:
        JourneyFailed: it does not.
    """
    if not condition:
        raise JourneyFailed(what)
