"""Take in an Energy Attribute Certificate of the utility (CDS-WG3-01 §10.9)."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.utility import EacRecordedV1
from cds_common.ids import resource_id
from cds_usage.persistence.eacs_write import store_eac


async def record_eac(session: AsyncSession, event: EacRecordedV1, now: datetime, *, formats: Collection[str] | None = None) -> None:
    """Store a version of a certificate; accounts and contracts are named by their ids, other beneficiaries by their numbers.

    Raises:
        ValueError: the period ends before it starts, a general certificate names beneficiaries, or its format is none of `formats`.
    """
    if formats is not None and event.eac_format not in formats:
        raise ValueError(f"the metadata describes no certificate format {event.eac_format!r}")
    if event.period_end < event.period_start:
        raise ValueError("the period of a certificate ends before it starts")
    if event.beneficiary_type == "general" and event.beneficiaries:
        raise ValueError("a general certificate names no beneficiaries")
    values = {
        "environment": event.environment,
        "beneficiary_type": event.beneficiary_type,
        "beneficiaries": _beneficiaries(event),
        "eac_numbers": event.eac_numbers,
        "eac_format": event.eac_format,
        "content": event.content.encode(),
        "content_type": event.content_type,
        "period_start": event.period_start,
        "period_end": event.period_end,
    }
    await store_eac(session, resource_id(event.environment, "eac", event.eac_ref), event.source_time, values, now)


def _beneficiaries(event: EacRecordedV1) -> list[str]:
    if event.beneficiary_type == "account":
        return [str(resource_id(event.environment, "account", ref)) for ref in event.beneficiaries]
    if event.beneficiary_type == "servicecontract":
        return [str(resource_id(event.environment, "service_contract", ref)) for ref in event.beneficiaries]
    return list(event.beneficiaries)
