"""The Grants that one registration may see (CDS-WG1-02 §8.5): every read starts from the registration of the token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.domain.errors import GrantNotFound
from cds_auth.domain.grant import Grant
from cds_auth.persistence import grant_rows
from cds_auth.persistence.grants import NOT_FOUND, Grants
from cds_auth.persistence.tables import grants
from cds_common.paging import Listing, Page, PageRequest, SortKey

GRANTS = Listing("grants", keys=(SortKey(grants.c.modified, descending=True, nullable=False),), tie=grants.c.grant_id, tie_text=True)


@dataclass(frozen=True, slots=True)
class GrantFilter:
    """Filters of the listing; None = not filtered, each list holds alternatives, all are intersected."""

    grant_ids: Sequence[str] | None = None
    parents: Sequence[str] | None = None
    statuses: Sequence[str] | None = None
    client_ids: Sequence[str] | None = None
    scopes: Sequence[str] | None = None
    states: Sequence[str] | None = None
    receipt_confirmations: Sequence[str] | None = None
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class GrantPage:
    """Grants with the ids of their sub-Grants, and the neighbours of the page."""

    grants: Sequence[Grant]
    children: Mapping[str, list[str]]
    next: str | None
    previous: str | None


class RegistrationGrants:
    """What the Client Admin token of a registration opens."""

    def __init__(self, tx: AsyncSession, registration_id: str) -> None:
        self._tx, self._registration_id = tx, registration_id

    async def page(self, chosen: GrantFilter, paging: PageRequest) -> GrantPage:
        """One page, last modified first."""
        statement = self._visible().where(*_conditions(chosen))
        page: Page = await GRANTS.page(self._tx, statement, paging, identity=self._registration_id)
        found = [grant_rows.from_row(row._mapping) for row in page.rows]  # noqa: SLF001  # SQLAlchemy's public name
        children = await Grants(self._tx).child_ids([grant.grant_id for grant in found]) if found else {}
        return GrantPage(found, children, page.next, page.previous)

    async def get(self, grant_id: str) -> tuple[Grant, list[str]]:
        """One Grant with the ids of its sub-Grants.

        Raises:
            GrantNotFound: there is none, or it belongs to another registration.
        """
        row = (await self._tx.execute(self._visible().where(grants.c.grant_id == grant_id))).mappings().first()
        if row is None:
            raise GrantNotFound(NOT_FOUND)
        return grant_rows.from_row(dict(row)), (await Grants(self._tx).child_ids([grant_id])).get(grant_id, [])

    def _visible(self) -> Select[Any]:
        return select(grants).where(grants.c.registration_id == self._registration_id)


def _conditions(chosen: GrantFilter) -> list[ColumnElement[bool]]:
    t = grants.c
    found: list[ColumnElement[bool]] = []
    for column, values in (
        (t.grant_id, chosen.grant_ids),
        (t.parent, chosen.parents),
        (t.status, chosen.statuses),
        (t.client_id, chosen.client_ids),
    ):
        if values is not None:
            found.append(column.in_(values))
    for column, values in ((t.scopes, chosen.scopes), (t.states, chosen.states), (t.receipt_confirmations, chosen.receipt_confirmations)):
        if values is not None:
            found.append(column.overlap(values))
    if chosen.after is not None:
        found.append(t.created >= chosen.after)
    if chosen.before is not None:
        found.append(t.created <= chosen.before)
    return [and_(*found)] if found else []
