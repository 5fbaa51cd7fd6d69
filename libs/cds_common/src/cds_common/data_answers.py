"""How every answer with customer data leaves: encrypted where the Grant says so, else with an ETag, never kept by a shared cache.

`load_access` tells this middleware what it found, so that an endpoint cannot forget it.
"""

import hashlib
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds_common.jwe import MEDIA_TYPE, JweWriter


@dataclass(slots=True)
class _Reading:
    """What a request turned out to be: whether customer data was opened, and the key to which its answer is encrypted."""

    opened: bool = False
    key: Mapping[str, Any] | None = None


_reading: ContextVar[_Reading | None] = ContextVar("reading", default=None)


def customer_data_opened(key: Mapping[str, Any] | None) -> None:
    """The running request reads customer data; with `key`, all it answers from now on is encrypted to it (CDS-WG3-01 §7.4.6)."""
    reading = _reading.get()
    if reading is not None:
        reading.opened, reading.key = True, key


class CustomerDataAnswers:
    """ASGI middleware. Answers of requests that opened no customer data pass as they are.

    Encrypted: every body, problem documents too, once the token was accepted. Plain: a weak ETag over the bytes where the
    answer is in one piece and brought none, and 304 for an `If-None-Match` that names it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Watch one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reading = _Reading()
        before = _reading.set(reading)
        try:
            await self._app(scope, receive, _Answer(Headers(scope=scope), send, reading))
        finally:
            _reading.reset(before)


class _Answer:
    def __init__(self, request: Headers, send: Send, reading: _Reading) -> None:
        self._request, self._send, self._reading = request, send, reading
        self._start: Message | None = None
        self._writer: JweWriter | None = None
        self._muted = False

    async def __call__(self, message: Message) -> None:
        if not self._reading.opened or message["type"] not in {"http.response.start", "http.response.body"}:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        else:
            await self._body(message)

    async def _body(self, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        start, self._start = self._start, None
        if start is not None:
            encrypted = self._reading.key is not None and start["status"] not in {204, 304}
            body = await (self._begin_encrypted(start, body, more=more) if encrypted else self._begin_plain(start, body, more=more))
        elif self._writer is not None:
            body = self._writer.update(body) + (b"" if more else self._writer.finish())
        if not self._muted or not more:
            await self._send({"type": "http.response.body", "body": b"" if self._muted else body, "more_body": more})

    async def _begin_encrypted(self, start: Message, body: bytes, *, more: bool) -> bytes:
        """Send the head; give what to send of the first piece."""
        assert self._reading.key is not None  # noqa: S101  # the caller looked
        headers = MutableHeaders(raw=start["headers"])
        media_type = headers.get("content-type", "application/octet-stream").split(";")[0]
        self._writer = JweWriter(self._reading.key, media_type)
        written = self._writer.start() + self._writer.update(body) + (b"" if more else self._writer.finish())
        # The name and the digest of a file are told inside only.
        for name in ("etag", "content-length", "content-disposition"):
            if name in headers:
                del headers[name]
        headers["Content-Type"], headers["Cache-Control"] = MEDIA_TYPE, "private, no-store"
        headers.add_vary_header("Authorization")
        if not more:
            headers["Content-Length"] = str(len(written))
        await self._send({**start, "headers": headers.raw})
        return written

    async def _begin_plain(self, start: Message, body: bytes, *, more: bool) -> bytes:
        headers = MutableHeaders(raw=start["headers"])
        headers.add_vary_header("Authorization")
        if start["status"] == 200:
            headers.setdefault("Cache-Control", "private, no-cache")
            if not more and "etag" not in headers and "no-store" not in headers["cache-control"]:
                headers["ETag"] = weak_etag(body)
        start["headers"] = headers.raw
        if start["status"] == 200 and "etag" in headers and _names(self._request.get("if-none-match", ""), headers["etag"]):
            for name in ("content-length", "content-type"):
                if name in headers:
                    del headers[name]
            start = {**start, "status": 304, "headers": headers.raw}
            self._muted = True
        await self._send(start)
        return body


def weak_etag(*parts: bytes) -> str:
    """A weak validator (RFC 9110 §8.8.3) of a content that these bytes determine."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return f'W/"{digest.hexdigest()[:32]}"'


def _names(condition: str, etag: str) -> bool:
    """`If-None-Match` by weak comparison (RFC 9110 §13.1.2)."""
    wanted = etag.removeprefix("W/")
    return condition.strip() == "*" or any(part.strip().removeprefix("W/") == wanted for part in condition.split(","))
