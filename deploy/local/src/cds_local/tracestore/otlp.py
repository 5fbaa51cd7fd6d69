"""Reads OpenTelemetry's export requests (OTLP/HTTP, protobuf) into plain spans."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

MAX_BODY_BYTES = 16 * 1024 * 1024
_MAX_TEXT = 2_000
_MAX_ATTRIBUTES = 64
# Attributes that hold an address with its query, where authorization codes and states travel.
_ADDRESSES = {"http.url", "url.full", "http.target"}
_DROPPED = {"url.query"}


class BadExport(Exception):
    """A request that isn't an export of spans, or is too large."""


@dataclass(frozen=True)
class Event:
    """A named moment in a span, such as an exception."""

    name: str
    at_ns: int
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Span:
    """One span; times are nanoseconds since 1970 UTC, ids are lower-case hex, `parent_id` is empty for a root."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    error: str | None
    attributes: dict[str, Any]
    events: list[Event]


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "string_value":
            return value.string_value[:_MAX_TEXT]
        case "bytes_value":
            return value.bytes_value[:_MAX_TEXT].decode("utf-8", "replace")
        case "array_value":
            return [_plain(item) for item in value.array_value.values[:_MAX_ATTRIBUTES]]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case _:
            return getattr(value, kind)


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for pair in list(pairs)[:_MAX_ATTRIBUTES]:
        if pair.key in _DROPPED:
            continue
        value = _plain(pair.value)
        read[pair.key] = _without_query(value) if pair.key in _ADDRESSES and isinstance(value, str) else value
    return read


def _without_query(address: str) -> str:
    return urlunsplit(urlsplit(address)._replace(query="", fragment=""))


def _span(span: trace_pb2.Span, service: str) -> Span:
    failed = span.status.code == trace_pb2.Status.STATUS_CODE_ERROR
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=service,
        name=span.name[:_MAX_TEXT],
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        start_ns=span.start_time_unix_nano,
        end_ns=max(span.end_time_unix_nano, span.start_time_unix_nano),
        error=(span.status.message[:_MAX_TEXT] or "error") if failed else None,
        attributes=_attributes(span.attributes),
        events=[Event(event.name[:_MAX_TEXT], event.time_unix_nano, _attributes(event.attributes)) for event in span.events[:16]],
    )


def unpack(body: bytes, encoding: str) -> bytes:
    """Undo a request's content encoding.

    Raises:
        BadExport: an unknown encoding, broken data, or more than 16 MiB when unpacked.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise BadExport(f"content encoding {encoding[:40]!r} isn't supported")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(body, MAX_BODY_BYTES)
    except zlib.error as error:
        raise BadExport("broken gzip data") from error
    if unpacker.unconsumed_tail:
        raise BadExport("more than 16 MiB")
    return plain


def read_export(body: bytes) -> list[Span]:
    """Read an `ExportTraceServiceRequest`; spans without valid ids are left out, as the protocol says.

    Raises:
        BadExport: the bytes aren't such a request.
    """
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise BadExport("not an ExportTraceServiceRequest") from error
    spans: list[Span] = []
    for resource_spans in request.resource_spans:
        service = str(_attributes(resource_spans.resource.attributes).get("service.name") or "unknown")
        for scope in resource_spans.scope_spans:
            spans += [_span(span, service) for span in scope.spans if len(span.trace_id) == 16 and len(span.span_id) == 8]
    return spans
