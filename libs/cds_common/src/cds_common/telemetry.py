"""Traces, metrics and logs of one process; personal data and secrets stay out of all three."""

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Literal, TextIO

import structlog
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from cds_common.settings import CommonSettings

_SECRET_KEYS = re.compile(
    r"(?i)(authorization|password|passwd|secret|token|cookie|credential|api_?key|private_?key|signature|"
    r"^code$|_code$|code_verifier|email|phone|customer_name|address|birth)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9\-._~+/=]{8,}")
_QUIET_PATHS = "health/live,health/ready,metrics"
_FLAGS = re.compile(r"-([0-9a-f]{2})$")
_NOT_SAMPLED = trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=False, trace_flags=trace.TraceFlags(0)))

ONE_INSTRUMENTATION = TelemetryConfig(tracing=False, metrics=False, logs=False, operation_spans=False)
"""FastAPI's own spans, off: they would stand beside those of `instrument_app`, three more to each request."""

Process = Literal["api", "worker"]


class _TextAttributes(SpanProcessor):
    """Turns bytes attributes into text: FastStream sets the message key as bytes, which trace stores drop with the whole span."""

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:  # noqa: ARG002  # the SDK's signature
        for name, value in (span.attributes or {}).items():
            if isinstance(value, bytes):
                span.set_attribute(name, value.decode("utf-8", "replace"))


class _NoQueryStrings(SpanProcessor):
    """Cuts query strings from HTTP spans: they hold authorization codes, states and customers' choices."""

    _NAMES = frozenset({"http.url", "http.target", "url.full", "url.query"})

    def on_end(self, span: ReadableSpan) -> None:
        # Instrumentations add these after the start, and an ended span refuses changes: what goes to the exporter is replaced.
        attributes = dict(span.attributes or {})
        found = self._NAMES & set(attributes)
        if found:
            attributes |= {name: "" if name == "url.query" else str(attributes[name]).split("?", 1)[0] for name in found}
            span._attributes = BoundedAttributes(attributes=attributes)  # noqa: SLF001  # no public way; tests of the traces watch it


def set_up(settings: CommonSettings, process: Process) -> TracerProvider:
    """Configure logs and, with an OTLP endpoint, traces of this process. Safe to call again (the first call wins)."""
    _set_up_logs(settings, process)
    current = trace.get_tracer_provider()
    if isinstance(current, TracerProvider):
        return current
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"cds-{settings.service}-{process}", "service.namespace": "cds-server"}),
        sampler=ParentBased(TraceIdRatioBased(settings.trace_sample_ratio)),
    )
    provider.add_span_processor(_TextAttributes())
    provider.add_span_processor(_NoQueryStrings())
    if settings.otlp_endpoint:
        exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint}/v1/traces", timeout=5)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    # Statements are recorded without their parameters.
    AsyncPGInstrumentor(capture_parameters=False).instrument(tracer_provider=provider)
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    return provider


def instrument_app(app: FastAPI) -> None:
    """Give every sampled request of `app` a span; probes are left out."""
    plain = app.build_middleware_stack
    FastAPIInstrumentor.instrument_app(app, excluded_urls=_QUIET_PATHS, exclude_spans=["send", "receive"])
    traced = app.build_middleware_stack
    app.build_middleware_stack = lambda: SampledRequests(traced(), plain())


class SampledRequests:
    """Sends a request through the instrumentation only when its trace is recorded.

    The ingress has decided that and says so in `traceparent`; without one the sampler of this process decides. The
    instrumentations make a span per statement and request also where nobody records it, so that they are told to keep still. The ids
    stay: logs and events of an unrecorded request name the trace, and the next service follows the same decision.
    """

    _PROPAGATOR = TraceContextTextMapPropagator()

    def __init__(self, traced: ASGIApp, plain: ASGIApp) -> None:
        self._traced, self._plain = traced, plain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        parent = Headers(scope=scope).get("traceparent") if scope["type"] == "http" else None
        context = None if parent is None else self._PROPAGATOR.extract({"traceparent": parent})
        caller = trace.get_current_span(context).get_span_context() if context is not None else trace.INVALID_SPAN_CONTEXT
        if context is None or not caller.is_valid or caller.trace_flags.sampled:
            await self._traced(scope, receive, send)
            return
        token = otel_context.attach(context)
        try:
            with suppress_instrumentation():
                await self._plain(scope, receive, send)
        finally:
            otel_context.detach(token)


def is_unrecorded(traceparent: str) -> bool:
    """Whether a `traceparent` says that nobody records its trace: the lowest of its flags (W3C Trace Context §3.2.2.5) is not set."""
    flags = _FLAGS.search(traceparent)
    return flags is not None and not int(flags[1], 16) & 1


@contextmanager
def untraced() -> Iterator[None]:
    """Work inside makes no spans: polling would bury the traces that matter."""
    token = otel_context.attach(trace.set_span_in_context(_NOT_SAMPLED))
    try:
        with suppress_instrumentation():
            yield
    finally:
        otel_context.detach(token)


def redact(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Log processor: values of keys that name a secret or personal data are replaced, on every level."""
    for key in list(entry):
        entry[key] = "[redacted]" if _SECRET_KEYS.search(key) else _clean(entry[key])
    return entry


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _BEARER.sub(r"\1 [redacted]", value)
    if isinstance(value, dict):
        return {key: "[redacted]" if _SECRET_KEYS.search(str(key)) else _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _trace_ids(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        entry["trace_id"], entry["span_id"] = format(span.trace_id, "032x"), format(span.span_id, "016x")
    return entry


class _StandardOutput(logging.StreamHandler[TextIO]):
    """Writes to what is standard output at that moment (tests replace it)."""

    @property
    def stream(self) -> TextIO:  # pyright: ignore[reportIncompatibleVariableOverride]  # the standard library does the same for stderr
        """The present standard output."""
        return sys.stdout

    @stream.setter
    def stream(self, value: TextIO) -> None: ...


def _set_up_logs(settings: CommonSettings, process: Process) -> None:
    def name_service(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        entry["service"] = f"cds-{settings.service}-{process}"
        return entry

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
        _trace_ids,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _StandardOutput()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [*(other for other in root.handlers if not isinstance(other, _StandardOutput)), handler]
    root.setLevel(settings.log_level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for noisy in ("aiokafka", "httpx", "httpcore", "uvicorn.access", "faststream", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
