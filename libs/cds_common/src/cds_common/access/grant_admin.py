"""What a Grant Admin token may open (CDS-WG1-02 §3.3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_common.access.errors import InvalidAuthorizationDetails
from cds_common.access.offers import OfferedScope
from cds_common.access.status import OPEN_STATUSES
from cds_common.events.vocabulary import GrantStatus


@dataclass(frozen=True, slots=True)
class GrantToOpen:
    """The Grant that the request names, or None of it: a missing Grant and a stranger's look alike to the caller."""

    grant_id: str
    client_id: str
    registration_id: str
    status: GrantStatus
    enabled_scope: str


def requested_grant(details: Sequence[Mapping[str, Any]]) -> tuple[str, str, str]:
    """Scope id, client_id and grant_id of the one details object; its values were checked with the scope's fields before.

    Raises:
        InvalidAuthorizationDetails: not exactly one object.
    """
    if len(details) != 1:
        raise InvalidAuthorizationDetails("exactly one object names the Grant to open")
    entry = details[0]
    return str(entry["type"]), str(entry["client_id"]), str(entry["grant_id"])


def check_grant_admin(
    grant: GrantToOpen | None, *, scope: str, client_id: str, registration_id: str, offered: Mapping[str, OfferedScope]
) -> None:
    """Accept only an open Grant of the same registration, all of whose enabled scopes name `scope` as their Grant Admin scope.

    Raises:
        InvalidAuthorizationDetails: for every other Grant, with one text, so that nothing about strangers' Grants shows.
    """
    enabled = grant.enabled_scope.split() if grant is not None else []
    fits = (
        grant is not None
        and grant.registration_id == registration_id
        and grant.client_id == client_id
        and grant.status in OPEN_STATUSES
        and bool(enabled)
        and all(each in offered and offered[each].grant_admin_scope == scope for each in enabled)
    )
    if not fits:
        raise InvalidAuthorizationDetails("no Grant with this grant_id and client_id can be opened by this scope")
