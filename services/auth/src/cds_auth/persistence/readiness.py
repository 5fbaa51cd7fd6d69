"""Rows of `grant_readiness`: the newest word of each data service about a Grant."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.tables import grant_readiness as t
from cds_common.events.grants import GrantReadinessV1, NeededConsent


class ReadinessWords:
    """Repository on one transaction."""

    def __init__(self, tx: AsyncSession) -> None:
        self._tx = tx

    async def store(self, word: GrantReadinessV1) -> bool:
        """Keep the word; False when a newer one of the same service is held."""
        row: dict[str, Any] = {
            "grant_id": word.grant_id,
            "service": word.service,
            "entries_version": word.entries_version,
            "outcome": word.outcome,
            "needed_consents": [need.model_dump(mode="json") for need in word.needed_consents],
            "said_at": word.occurred_at,
        }
        stored = insert(t).values(row)
        newer = (stored.excluded.entries_version > t.c.entries_version) | (
            (stored.excluded.entries_version == t.c.entries_version) & (stored.excluded.said_at > t.c.said_at)
        )
        update = {name: stored.excluded[name] for name in ("entries_version", "outcome", "needed_consents", "said_at")}
        query = stored.on_conflict_do_update(index_elements=[t.c.grant_id, t.c.service], set_=update, where=newer)
        return await self._tx.scalar(query.returning(t.c.grant_id)) is not None

    async def of(self, grant_id: str, entries_version: int) -> tuple[dict[str, str], list[NeededConsent]]:
        """Service → outcome for exactly this version of the entries, and the consents that are missing."""
        query = select(t.c.service, t.c.outcome, t.c.needed_consents).where(
            t.c.grant_id == grant_id, t.c.entries_version == entries_version
        )
        outcomes: dict[str, str] = {}
        needed: list[NeededConsent] = []
        for service, outcome, consents in (await self._tx.execute(query)).all():
            outcomes[service] = outcome
            needed.extend(NeededConsent.model_validate(one) for one in consents)
        return outcomes, needed
