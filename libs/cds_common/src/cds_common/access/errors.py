"""What the rules refuse; each error knows its OAuth code, the edge turns it into an answer."""

from typing import ClassVar

from cds_common.errors import DomainError, FieldFault


class AccessRefused(DomainError):
    """Base: `error` is the OAuth error code, `description` the text for the caller."""

    error: ClassVar[str] = "invalid_request"

    @property
    def description(self) -> str:
        """Text for `error_description`."""
        return self.detail


class InvalidScope(AccessRefused):
    """A scope is unknown, malformed, not registered for the Client, or not for this grant type (RFC 6749 §5.2)."""

    error = "invalid_scope"


class InvalidAuthorizationDetails(AccessRefused):
    """The authorization details break a rule (RFC 9396 §5); `pointer` says where (RFC 6901, from the array)."""

    error = "invalid_authorization_details"

    def __init__(self, reason: str, pointer: str = "") -> None:
        super().__init__(f"{reason} (at {pointer})" if pointer else reason, faults=(FieldFault(pointer, reason),))
        self.reason = reason
        self.pointer = pointer
