"""Server-Provided Files in the database; their bytes are in the file store."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.domain.errors import FileNotShared
from cds_registry.persistence.tables import SharedFileRow


class SharedFiles:
    """The files that the opened Grants of one registration name."""

    def __init__(self, session: AsyncSession, registration_id: str, file_ids: Sequence[str]) -> None:
        self._session, self._registration_id, self._file_ids = session, registration_id, list(file_ids)

    def visible(self) -> Select[SharedFileRow]:
        """All of them that are still shared; listings add filter, order and page."""
        return select(SharedFileRow).where(
            SharedFileRow.registration_id == self._registration_id,
            SharedFileRow.file_id.in_(self._file_ids),
            SharedFileRow.removed_at.is_(None),
        )

    async def get(self, file_id: str) -> SharedFileRow:
        """One of them.

        Raises:
            FileNotShared: the Grants of the token do not name it, or it is shared no more.
        """
        row = await self._session.scalar(self.visible().where(SharedFileRow.file_id == file_id))
        if row is None:
            raise FileNotShared("There is no such file in the Grants of this token")
        return row


async def lock_file(session: AsyncSession, file_id: str) -> SharedFileRow:
    """A shared file of any registration, for an operator.

    Raises:
        FileNotShared: there is none, or it is shared no more.
    """
    query = select(SharedFileRow).where(SharedFileRow.file_id == file_id, SharedFileRow.removed_at.is_(None))
    row = await session.scalar(query.with_for_update())
    if row is None:
        raise FileNotShared(f"There is no shared file {file_id}")
    return row
