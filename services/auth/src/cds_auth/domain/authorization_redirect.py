"""The redirect that ends an authorization request (RFC 6749 §4.1.2, RFC 9207)."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote, urlencode, urlsplit, urlunsplit


class Returning(Protocol):
    """What the redirect needs of a request."""

    @property
    def redirect_uri(self) -> str:
        """The effective one."""
        ...

    @property
    def state(self) -> str | None:
        """As it came."""
        ...


def authorization_redirect(request: Returning, issuer: str, answer: Mapping[str, str]) -> str:
    """`redirect_uri` with the answer, `state` exactly as it came (left out if none came) and `iss`; an own query stays (§3.1.2)."""
    parts = urlsplit(request.redirect_uri)
    added = dict(answer)
    if request.state is not None:
        added["state"] = request.state
    added["iss"] = issuer
    query = "&".join(part for part in (parts.query, urlencode(added, quote_via=quote)) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))
