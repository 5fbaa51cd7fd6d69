"""Which addresses a client may give us: they become links, images and redirects on our pages, and are never fetched."""

from urllib.parse import urlsplit

MAX_ADDRESS = 2000
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def address_fault(value: object, *, loopback: bool = True) -> str | None:
    """Why `value` is not an absolute https address (or http on the loopback), or None when it is one."""
    if not isinstance(value, str) or not value or len(value) > MAX_ADDRESS:
        return f"must be an absolute address of at most {MAX_ADDRESS} characters"
    if any(ord(character) <= 0x20 or ord(character) == 0x7F or ord(character) > 0x7E or character in '<>"\\^`{|}' for character in value):
        return "must not hold spaces, control characters or characters outside RFC 3986"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "must be an absolute address"
    if not host or parts.username is not None or parts.password is not None:
        return "must be an absolute address with a host and without credentials"
    if parts.scheme == "https" or (loopback and parts.scheme == "http" and host in _LOOPBACK):
        return None
    return "must use https"


def redirect_fault(value: object, *, own_origin: str, own_redirect: str | None) -> str | None:
    """Why `value` is no redirect address: as `address_fault`, without fragment (RFC 6749 §3.1.2), and not a page of this server.

    A redirect to a page of ours could borrow the trust of the customer's session; only the one we made is fine.
    """
    if value == own_redirect:
        return None
    fault = address_fault(value)
    if fault or not isinstance(value, str):
        return fault
    if "#" in value:
        return "must not have a fragment"
    parts, own = urlsplit(value), urlsplit(own_origin)
    if (parts.scheme, parts.hostname, parts.port) == (own.scheme, own.hostname, own.port):
        return "must not lead to this server"
    return None
