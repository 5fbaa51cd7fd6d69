"""What the core of auth refuses; each has its answer in `api/problems.py` or is an answer of an OAuth endpoint."""

from uuid import UUID

from cds_common.errors import DomainError


class GrantNotFound(DomainError):
    """There is no such Grant among those that the caller may see."""


class GrantAlreadyEnded(DomainError):
    """A closed, revoked, disabled or expired Grant takes no further change (CDS-WG1-02 §8.2)."""


class InvalidGrantChange(DomainError):
    """A member of a PATCH has a value that cannot be set (CDS-WG1-02 §8.7)."""


class OperatorChangeRefused(DomainError):
    """What the operator wants does not fit the state of the Grant."""


class SearchRefused(DomainError):
    """The filters of a search in the access log do not go together."""


class ClientUnknown(DomainError):
    """A peer or the operator named a Client that does not exist."""


class InvalidServerGrant(DomainError):
    """The Grant that a peer asked for does not fit the Client."""


class SelectionNotAllowed(DomainError):
    """An approval does not belong to the authorization request it is given for."""


class InvalidAuthorizationRequest(DomainError):
    """`client_id`, `redirect_uri`, `response_type` or `request_uri` is faulty: a page, never a redirect (RFC 6749 §4.1.2.1)."""


class UnsupportedResponseType(InvalidAuthorizationRequest):
    """A `response_type` other than code; a pushed request is told so (RFC 6749 §4.1.2.1, RFC 9126 §2.3)."""


class RequestUriUsed(InvalidAuthorizationRequest):
    """The `request_uri` was opened before; its first browser session may go on with what it led to."""

    def __init__(self, detail: str, pushed_id: UUID) -> None:
        super().__init__(detail)
        self.pushed_id = pushed_id


class AuthorizationRefused(DomainError):
    """The request is refused by a redirect to the Client with `error`, `state` and `iss` (RFC 6749 §4.1.2.1, RFC 9207)."""

    def __init__(self, error: str, description: str, *, redirect_uri: str, state: str | None, is_server_redirect: bool = False) -> None:
        super().__init__(description)
        self.error, self.description = error, description
        self.redirect_uri, self.state, self.is_server_redirect = redirect_uri, state, is_server_redirect
