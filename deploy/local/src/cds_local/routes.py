"""Which service answers which path: the one table that Envoy here, the Kubernetes routes and their tests are held to."""

from collections.abc import Iterator
from dataclasses import dataclass

SERVICES = ("auth", "registry", "accounts", "billing", "usage", "aggregation")


@dataclass(frozen=True)
class Route:
    """A public path of a service. A prefix ends at a `/`: `/my` leads to `/my` and `/my/…`, not to `/mything`."""

    service: str
    path: str
    exact: bool = False
    compressed: bool = False
    """Whether the ingress compresses answers; not where they hold secrets beside what a caller chose (BREACH), such as forms and tokens."""

    def matches(self, path: str) -> bool:
        """Tell whether this route leads a normalised path, without its query, to its service."""
        return path == self.path or (not self.exact and path.startswith(self.path + "/"))


_EXACT = {
    "registry": ("/", "/.well-known/cds-server-metadata.json", "/.well-known/oauth-authorization-server"),
    "auth": ("/oauth/authorize", "/oauth/par", "/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/jwks.json"),
}

_PREFIXES = {
    "registry": (
        "/oauth/register",
        "/cds/v1/metadata",
        "/cds/v1/coverage",
        "/cds/v1/clients",
        "/cds/v1/messages",
        "/cds/v1/credentials",
        "/cds/v1/files",
        "/registration",
        "/docs",
        "/operator",
        "/static/registry",
    ),
    "auth": ("/cds/v1/grants", "/login", "/logout", "/consent", "/receipts", "/my", "/static/auth", "/auth-operator"),
    "accounts": (
        "/cds/v1/accounts",
        "/cds/v1/service-contracts",
        "/cds/v1/service-points",
        "/cds/v1/meter-devices",
        "/espi/1_1/resource/RetailCustomer",
        "/espi/1_1/resource/Batch/RetailCustomer",
    ),
    "billing": ("/cds/v1/bill-statements", "/cds/v1/bill-sections", "/cds/v1/bill-files", "/espi/1_1/resource/UsageSummary"),
    "usage": (
        "/cds/v1/usage-segments",
        "/cds/v1/eacs",
        "/espi/1_1/resource/Subscription",
        "/espi/1_1/resource/Batch/Subscription",
        "/espi/1_1/resource/ReadingType",
        "/export/v1",
    ),
    "aggregation": ("/cds/v1/aggregations",),
}

_DATA_SERVICES = frozenset({"accounts", "billing", "usage", "aggregation"})
_COMPRESSED = frozenset(
    {
        "/.well-known/cds-server-metadata.json",
        "/.well-known/oauth-authorization-server",
        "/cds/v1/metadata",
        "/cds/v1/coverage",
        "/docs",
        "/static/registry",
        "/static/auth",
    }
)

# Never led anywhere from outside, whatever is added to the table.
PRIVATE_PREFIXES = ("/internal", "/metrics", "/health", "/healthz", "/readyz", "/livez")


def public_routes() -> Iterator[Route]:
    """Give every public route; a path that none matches is answered 404 by the ingress itself."""
    for service in SERVICES:
        for path in _EXACT.get(service, ()):
            yield Route(service, path, exact=True, compressed=path in _COMPRESSED)
        for document in ("openapi", "asyncapi"):
            yield Route(service, f"/{document}/{service}.json", exact=True, compressed=True)
        for path in _PREFIXES.get(service, ()):
            yield Route(service, path, compressed=service in _DATA_SERVICES or path in _COMPRESSED)


def service_of(path: str) -> str | None:
    """Find the service that a normalised public path leads to, or None."""
    return next((route.service for route in public_routes() if route.matches(path)), None)
