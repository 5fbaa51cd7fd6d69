"""What a rule of this service refuses."""

from cds_common.errors import DomainError


class UnfitSource(ValueError):
    """A message of the utility says something that the specification has no place for; it is parked, never bent."""


class RetailCustomerNotFound(DomainError):
    """The token opens no such Green Button retail customer, or there is no such resource in it."""
