"""The notification of a receipt (CDS-WG3-01 §9.4)."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, Envelope
from sqlalchemy import select, update

from cds_auth.adapters.mail_server import SmtpSender
from cds_auth.application.page_secrets import PageSecrets
from cds_auth.application.receipt_mail import send_next
from cds_auth.application.rules import AuthRules
from cds_auth.persistence.customer_tables import ReceiptMailRow, ReceiptRow
from cds_auth.persistence.languages import load_languages
from cds_auth.settings import Settings
from services.auth.tests.core_builders import AClient
from services.auth.tests.customer_driver import Person
from services.auth.tests.customer_world import World, a_purpose

DETAILS = [{"type": "cds_service_contracts_hlp", "purpose": "mine", "sync_until": "P3Y"}]


class Post:
    """Stands in for the mail server."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault, self.sent = fault, list[EmailMessage]()

    async def send(self, message: EmailMessage) -> None:
        if self.fault:
            raise self.fault
        self.sent.append(message)


class Mailroom:
    def __init__(self, world: World, settings: Settings, vault: PageSecrets, rules: AuthRules) -> None:
        self.world, self.settings, self.vault, self.rules = world, settings, vault, rules

    async def approval(self, **client_members: object) -> tuple[AClient, Person]:
        async with self.world.sessions.begin() as tx:  # what other tests left
            await tx.execute(update(ReceiptMailRow).values(sent=datetime.now(UTC), address=None))
        client, home = await self.world.client(**client_members), await self.world.home()
        ticked = [home.id("service_contract", "220-471")]
        person, _ = await self.world.approved(client, home, ticked, authorization_details=json.dumps(DETAILS))
        return client, person

    async def send(self, post: Post, after: timedelta = timedelta(seconds=1)) -> bool:
        async with self.world.sessions.begin() as tx:
            now = datetime.now(UTC) + after
            return await send_next(tx, self.settings, self.vault, load_languages(), self.rules.tz, post, now=now)

    async def row(self, client: AClient) -> ReceiptMailRow:
        async with self.world.open() as tx:
            found = await tx.scalar(select(ReceiptMailRow).join(ReceiptRow).where(ReceiptRow.client_id == client.client_id))
            assert found is not None
            return found


@pytest.fixture
def mailroom(world: World, committed: Settings, vault: PageSecrets, rules: AuthRules) -> Mailroom:
    return Mailroom(world, committed, vault, rules)


@pytest.mark.req("WG3C-231", "WG3C-232", "WG3C-233", "WG3C-019", "WG3C-136")
async def test_the_mail_names_brand_number_and_link_and_no_unreviewed_purpose(mailroom: Mailroom) -> None:
    client, _ = await mailroom.approval()
    post = Post()
    assert await mailroom.send(post)
    [mail] = post.sent
    [receipt] = await mailroom.world.receipts(client)
    text = mail.get_content()
    assert mail["To"] == "r.moss@mail.example"
    assert "Harbor Light & Power" in mail["Subject"]
    assert " ".join(receipt.confirmation[i : i + 4] for i in (0, 4, 8)) in text
    link = f"http://localhost:8080/receipts/{mailroom.vault.decrypt(receipt.token_encrypted)}"
    assert link in text
    assert (await mailroom.world.person().get(link)).status == 200
    for words in ("Kestrel Home Audits", "Your list of services", "kept up to date for the next 3 years", "1 service"):
        assert words in text
    for secret in ("how much heat", "See our terms", "INTERNAL-NAME", "88-1203", "220-471", "Pier Road"):
        assert secret not in text
    assert not await mailroom.send(post)
    assert (await mailroom.row(client)).address is None


@pytest.mark.req("WG3C-233")
async def test_a_reviewed_purpose_is_in_the_mail(mailroom: Mailroom) -> None:
    await mailroom.approval(purposes=[a_purpose(reviewed=True)])
    post = Post()
    await mailroom.send(post)
    assert "We work out how much heat" in post.sent[0].get_content()


async def test_a_failure_is_tried_again_and_given_up_after_a_day(mailroom: Mailroom) -> None:
    client, person = await mailroom.approval()
    down = Post(ConnectionRefusedError())
    assert await mailroom.send(down)
    row = await mailroom.row(client)
    assert (row.attempts, row.sent, row.given_up) == (1, None, None)
    assert row.due > datetime.now(UTC) + timedelta(seconds=20)
    assert not await mailroom.send(down)
    assert await mailroom.send(down, timedelta(days=1, minutes=1))
    row = await mailroom.row(client)
    assert row.given_up is not None
    assert row.address is None
    assert "Kestrel Home Audits" in (await person.get("/my")).text


class Inbox:
    """What a mail server took."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:  # noqa: N802
        self.bodies.append(bytes(envelope.content or b"").decode())
        return "250 taken"


async def test_the_mail_server_gets_the_message(mailroom: Mailroom, committed: Settings) -> None:
    inbox = Inbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(inbox), "127.0.0.1", 0)
    settings = committed.model_copy(
        update={"smtp_host": "127.0.0.1", "smtp_port": server.sockets[0].getsockname()[1], "smtp_security": "none"}
    )
    await mailroom.approval()
    async with server, mailroom.world.sessions.begin() as tx:
        now = datetime.now(UTC) + timedelta(seconds=1)
        assert await send_next(tx, settings, mailroom.vault, load_languages(), mailroom.rules.tz, SmtpSender(settings), now=now)
    [body] = inbox.bodies
    assert "Confirmation number" in body
    with pytest.raises(ConnectionError):
        await SmtpSender(settings).send(EmailMessage())
