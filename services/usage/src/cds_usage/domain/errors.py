"""What the rules of the usage service refuse."""

from cds_common.errors import DomainError


class EacNotFound(DomainError):
    """No Energy Attribute Certificate of that id is open to the token."""


class SubscriptionNotFound(DomainError):
    """The token opens no such Green Button subscription, or there is no such resource in it."""
