"""Store a bill that the utility sent, once, and tell usage which sections there are."""

from base64 import b64decode
from binascii import Error as NotBase64
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.domain.bill import Statement, statement_of
from cds_billing.persistence.bills import Bills
from cds_common.events.utility import BillRecordedV1
from cds_common.events.values import BillPublishedV1, BillSectionLink
from cds_common.outbox import record_event


async def record_bill(tx: AsyncSession, event: BillRecordedV1, now: datetime) -> None:
    """Store the bill as a version valid from the source's time.

    Raises:
        ValueError: the bill names parts that it does not hold, or its file is not Base64.
    """
    statement = statement_of(event)
    bills = Bills(tx)
    contracts = [contract for section in statement.sections for contract in section.contract_ids]
    await bills.lock([statement.statement_id, *contracts])
    file_id = mimetype = None
    if event.file is not None:
        file_id, mimetype = (
            await bills.store_file(statement.statement_id, event.file.mimetype, _bytes(event.file.content)),
            event.file.mimetype,
        )
    changed = await bills.store_statement(statement, file_id=file_id, file_mimetype=mimetype, valid_from=event.source_time, now=now)
    for section in statement.sections:
        changed |= await bills.store_section(section, statement, valid_from=event.source_time, now=now)
    await bills.drop_missing_sections(statement, event.source_time)
    await bills.sort_sections_of(contracts)
    if changed:
        record_event(tx, _published(statement, event))


def _bytes(content: str) -> bytes:
    try:
        return b64decode(content, validate=True)
    except NotBase64 as error:
        raise ValueError("the bill's file is not Base64") from error


def _published(statement: Statement, event: BillRecordedV1) -> BillPublishedV1:
    return BillPublishedV1(
        environment=statement.environment,
        statement_id=statement.statement_id,
        account_id=statement.account_id,
        # Microseconds of the source's time: a later version of the bill has the higher number wherever it is read.
        version=int(event.source_time.timestamp() * 1_000_000),
        statement_date=statement.statement_date,
        sections=[
            BillSectionLink(
                section_id=section.section_id,
                account_id=section.account_id,
                contract_ids=section.contract_ids,
                service_point_ids=section.point_ids,
                meter_device_ids=section.meter_ids,
                start_date=section.start_date,
                end_date=section.end_date,
            )
            for section in statement.sections
        ],
    )
