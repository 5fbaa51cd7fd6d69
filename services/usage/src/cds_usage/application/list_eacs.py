"""List Energy Attribute Certificates and read their data (CDS-WG3-01 §10.9)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.grant_copy import Access, log_access
from cds_common.paging import PageRequest
from cds_usage.application.list_segments import SegmentReader, shown_mixes
from cds_usage.domain.errors import EacNotFound
from cds_usage.persistence.eacs_read import FLAG, EacFilters, find_content, page_of_eacs


@dataclass(frozen=True, slots=True)
class ListedEacs:
    """One page."""

    eacs: list[dict[str, Any]]
    next: str | None
    previous: str | None


async def list_eacs(
    session: AsyncSession,
    reader: SegmentReader,
    access: Access,
    filters: EacFilters,
    paging: PageRequest,
    *,
    base_url: str,
    now: datetime,
) -> ListedEacs:
    """The certificates that the token sees; `base_url` is the address of the listing."""
    await reader.kinds.refresh(session)
    page = await page_of_eacs(session, access, filters, paging, mixes=shown_mixes(reader, access), now=now)
    await log_access(session, access, endpoint="eacs", object_ids=[row.eac_id for row in page.rows])
    latest = _frozen_at(access, now)
    return ListedEacs([_object(row, base_url, latest) for row in page.rows], page.next, page.previous)


async def get_eac_data(session: AsyncSession, reader: SegmentReader, access: Access, eac_id: UUID, now: datetime) -> tuple[bytes, str]:
    """The data of a certificate and its media type.

    Raises:
        EacNotFound: the token sees no such certificate.
    """
    await reader.kinds.refresh(session)
    found = await find_content(session, access, eac_id, mixes=shown_mixes(reader, access), now=now)
    if found is None:
        raise EacNotFound("There is no such certificate")
    await log_access(session, access, endpoint="eac-data", object_ids=[eac_id])
    return found


def _frozen_at(access: Access, now: datetime) -> datetime | None:
    """The moment after which no entry shows anything; None while one is live (§7.3.1)."""
    moments = [access.frozen_at(slot, now) for slot in access.slots(FLAG)]
    frozen = [moment for moment in moments if moment is not None]
    return max(frozen) if frozen and len(frozen) == len(moments) else None


def _object(row: Any, base_url: str, latest: datetime | None) -> dict[str, Any]:
    return {
        "cds_eac_id": str(row.eac_id),
        "cds_created": row.created,
        "cds_modified": row.modified,
        "cds_synced": row.synced if latest is None else min(row.synced, latest),
        "beneficiary_type": row.beneficiary_type,
        "beneficiaries": row.beneficiaries,
        "eac_numbers": row.eac_numbers,
        "eac_format": row.eac_format,
        "eac_data_url": f"{base_url}/{row.eac_id}/data",
        "period_start": row.period_start,
        "period_end": row.period_end,
    }
