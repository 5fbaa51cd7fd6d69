"""What the customer half refuses; `api/problems.py` and the pages turn it into answers."""

from cds_common.errors import DomainError


class CustomerNotFound(DomainError):
    """No customer of that environment has this number."""


class LoginNameTaken(DomainError):
    """Another customer of that environment logs in with this name."""


class PageNotFound(DomainError):
    """No such request, receipt or authorization for this browser; never says whether it exists for another one."""


class PageExpired(DomainError):
    """The authorization request ran out before it was decided."""


class FormRefused(DomainError):
    """A posted form lacks its anti-forgery value, or is too large or malformed."""


class PasswordTooShort(DomainError):
    """A password that is too easy to guess, or longer than any person's."""
