"""What the rules of the aggregation service refuse."""

from cds_common.errors import DomainError


class RegionNotFound(DomainError):
    """No map of that name is open to the token."""
