"""What a direct-access request must name, and whether what it names exists (CDS-WG3-01 §6.2, §7.4.3)."""

from collections.abc import Sequence
from typing import Protocol

from cds_common.access.catalogue import PRESELECTION_FIELDS
from cds_common.access.details import GrantDetails
from cds_common.access.errors import InvalidAuthorizationDetails
from cds_common.events.clients import ClientPublishedV1, DirectPermission
from cds_common.events.grants import GrantEntry
from cds_common.ids import Environment


class Preselections(Protocol):
    """Who knows the objects; `Accounts` asks their owner."""

    async def matches(self, entry: GrantEntry, environment: Environment) -> bool:
        """Whether the entry would open at least one object."""
        ...


async def check_preselections(client: ClientPublishedV1, details: Sequence[GrantDetails], preselections: Preselections) -> None:
    """Refuse a request that names nothing although the Client must, or with error_if_no_preselections only what is not there.

    What the Client may not see counts as not there, so the answer tells nothing beyond its permission.

    Raises:
        InvalidAuthorizationDetails: the place is the first preselection field.
        TransientError: the owner of the objects can not be asked.
    """
    permission = client.direct_permission or DirectPermission()
    for asked in details:
        named = [name for name in PRESELECTION_FIELDS if asked.details.get(name) is not None]
        pointer = f"/{asked.entry_no}/{named[0] if named else ''}".rstrip("/")
        if permission.named_only and not named:
            raise InvalidAuthorizationDetails("a preselection field is required for this Client", pointer)
        if named and asked.details.get("error_if_no_preselections") is True:
            entry = GrantEntry(
                entry_no=asked.entry_no,
                scope=asked.scope,
                scope_type=asked.scope_type,
                details=asked.details,
                permission=permission,
                enabled=True,
            )
            if not await preselections.matches(entry, client.environment):
                raise InvalidAuthorizationDetails("nothing that this Client may see matches the preselection fields", pointer)
