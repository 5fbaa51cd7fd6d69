"""The small copy of Grants by which admin and grant admin tokens are checked (design §3, revocation)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.access.status import ENDED_STATUSES
from cds_common.events.grants import GrantPublishedV1
from cds_registry.persistence.tables import GrantCopyRow, GrantHeartbeatRow

ADMIN, GRANT_ADMIN, FILES = "cds_client_admin", "cds_grant_admin", "cds_server_provided_files"
KEPT_TYPES = frozenset({ADMIN, GRANT_ADMIN, FILES})


@dataclass(frozen=True, slots=True)
class GrantCopies:
    """The wanted Grants that are held, and how fresh all of them are (None = no heartbeat was ever seen)."""

    rows: dict[str, GrantCopyRow]
    as_of: datetime | None


async def find_grants(session: AsyncSession, grant_ids: Sequence[str]) -> GrantCopies:
    """The held copies among `grant_ids` and the oldest heartbeat of any partition, in one round trip."""
    freshness = select(func.min(GrantHeartbeatRow.as_of)).scalar_subquery()
    query = select(freshness, GrantCopyRow).select_from(select(1).subquery()).outerjoin(GrantCopyRow, GrantCopyRow.grant_id.in_(grant_ids))
    rows: Sequence[Any] = (await session.execute(query)).all()
    return GrantCopies({row[1].grant_id: row[1] for row in rows if row[1] is not None}, rows[0][0])


async def ids_of_client(session: AsyncSession, client_id: str) -> Sequence[str]:
    """The held Grants of a Client that may come to an end yet."""
    living = GrantCopyRow.status.not_in(ENDED_STATUSES)
    return (await session.scalars(select(GrantCopyRow.grant_id).where(GrantCopyRow.client_id == client_id, living))).all()


def concerns_registry(grant: GrantPublishedV1) -> bool:
    """Whether a Grant can open anything here."""
    return any(entry.scope_type in KEPT_TYPES for entry in grant.entries)


def to_copy(grant: GrantPublishedV1) -> GrantCopyRow:
    """What we keep of a Grant; not attached to any session."""
    return GrantCopyRow(**_columns(grant))


async def keep_grant(session: AsyncSession, grant: GrantPublishedV1) -> None:
    """Keep the newest version; an older or equal one changes nothing."""
    statement = insert(GrantCopyRow).values(_columns(grant))
    changes = {name: statement.excluded[name] for name in _columns(grant) if name != "grant_id"}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[GrantCopyRow.grant_id], set_=changes, where=GrantCopyRow.version < statement.excluded.version
        )
    )


def _columns(grant: GrantPublishedV1) -> dict[str, object]:
    shared = [entry.details.get("file_id") for entry in grant.entries if entry.enabled and entry.scope_type == FILES]
    return {
        "grant_id": grant.grant_id,
        "version": grant.version,
        "client_id": grant.client_id,
        "registration_id": grant.registration_id,
        "status": grant.status,
        "not_before": grant.not_before,
        "not_after": grant.not_after,
        "file_ids": [file_id for file_id in shared if isinstance(file_id, str)],
        "revoked_token_parts": list(grant.revoked_token_parts),
        "tokens_not_before": grant.tokens_not_before,
    }
