"""Store a changed Grant and tell everybody: the row and its event commit together."""

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.domain.grant import Grant, GrantEntry
from cds_auth.persistence.grants import Grants
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import GrantEntry as PublishedEntry
from cds_common.events.grants import GrantPublishedV1
from cds_common.events.grants import Selection as PublishedSelection
from cds_common.outbox import record_event


async def write_grant(tx: AsyncSession, grant: Grant) -> None:
    """Save a Grant that is locked by this transaction, with its event."""
    await Grants(tx).save(grant)
    record_event(tx, snapshot(grant))


async def add_grant(tx: AsyncSession, grant: Grant) -> bool:
    """Insert a new Grant, with its event; False (and no event) when an identical request made one first."""
    added = await Grants(tx).add(grant)
    if added:
        record_event(tx, snapshot(grant))
    return added


def snapshot(grant: Grant) -> GrantPublishedV1:
    """The published form. Entries that still need a customer's word stay inside: nobody else has a use for them."""
    return GrantPublishedV1(
        grant_id=grant.grant_id,
        version=grant.version,
        entries_version=grant.entries_version,
        client_id=grant.client_id,
        registration_id=grant.registration_id,
        environment=grant.environment,  # pyright: ignore[reportArgumentType]  # the table's check allows the two environments only
        customer_ids=list(grant.customer_ids),
        status=grant.status.value,
        enabled_scope=grant.enabled_scope,
        entries=[_entry(entry, is_open=grant.is_open) for entry in grant.entries if entry.authorized],
        created=grant.created,
        not_before=grant.not_before,
        not_after=grant.not_after,
        parent=grant.parent,
        revoked_token_parts=sorted(grant.revoked_parts),
        tokens_not_before=grant.tokens_not_before,
    )


def _entry(entry: GrantEntry, *, is_open: bool) -> PublishedEntry:
    selection = entry.selection
    return PublishedEntry(
        entry_no=entry.entry_no,
        scope=entry.scope,
        scope_type=entry.scope_type,
        details=dict(entry.details or {}),
        selection=None
        if selection is None
        else PublishedSelection(
            kind=selection.kind,  # pyright: ignore[reportArgumentType]  # checked here against the contract
            ids=list(selection.ids),
            include_future=selection.include_future,
            except_ids=list(selection.except_ids),
        ),
        permission=None if entry.permission is None else DirectPermission.model_validate(entry.permission),
        enabled=entry.served and is_open,
    )
