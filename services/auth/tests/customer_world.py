"""Customers, Clients and browsers of one test, over real commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.api.pages.frame import Site
from cds_auth.domain.closing import ClosingRules
from cds_auth.domain.grant import Grant
from cds_auth.persistence.clients import Clients
from cds_auth.persistence.customer_tables import ReceiptMailRow, ReceiptRow
from cds_auth.persistence.grants import Grants
from cds_auth.persistence.tables import grants as grants_table
from cds_common.db import Sessions
from cds_common.events.clients import ClientPurpose
from services.auth.tests.core_builders import AClient
from services.auth.tests.customer_builders import Household, a_home
from services.auth.tests.customer_driver import CALLBACK, Page, Person, answer_of, authorize_parameters

CONSENT_TYPES = {
    f"cds_{kind}_hlp": f"cds_{kind}"
    for kind in (
        "rate_plan", "account_programs", "service_programs", "accounts", "service_contracts", "meters", "bill_statements",
        "service_bills", "usage", "aggregation_consent",
    )
}  # fmt: skip


@contextmanager
def closing(rules: ClosingRules) -> Iterator[None]:
    """An installation whose law asks for more on the form."""
    made = Site.context
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Site, "context", lambda site, request: replace(made(site, request), closing=rules))
        yield


def a_purpose(purpose_id: str = "mine", content: str = "We work out how much heat\nyour home loses.", **members: Any) -> ClientPurpose:
    values: dict[str, Any] = {
        "id": purpose_id,
        "name": "INTERNAL-NAME-77",
        "content": content,
        "related_uri": "https://www.kestrel.example/terms",
        "related_name": "See our terms",
        "scopes_supported": list(CONSENT_TYPES),
        "written_by_client": True,
        "reviewed": False,
    } | members
    return ClientPurpose(**values)


@dataclass
class World:
    http: httpx.AsyncClient
    sessions: Sessions
    homes: list[Household] = field(default_factory=list)

    async def client(self, **members: Any) -> AClient:
        """A Client that may ask for every consent scope, with a redirect URI of its own and one of the server."""
        values: dict[str, Any] = {"redirect_uris": [CALLBACK], "purposes": [a_purpose()]} | members
        made = AClient(" ".join(CONSENT_TYPES), CONSENT_TYPES, ["authorization_code", "refresh_token"], **values)
        if "server_redirect_uri" not in members:
            made.changed(server_redirect_uri=f"http://localhost:8080/consent/done/{made.client_id}")
        await self.publish(made)
        return made

    async def publish(self, client: AClient) -> None:
        async with self.sessions.begin() as tx:
            await Clients(tx).store(client.snapshot)

    async def home(self, home: Household | None = None) -> Household:
        async with self.sessions.begin() as tx:
            return await (home or a_home()).store(tx, now=datetime.now(UTC))

    def person(self) -> Person:
        return Person(self.http)

    async def form(self, client: AClient, home: Household, person: Person | None = None, **changes: Any) -> tuple[Person, Page]:
        """Somebody who has logged in and sees the page of the request."""
        who = person or self.person()
        page = await who.get("/oauth/authorize", params=authorize_parameters(client.client_id, **changes))
        if page.path == "/login":
            page = await who.log_in(page, home)
        return who, page

    async def approved(self, client: AClient, home: Household, ids: list[UUID], **changes: Any) -> tuple[Person, dict[str, str]]:
        """A request that was authorized; gives the parameters of the redirect."""
        person, page = await self.form(client, home, **changes)
        done = await person.press(page, "approve", s1=[each.hex for each in ids])
        return person, answer_of(done.location)

    async def grants(self, client: AClient) -> list[Grant]:
        async with self.sessions() as tx:
            ids = await tx.scalars(select(grants_table.c.grant_id).where(grants_table.c.client_id == client.client_id))
            return [await Grants(tx).get(grant_id) for grant_id in ids]

    async def receipts(self, client: AClient) -> list[ReceiptRow]:
        async with self.sessions() as tx:
            return list(await tx.scalars(select(ReceiptRow).where(ReceiptRow.client_id == client.client_id).order_by(ReceiptRow.created)))

    async def mails(self, client: AClient) -> int:
        async with self.sessions() as tx:
            query = select(func.count()).select_from(ReceiptMailRow).join(ReceiptRow).where(ReceiptRow.client_id == client.client_id)
            return await tx.scalar(query) or 0

    def open(self) -> AsyncSession:
        return self.sessions()
