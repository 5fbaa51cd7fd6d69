"""What the auth service must be told before it starts."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from cds_common.settings import CommonSettings, InternalOrigin, Key, Seconds


def _fernet_keys(value: SecretStr) -> SecretStr:
    keys = [key.strip() for key in value.get_secret_value().split(",")]
    if not all(keys):
        raise ValueError("must be Fernet keys separated by commas, the newest first")
    for key in keys:
        Fernet(key)
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


class Settings(CommonSettings):
    """Read from `CDS_AUTH_*`, once, in `app.py` or `worker.py`."""

    model_config = SettingsConfigDict(env_prefix="CDS_AUTH_", frozen=True, extra="ignore")

    service: ClassVar[str] = "auth"

    credential_key: Key
    """Shared with registry: the HMAC key of the verifiers in `cds.clients`."""
    encryption_keys: Annotated[SecretStr, AfterValidator(_fernet_keys)]
    """Fernet keys for the signing keys in the database, comma separated; the first encrypts, all decrypt."""

    billing_internal_url: InternalOrigin = "http://127.0.0.1:8084"
    usage_internal_url: InternalOrigin = "http://127.0.0.1:8085"
    aggregation_internal_url: InternalOrigin = "http://127.0.0.1:8086"
    """With accounts' address: where the operator's search in the access log asks."""

    profile: Literal["standard", "strict"] = "standard"
    """`strict` takes pushed authorization requests only and exempts no Client from PKCE (ASVS 5.0 V10, level 3). The specification lets
    clients use plain links, so it is no default. registry reads the same variable and says so in the metadata."""
    access_token_lifetime: Seconds = timedelta(minutes=15)
    refresh_token_lifetime: Seconds = timedelta(days=365)
    """Without use; each rotation begins anew. The Grant's own end comes first."""
    refresh_token_absolute_lifetime: Seconds = timedelta(days=365)
    """Since the authorization, however often it was exchanged (RFC 9700 §4.14.2). A Grant that lasts longer stays open by Grant Admin."""
    code_lifetime: Seconds = timedelta(seconds=60)
    pushed_request_lifetime: Seconds = timedelta(seconds=90)
    grant_wait: Seconds = timedelta(seconds=2)
    """How long a token answer waits for a new Grant to become active: real clients take an empty first listing as final."""
    grant_eta: Seconds = timedelta(minutes=5)
    """First estimate for a pending Grant, and how far a passed one is moved."""
    scheduler_interval: Seconds = timedelta(seconds=1)
    signing_key_overlap: Seconds = timedelta(hours=1)
    """A new signing key is published this long before it signs, so that every cached key set knows it by then."""
    failed_authentications: int = Field(default=20, ge=1)
    """Failed client authentications per minute, Client and address before 429; ten times as many per address."""
    requests_per_second: int = Field(default=1000, ge=1)
    """Token requests per second and Client in one api process before 429; bursts of twice as many pass."""

    @property
    def utility_file(self) -> Path:
        """The file with the offered scopes; this service cannot work without it.

        Raises:
            ValueError: `CDS_AUTH_UTILITY_CONFIG` is not set.
        """
        if self.utility_config is None:
            raise ValueError("CDS_AUTH_UTILITY_CONFIG is required")
        return self.utility_config

    # customer half
    customer_session_idle: Seconds = timedelta(minutes=20)
    """Since the last activity. Less than 10 minutes only where law or regulator demands it (CDS-WG3-01 §9.1.2)."""
    customer_login_each_time: bool = False
    """Every request asks for a login of its own, with the name filled in; only where law or regulator demands it (CDS-WG3-01 §9)."""
    customer_session_lifetime: Seconds = timedelta(hours=12)
    """Since the login, however active."""
    consent_request_lifetime: Seconds = timedelta(hours=1)
    """From the Client's link to the decision; each look at the form begins it anew."""
    default_language: Literal["en", "es"] = "en"
    """When the browser asks for none that we have."""
    smtp_host: Annotated[str | None, BeforeValidator(_none_if_empty)] = None
    """Without a mail server receipts are not sent by e-mail; they stay on `/my`."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_username: Annotated[str | None, BeforeValidator(_none_if_empty)] = None
    smtp_password: SecretStr | None = None
    mail_from: str = "no-reply@localhost"
    access_log_retention: Seconds = timedelta(days=400)
    """How long customers can see who read what."""
    oidc_issuer: Annotated[str | None, BeforeValidator(_none_if_empty)] = None
    """Identity provider of the utility for production customers (OpenID Connect); unset = names and passwords of our own."""
    oidc_client_id: Annotated[str | None, BeforeValidator(_none_if_empty)] = None
    oidc_client_secret: SecretStr | None = None
    oidc_customer_number_claim: str = "customer_number"
    """Claim of the ID token, or of the userinfo answer, that holds the utility's customer number."""
    oidc_scope: str = "openid profile email"
    """What is asked of the provider; add the scope that brings the customer number."""
    oidc_name: str = "your utility account"
    """Name of the provider as the login page says it."""
