"""What each service is told by environment variables, in one place."""

from collections.abc import Mapping
from pathlib import Path

from cds_local import ports

# A service that serves internal calls, and so an address that every other one is told.
_ASKED = ("registry", "auth", "accounts")
# Those that auth asks besides, for the operator's search in the access log.
_ASKED_BY_AUTH = ("billing", "usage", "aggregation")


def service_environment(
    service: str,
    *,
    secrets: Mapping[str, str],
    port_numbers: Mapping[str, int],
    public_url: str,
    traces: bool,
    trace_sample_ratio: float,
    files: Path,
    utility_config: Path,
) -> dict[str, str]:
    """Build the variables of one service; all have its prefix, `CDS_USAGE_` for usage.

    Args:
        service: its name.
        secrets: of the stack, see `secret_store`.
        port_numbers: of the stack's parts, see `stack`.
        public_url: the address that clients use, without a trailing slash.
        traces: whether spans are sent to the trace store.
        trace_sample_ratio: the share of traces that are recorded, where the caller does not say.
        files: where services keep uploaded files.
        utility_config: the utility's configuration file.
    """
    password = secrets[f"{service.upper()}_DATABASE_PASSWORD"]
    own = {
        "DATABASE_URL": f"postgresql+asyncpg://{service}:{password}@{ports.HOST}:{port_numbers['postgres']}/{service}",
        "KAFKA_BOOTSTRAP_SERVERS": f"{ports.HOST}:{port_numbers['kafka']}",
        "PUBLIC_URL": public_url,
        "OTLP_ENDPOINT": f"http://{ports.HOST}:{port_numbers['traces']}" if traces else "",
        "TRACE_SAMPLE_RATIO": str(trace_sample_ratio),
        "UTILITY_CONFIG": str(utility_config),
        "INTERNAL_KEY": secrets["INTERNAL_KEY"],
        "WORKER_HEALTH_PORT": str(port_numbers[f"{service}-worker"]),
    }
    for asked in (*_ASKED, *(_ASKED_BY_AUTH if service == "auth" else ())):
        if f"{asked}-api" in port_numbers:
            own[f"{asked.upper()}_INTERNAL_URL"] = f"http://{ports.HOST}:{port_numbers[f'{asked}-api']}"
    if service in {"auth", "registry"}:
        own["CREDENTIAL_KEY"] = secrets["CREDENTIAL_KEY"]
        own["ENCRYPTION_KEYS"] = secrets[f"{service.upper()}_ENCRYPTION_KEYS"]
    if service == "registry":
        # All callers of this machine share one address, and a test may register a client of its own.
        own["REGISTRATIONS_PER_MINUTE"] = "600"
    if service in {"registry", "billing"}:
        own["FILES_DIR"] = str(files / service)
    return {f"CDS_{service.upper()}_{name}": value for name, value in own.items()}
