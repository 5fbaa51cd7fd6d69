"""What a service refuses to start with."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from libs.cds_common.tests.conftest import SampleSettings, sample_settings


@pytest.mark.parametrize(
    "public_url",
    ["http://utility.example", "https://utility.example/", "https://utility.example/cds", "ftp://localhost", "https://", "https://a:b@utility.example",
     "https://utility.example?x=1", "localhost:8080"],
)  # fmt: skip
def test_address_that_would_break_issuer_or_security_is_refused(public_url: str) -> None:
    with pytest.raises(ValidationError):
        sample_settings(public_url=public_url)


@pytest.mark.parametrize(
    "public_url", ["https://utility.example", "https://utility.example:8443", "http://localhost:8080", "http://127.0.0.1:1"]
)
def test_https_or_local_address_is_accepted_as_it_is(public_url: str) -> None:
    assert sample_settings(public_url=public_url).public_url == public_url


def test_short_internal_key_is_refused_and_never_shown() -> None:
    with pytest.raises(ValidationError) as refusal:
        sample_settings(internal_key="short-secret")
    assert "short-secret" not in repr(sample_settings())
    assert "32" in str(refusal.value)


def test_environment_is_read_with_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": "postgresql+asyncpg://a:b@h/d", "KAFKA_BOOTSTRAP_SERVERS": "k:9092", "INTERNAL_KEY": "k" * 32,
        "STALENESS_LIMIT": "2.5", "OTLP_ENDPOINT": "", "OUTBOX_RETENTION": "P2D", "UTILITY_CONFIG": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"CDS_SAMPLE_{name}", value)
    settings = SampleSettings()  # type: ignore[call-arg]
    assert settings.staleness_limit == timedelta(seconds=2.5)
    assert settings.outbox_retention == timedelta(days=2)
    assert settings.otlp_endpoint is None
    assert settings.utility_config is None


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        sample_settings().public_url = "https://other.example"  # type: ignore[misc]
