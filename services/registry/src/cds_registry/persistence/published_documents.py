"""When published documents went live and when their content last changed (CDS-WG1-01 §3.2, §4.3)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common import exact_json
from cds_registry.persistence.tables import PublishedDocumentRow


@dataclass(frozen=True, slots=True)
class Times:
    """`created` never moves; `updated` moves with the content."""

    created: datetime
    updated: datetime


async def note_documents(
    session: AsyncSession, contents: Mapping[str, Any], declared: Mapping[str, Times], now: datetime
) -> dict[str, Times]:
    """Remember the content of these documents and give the times of each.

    A document that is seen for the first time has the declared times; after that `updated` is the moment when this
    server first saw another content (or the declared one, when later), so that a forgotten declaration hides no change.
    Processes that start at once agree: the first one to see a new content sets its time.
    """
    if not contents:
        return {}
    rows = [
        {"name": name, "digest": digest(content), "created": declared[name].created, "updated": declared[name].updated}
        for name, content in sorted(contents.items())
    ]
    statement = insert(PublishedDocumentRow).values(rows)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[PublishedDocumentRow.name],
            set_={"digest": statement.excluded.digest, "updated": func.greatest(statement.excluded.updated, now)},
            where=PublishedDocumentRow.digest != statement.excluded.digest,
        )
    )
    query = select(PublishedDocumentRow).where(PublishedDocumentRow.name.in_(contents)).execution_options(populate_existing=True)
    return {row.name: Times(row.created, row.updated) for row in await session.scalars(query)}


def digest(content: Any) -> str:
    """SHA-256 of the JSON text."""
    return hashlib.sha256(exact_json.encode(content)).hexdigest()


async def changed_digest(session: AsyncSession, name: str, content: Any) -> bool:
    """Whether this content was never noted under the name, or another one was."""
    held = await session.scalar(select(PublishedDocumentRow.digest).where(PublishedDocumentRow.name == name))
    return held != digest(content)
