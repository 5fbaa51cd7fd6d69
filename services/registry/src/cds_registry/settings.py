"""What the registry service must be told before it starts."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from cryptography.fernet import Fernet
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from cds_common.settings import CommonSettings, Key, PublicOrigin, Seconds
from cds_registry.adapters.object_store import bucket_of
from cds_registry.domain.review import REVIEWABLE


def _fernet_keys(value: SecretStr) -> SecretStr:
    keys = [key.strip() for key in value.get_secret_value().split(",") if key.strip()]
    if not keys:
        raise ValueError("must hold at least one key")
    for key in keys:
        Fernet(key)
    return value


def _names(value: object) -> object:
    return frozenset(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _reviewable(value: frozenset[str]) -> frozenset[str]:
    if unknown := value - set(REVIEWABLE):
        raise ValueError(f"cannot be reviewed: {', '.join(sorted(unknown))}")
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _files_url(value: str) -> str:
    bucket_of(value)
    return value


Names = Annotated[frozenset[str], NoDecode, BeforeValidator(_names)]
ReviewedFields = Annotated[frozenset[str], NoDecode, BeforeValidator(_names), AfterValidator(_reviewable)]
FilesUrl = Annotated[str, AfterValidator(_files_url)]


class Settings(CommonSettings):
    """Read from `CDS_REGISTRY_*`, once, in `app.py` or `worker.py`."""

    model_config = SettingsConfigDict(env_prefix="CDS_REGISTRY_", frozen=True, extra="ignore")

    service: ClassVar[str] = "registry"

    encryption_keys: Annotated[SecretStr, AfterValidator(_fernet_keys)]
    """Comma-separated Fernet keys for client secrets; the first encrypts, all decrypt (put a new one in front to rotate)."""
    credential_key: Key
    """Shared with auth: key of the HMAC by which auth checks a client secret."""
    files_dir: Annotated[Path | None, BeforeValidator(_none_if_empty)] = None
    """Where Server-Provided Files are kept, unless `files_url` names an object store."""
    files_url: Annotated[FilesUrl | None, BeforeValidator(_none_if_empty)] = Field(
        default=None, validation_alias=AliasChoices("files_url", "CDS_REGISTRY_FILES_URL", "CDS_FILES_URL")
    )
    """`s3://bucket[/prefix][?endpoint=https://host&region=name]`, also read from `CDS_FILES_URL`; see `adapters/object_store.py`."""
    reviewed_fields: ReviewedFields = frozenset({"client_name", "client_uri", "logo_uri", "cds_purposes"})
    """Members of production consent Clients whose changes an operator approves first (comma-separated; empty = none)."""
    reviewed_sandbox_fields: ReviewedFields = frozenset()
    """The same for sandbox Clients."""
    auth_profile: Literal["standard", "strict"] = Field(
        default="standard", validation_alias=AliasChoices("auth_profile", "CDS_REGISTRY_AUTH_PROFILE", "CDS_AUTH_PROFILE")
    )
    """The profile of auth, also read from its own variable `CDS_AUTH_PROFILE`: with `strict` the metadata says that PAR is required."""
    operator_session_lifetime: Seconds = timedelta(hours=8)
    registrations_per_minute: int = Field(default=30, ge=1)
    """Registrations per minute and network address, in each process; as many may come at once."""
    public_reads_per_second: int = Field(default=100, ge=1)
    """Unauthenticated reads per second and network address, in each process; five times as many may come at once."""
    api_calls_per_second: int = Field(default=100, ge=1)
    """Calls per second and Client, in each process; five times as many may come at once."""
    failed_authentications_per_minute: int = Field(default=60, ge=1)
    """An operator's refused keys and logins per minute and network address, in each process."""
    former_hosts: Names = frozenset()
    """Host names of a former domain; their well-known metadata address redirects to this server (CDS-WG1-01 §5)."""
    moved_to: Annotated[PublicOrigin | None, BeforeValidator(_none_if_empty)] = None
    """Set on a server that was merged into another: the well-known metadata address redirects there."""
    max_attachment_bytes: int = Field(default=11_000_000, ge=10_000_000)
    """All attachments of one Message together, before Base64; the specification asks for 10 megabytes at least."""
    max_file_bytes: int = Field(default=15_000_000, ge=1)
    """Largest Server-Provided File that an operator may upload through the API."""

    @model_validator(mode="after")
    def _knows_where_files_are(self) -> Self:
        if self.files_dir is None and self.files_url is None:
            raise ValueError("files_dir or files_url is needed")
        return self
