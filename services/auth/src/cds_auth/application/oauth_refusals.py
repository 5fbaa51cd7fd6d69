"""Refusals of the access rules in the words of the OAuth endpoints."""

from collections.abc import Iterator
from contextlib import contextmanager

from cds_auth.application.parameters import Repeated
from cds_auth.domain.errors import AuthorizationRefused, InvalidAuthorizationRequest, UnsupportedResponseType
from cds_common.access.errors import AccessRefused
from cds_common.oauth_errors import InvalidAuthorizationDetails, InvalidRequest, InvalidScope, OAuthError


class RequestRefused(OAuthError):
    """An error code that only the case knows (RFC 9126 §2.3 gives those of the authorization endpoint)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error  # pyright: ignore[reportAttributeAccessIssue]  # the base names one code per class


@contextmanager
def oauth_refusals() -> Iterator[None]:
    """Raise what the rules refuse as the error of a JSON endpoint (RFC 6749 §5.2, RFC 9396 §5, RFC 9126 §2.3)."""
    try:
        yield
    except AccessRefused as refused:
        known = {"invalid_scope": InvalidScope, "invalid_authorization_details": InvalidAuthorizationDetails}
        raise known.get(refused.error, InvalidRequest)(refused.description) from refused
    except AuthorizationRefused as refused:
        raise RequestRefused(refused.error, refused.description) from refused
    except UnsupportedResponseType as refused:
        raise RequestRefused("unsupported_response_type", str(refused)) from refused
    except (InvalidAuthorizationRequest, Repeated) as refused:
        raise InvalidRequest(str(refused)) from refused
