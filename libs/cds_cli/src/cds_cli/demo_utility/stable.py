"""Event ids that depend on the fact alone: loading the same thing again changes nothing anywhere."""

from uuid import UUID, uuid5

_NAMESPACE = UUID("9b1a3f52-8d0f-5a0d-8a5e-6f6d3a7f6a10")


def fact_id(*parts: object) -> UUID:
    """The id of one fact; the parts name it completely."""
    return uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts))
