"""What every service must be told before it starts; services subclass this with their own prefix and fields."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def _origin(value: str) -> str:
    """An http(s) origin without a trailing slash, since issuer and page links are compared and built as text (RFC 8414 §3.3)."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or value.endswith("/") or parts.path or parts.query or parts.fragment:
        raise ValueError("must be scheme and host without path and without trailing slash")
    if parts.username or parts.password:
        raise ValueError("must not hold credentials")
    return value


def _public_origin(value: str) -> str:
    if urlsplit(_origin(value)).scheme != "https" and urlsplit(value).hostname not in LOCAL_HOSTS:
        raise ValueError("https is required for every host but localhost")
    return value


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 32:
        raise ValueError("must have at least 32 characters")
    return value


def _seconds(value: object) -> object:
    """Environment variables say `5` or `0.5` for seconds; ISO 8601 durations stay as they are."""
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return timedelta(seconds=float(value))
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


PublicOrigin = Annotated[str, AfterValidator(_public_origin)]
InternalOrigin = Annotated[str, AfterValidator(_origin)]
Key = Annotated[SecretStr, AfterValidator(_long_enough)]
Seconds = Annotated[timedelta, BeforeValidator(_seconds)]


class CommonSettings(BaseSettings):
    """Settings that all six services share; read once in `app.py` or `worker.py` and passed down."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    service: ClassVar[str]
    """Name of the service as in topics, groups, traces and addresses."""

    database_url: SecretStr
    """postgresql+asyncpg://user:password@host:port/database."""
    kafka_bootstrap_servers: str
    kafka_username: Annotated[str | None, BeforeValidator(_none_if_empty)] = None
    """SASL SCRAM-SHA-512 user; with it comes `kafka_password`."""
    kafka_password: SecretStr | None = None
    kafka_ca_file: Annotated[Path | None, BeforeValidator(_none_if_empty)] = None
    """Given, the broker is spoken to over TLS and must show a certificate of this authority."""
    public_url: PublicOrigin = "http://localhost:8080"
    otlp_endpoint: Annotated[str | None, BeforeValidator(_none_if_empty)] = None
    """Base address of an OTLP/HTTP receiver; without one no spans leave the process."""
    trace_sample_ratio: float = Field(default=0.1, ge=0.0, le=1.0)
    """Share of traces that are recorded, where the caller has not decided: behind the ingress it has (`traceparent`)."""
    internal_key: Key
    """Secret shared by the services; signs internal calls and page cursors through derived keys."""
    registry_internal_url: InternalOrigin = "http://127.0.0.1:8081"
    auth_internal_url: InternalOrigin = "http://127.0.0.1:8082"
    accounts_internal_url: InternalOrigin = "http://127.0.0.1:8083"
    utility_config: Annotated[Path | None, BeforeValidator(_none_if_empty)] = None
    worker_health_host: str = "127.0.0.1"
    worker_health_port: int = Field(default=9090, ge=0, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    staleness_limit: Seconds = timedelta(seconds=5)
    """Age of the newest `cds.grants` heartbeat from which a data service asks auth again."""
    db_pool_size: int = Field(default=16, ge=1, le=200)
    """The most connections of a process to its database, opened when needed; a quarter of them are lanes (`cds_common.hot_sql`)."""
    outbox_retention: Seconds = timedelta(days=7)
    inbox_retention: Seconds = timedelta(days=30)
    consumer_lag_limit: int = Field(default=50_000, ge=1)
    """Messages behind from which a worker calls itself not ready."""
    relay_age_limit: Seconds = timedelta(seconds=60)
    """Age of the oldest unpublished event from which a worker calls itself not ready."""
    client_requests_per_second: float = Field(default=2000, ge=0, allow_inf_nan=False)
    """Requests with access tokens of one Client to one process, in the long run; 0 = no limit (CDS-WG1-02 §11.3)."""
    token_requests_per_second: float = Field(default=2000, ge=0, allow_inf_nan=False)
    """The same for one access token."""
    failed_tokens_per_minute: float = Field(default=600, ge=0, allow_inf_nan=False)
    """Requests without a valid access token from one network address; 0 = no limit."""
