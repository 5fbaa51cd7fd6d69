"""Pages that people see: strict policy, no inline code, forms that only our own pages can send."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from cds_common.settings import CommonSettings

_SOURCE = re.compile(r"[a-z][a-z0-9+.\-]*:(//[a-z0-9.\-\[\]:]+)?", re.IGNORECASE)


def page_environment(package: str, folder: str = "templates") -> Environment:
    """Templates of `package`: everything is escaped, and a name that is not given is an error instead of an empty place."""
    return Environment(
        loader=PackageLoader(package, folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        auto_reload=False,
    )  # fmt: skip


def origin_of(uri: str) -> str:
    """The source expression that lets a form lead to `uri`: its origin, or its scheme for an app's own scheme.

    Raises:
        ValueError: `uri` has no scheme, or characters that do not belong into a policy.
    """
    parts = urlsplit(uri)
    source = f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
    if "@" in source or not _SOURCE.fullmatch(source):
        raise ValueError("not an address that a form may lead to")
    return source


def content_policy(*, form_actions: Iterable[str] = ()) -> str:
    """Content-Security-Policy without inline code. `form_actions` are the further origins that a posted form may redirect to.

    Browsers apply `form-action` to the redirect after the post too, so the consent page names its client's origin, and only that.
    """
    actions = list(form_actions)
    for source in actions:
        if not _SOURCE.fullmatch(source):
            raise ValueError("not a source expression")
    targets = " ".join(["'self'", *actions])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
    )


def page_headers(settings: CommonSettings, *, form_actions: Iterable[str] = (), cacheable: bool = False) -> dict[str, str]:
    """Headers of an HTML answer."""
    headers = {
        "Content-Security-Policy": content_policy(form_actions=form_actions),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cache-Control": "public, max-age=300" if cacheable else "no-store",
    }
    if settings.public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def csrf_token(key: bytes, session_id: str) -> str:
    """A token for the forms of this session; each one looks different, so that compression tells nothing about it."""
    salt = secrets.token_hex(16)
    return f"{salt}.{_mac(key, session_id, salt)}"


def check_csrf(key: bytes, session_id: str, token: str | None) -> bool:
    """Whether `token` was made for this session."""
    salt, _, mac = (token or "")[:200].partition(".")
    return hmac.compare_digest(_mac(key, session_id, salt).encode(), mac.encode())


def _mac(key: bytes, session_id: str, salt: str) -> str:
    return hmac.new(key, f"csrf\0{salt}\0{session_id}".encode(), hashlib.sha256).hexdigest()
