"""What operators look at: lists over all registrations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.domain.message import OUTSTANDING, REVIEWED_BY_OPERATOR
from cds_registry.domain.scopes import ScopeKind
from cds_registry.persistence.tables import AuditRow, ClientRow, MessageRow, RegistrationRow, SharedFileRow


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Bounds of an audit search; None = any."""

    actor: str | None = None
    action: str | None = None
    registration_id: str | None = None
    subject: str | None = None
    after: datetime | None = None
    before: datetime | None = None


def waiting_requests(*, kind: str | None = None, registration_id: str | None = None) -> Select[MessageRow]:
    """Requests that an operator can settle."""
    query = select(MessageRow).where(
        MessageRow.status.in_([status.value for status in OUTSTANDING]),
        MessageRow.type.in_([each.value for each in REVIEWED_BY_OPERATOR]),
    )
    if kind is not None:
        query = query.where(MessageRow.type == kind)
    return query if registration_id is None else query.where(MessageRow.registration_id == registration_id)


async def waiting_counts(session: AsyncSession) -> list[tuple[str, int]]:
    """How many requests of each type wait, the most first."""
    waiting = waiting_requests().subquery()
    query = select(waiting.c.type, func.count()).group_by(waiting.c.type).order_by(func.count().desc(), waiting.c.type)
    return [(row[0], row[1]) for row in (await session.execute(query)).all()]


def all_messages(*, registration_id: str | None = None, unanswered: bool = False) -> Select[MessageRow]:
    """Messages of all registrations or of one; `unanswered`: those of clients to which nothing replies yet."""
    query = select(MessageRow)
    if registration_id is not None:
        query = query.where(MessageRow.registration_id == registration_id)
    if unanswered:
        reply = (
            select(MessageRow.message_id)
            .correlate(None)
            .where(MessageRow.previous_id.is_not(None))
            .with_only_columns(MessageRow.previous_id)
        )
        query = query.where(MessageRow.creator.is_not(None), MessageRow.message_id.not_in(reply))
    return query


def all_clients(
    *, registration_id: str | None = None, status: str | None = None, kind: str | None = None, search: str | None = None
) -> Select[ClientRow]:
    """Client Objects of all registrations."""
    query = select(ClientRow)
    if registration_id is not None:
        query = query.where(ClientRow.registration_id == registration_id)
    if status is not None:
        query = query.where(ClientRow.status == status)
    if kind is not None:
        query = query.where(ClientRow.kind == kind)
    if search:
        name = ClientRow.details["client_name"].astext
        query = query.where(or_(ClientRow.client_id == search, func.lower(name).contains(search.lower(), autoescape=True)))
    return query


def all_registrations() -> Select[RegistrationRow]:
    """All registrations."""
    return select(RegistrationRow)


def all_files(*, registration_id: str | None = None) -> Select[SharedFileRow]:
    """All files that are or were shared."""
    query = select(SharedFileRow)
    return query if registration_id is None else query.where(SharedFileRow.registration_id == registration_id)


def audit_entries(wanted: AuditFilter) -> Select[AuditRow]:
    """Entries of the audit log."""
    query = select(AuditRow)
    for column in ("actor", "action", "registration_id", "subject"):
        value: str | None = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(AuditRow, column) == value)
    if wanted.after is not None:
        query = query.where(AuditRow.at >= wanted.after)
    return query if wanted.before is None else query.where(AuditRow.at <= wanted.before)


async def admin_clients(session: AsyncSession, registration_ids: Sequence[str]) -> dict[str, ClientRow]:
    """The admin Client Object of each registration: it names the company."""
    query = select(ClientRow).where(ClientRow.registration_id.in_(registration_ids), ClientRow.kind == ScopeKind.CLIENT_ADMIN.value)
    return {row.registration_id: row for row in await session.scalars(query)}


async def client_counts(session: AsyncSession, registration_ids: Sequence[str]) -> dict[str, int]:
    """How many Client Objects each registration has."""
    query = select(ClientRow.registration_id, func.count()).where(ClientRow.registration_id.in_(registration_ids))
    rows: Sequence[Any] = (await session.execute(query.group_by(ClientRow.registration_id))).all()
    return {row[0]: row[1] for row in rows}


async def every_registration_id(session: AsyncSession) -> Sequence[str]:
    """All registrations, for a notification to all."""
    return (await session.scalars(select(RegistrationRow.registration_id).order_by(RegistrationRow.registration_id))).all()
