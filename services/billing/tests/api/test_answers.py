"""How answers leave: encrypted to the Grant's key, or with an ETag."""

from base64 import b64encode
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.application.record_bill import record_bill
from cds_common.grant_copy.testing import an_entry, store_grant
from cds_common.testing.encryption import PUBLIC_JWK, opened
from cds_common.tokens import AccessToken
from services.billing.tests.builders import NOW, a_bill, the_id
from services.billing.tests.conftest import Headers

PDF = b"%PDF-1.7 a bill"


async def grants(session: AsyncSession) -> tuple[AccessToken, AccessToken]:
    """A token without and one with a key, which open the same."""
    await record_bill(session, a_bill(file={"mimetype": "application/pdf", "content": b64encode(PDF).decode()}), NOW)
    entry = an_entry(
        scope="bills", scope_type="cds_bill_statements",
        flags=["include_bill_statements", "include_bill_sections", "include_bill_statement_files"],
        bill_reach={"account": [the_id("account", "a1")], "service_contract": [the_id("service_contract", "c1")]},
        visible={"account": [the_id("account", "a1")]},
    )  # fmt: skip
    plain = await store_grant(session, entry, now=NOW)
    return plain, await store_grant(session, entry, details={"jwk": PUBLIC_JWK}, now=NOW)


@pytest.mark.req("WG3B-268", "WG3B-271")
async def test_statements_sections_and_files_are_for_the_key_alone(api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
    plain, closed = (headers(token) for token in await grants(session))
    statement = (await api.get("/cds/v1/bill-statements", headers=plain)).json()["bill_statements"][0]
    file = urlsplit(statement["file_uri"]).path
    for path, kind in (("/cds/v1/bill-statements", "json"), ("/cds/v1/bill-sections", "json"), (file, "pdf")):
        shown, hidden = await api.get(path, headers=plain), await api.get(path, headers=closed)
        assert (shown.status_code, hidden.status_code) == (200, 200), shown.text
        assert opened(hidden) == (shown.content, kind)
        assert len(shown.content) >= len(PDF)


async def test_unchanged_answers_are_not_sent_again(api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
    plain, _ = (headers(token) for token in await grants(session))
    for path in ("/cds/v1/bill-statements", "/cds/v1/bill-sections"):
        first = await api.get(path, headers=plain)
        again = await api.get(path, headers=plain | {"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
