"""Tells customers by e-mail what they approved, until the mail server has taken it or a day has passed (CDS-WG3-01 §9.4)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.page_secrets import PageSecrets
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.receipt import ReceiptSnapshot, counted, grouped
from cds_auth.persistence import customer_copies, receipts
from cds_auth.persistence.customer_tables import ReceiptRow
from cds_auth.settings import Settings
from cds_common.ids import Environment

log = structlog.get_logger(__name__)

GIVE_UP_AFTER = timedelta(days=1)
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
MAX_LINES = 12
MAX_PURPOSE = 1000


class MailSender(Protocol):
    """Hands one message to the mail server; raises OSError when that fails."""

    async def send(self, message: EmailMessage) -> None:
        """Hand it over."""
        ...


async def send_next(
    tx: AsyncSession,
    settings: Settings,
    vault: PageSecrets,
    languages: Mapping[str, Phrases],
    timezone: ZoneInfo,
    sender: MailSender,
    *,
    now: datetime,
) -> bool:
    """Send the next notification that is due; False when none is. A failure is tried again later and never undoes an approval.

    The row stays locked while the mail server answers, so that no second worker sends the same mail.
    """
    mail = await receipts.next_mail(tx, now)
    if mail is None or mail.address is None:
        return False
    receipt = await receipts.get_receipt(tx, mail.receipt_id)
    mail.attempts += 1
    try:
        await sender.send(await _message(tx, settings, vault, languages, timezone, receipt, mail.address))
    except (OSError, ValueError, HeaderParseError) as error:
        # A malformed address will not get better; everything else may.
        over = now >= receipt.created + GIVE_UP_AFTER or not isinstance(error, OSError)
        log.warning("receipt_mail_failed", receipt=receipt.confirmation[-4:], error_type=type(error).__name__, given_up=over)
        if over:
            mail.given_up, mail.address = now, None
        else:
            mail.due = now + min(_FIRST_PAUSE * 2 ** min(mail.attempts - 1, 10), _LONGEST_PAUSE)
    else:
        mail.sent, mail.address = now, None
    await tx.flush()
    return True


async def _message(
    tx: AsyncSession,
    settings: Settings,
    vault: PageSecrets,
    languages: Mapping[str, Phrases],
    timezone: ZoneInfo,
    receipt: ReceiptRow,
    address: str,
) -> EmailMessage:
    t = languages.get(receipt.language) or languages[settings.default_language]
    snapshot = ReceiptSnapshot.from_json(receipt.snapshot)
    environment: Environment = "sandbox" if receipt.environment == "sandbox" else "production"
    customer = await customer_copies.find_customer(tx, receipt.customer_id, environment)
    link = f"{settings.public_url}/receipts/{vault.decrypt(receipt.token_encrypted)}"
    message = EmailMessage()
    message["Subject"] = t("mail.subject", brand=snapshot.brand, number=grouped(receipt.confirmation))
    message["From"] = Address(snapshot.brand, addr_spec=settings.mail_from)
    message["To"] = Address(addr_spec=address)
    message["Date"] = format_datetime(receipt.created)
    message["Message-ID"] = make_msgid(domain=settings.mail_from.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_text(snapshot, receipt, customer.name if customer else "", link, t, timezone))
    return message


def _text(snapshot: ReceiptSnapshot, receipt: ReceiptRow, name: str, link: str, t: Phrases, timezone: ZoneInfo) -> str:
    """The body: counts instead of numbers, and a Client's Purpose only after the operator's review (§9.4)."""
    lines = [t("mail.sandbox"), ""] if receipt.environment == "sandbox" else []
    lines += [t("mail.greeting", name=name), "", t("mail.intro", client=snapshot.client_name, brand=snapshot.brand), ""]
    lines += [t("mail.number", number=grouped(receipt.confirmation)), t("mail.date", date=t.time(receipt.created, timezone)), ""]
    lines.append(t("mail.what"))
    lines += _bullets([line.summary for section in snapshot.sections for line in section.data])
    lines += ["", t("mail.how_long"), *_bullets([line for section in snapshot.sections for line in section.durations]), ""]
    for section in snapshot.sections:
        counts = [counted(section, t)] if section.entries else []
        future = [t(f"receipt.future.{section.kind}")] if section.include_future else []
        lines.append(t("mail.selection", selection="; ".join([*counts, *future])))
        if section.purpose is not None and section.purpose.reviewed:
            lines.append(t("mail.purpose", purpose=section.purpose.content[:MAX_PURPOSE]))
    lines += ["", t("mail.receipt"), link, "", t("mail.why", client=snapshot.client_name)]
    return "\n".join(lines) + "\n"


def _bullets(lines: list[str]) -> list[str]:
    shown = [f"  - {line}" for line in lines[:MAX_LINES]]
    return [*shown, "  - …"] if len(lines) > MAX_LINES else shown
