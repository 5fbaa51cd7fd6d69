"""What billing refuses; names the ids, knows no HTTP."""

from cds_common.errors import DomainError


class BillFileNotFound(DomainError):
    """No bill file with this id that the token may see (another customer's file is not told apart)."""


class UsageSummaryNotFound(DomainError):
    """No Bill Section with this id that the token may see."""
