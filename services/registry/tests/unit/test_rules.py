"""Small rules: addresses, field formats, expiry, statuses, buckets, blank forms, GeoJSON."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_registry.api.blank_form import blank_form
from cds_registry.api.pages import blocks
from cds_registry.domain.addresses import address_fault, redirect_fault
from cds_registry.domain.credential import Credential
from cds_registry.domain.errors import InvalidClientMetadata, InvalidCredentialRequest
from cds_registry.domain.geojson import checked_geojson
from cds_registry.domain.message import MessageStatus, MessageType, may_have
from cds_registry.domain.registration_fields import check_value
from cds_registry.domain.scopes import RegistrationField

NOW = datetime(2026, 11, 24, 18, 0, 0, 500_000, tzinfo=UTC)
PNG, PDF = b"\x89PNG\r\n\x1a\n....", b"%PDF-1.7 ...."


@pytest.mark.req("WG102-152")
@pytest.mark.parametrize(
    "address", ["https://a.example", "https://a.example:8443/x?y=1", "http://localhost:3000/cb", "http://127.0.0.1/cb", "http://[::1]:1/"]
)
def test_addresses_that_are_fine(address: str) -> None:
    assert address_fault(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "http://a.example", "ftp://a.example", "javascript:alert(1)", "data:text/html,x", "/path", "https://", "https://u:p@a.example",
        "https://u@a.example", "https://a.example/a b", "https://a.example/\n", "https://a.example/é", "https://a.example:x/", "https://[::1",
        "", None, 7, "https://a.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_addresses_that_are_not(address: Any) -> None:
    assert address_fault(address) is not None


def test_redirects_do_not_lead_to_this_server_but_for_its_own_page() -> None:
    own = {"own_origin": "https://cds.example", "own_redirect": "https://cds.example/consent/done/1"}
    assert redirect_fault("https://cds.example/consent/done/1", **own) is None
    assert redirect_fault("https://cds.example/my", **own) is not None
    assert redirect_fault("https://a.example/#x", **own) is not None
    assert redirect_fault("https://cds.example.evil.example/", **own) is None


@pytest.mark.req("WG102-080", "WG102-065", "WG102-066")
@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("string", ["x", "é\n"], ["", " ", 7, None, "x" * 11, "\x00"]),
        ("string_or_null", ["x", None], [""]),
        ("url", ["https://a.ex"], ["http://a.ex", "a"]),
        ("email", ["a@b.ex"], ["a", "a@", "@b", "a b@c.ex"]),
        ("boolean", [True, False], [0, "true", None]),
        ("string_list", [["a"]], [[], "a", [7], None]),
        ("choice", ["a"], ["c", None, ["a"]]),
        ("choice_or_null", ["a", None], ["c"]),
        ("choice_list", [["a", "b"]], [[], ["c"], "a", [["a"]]]),
        ("image", [base64.b64encode(PNG).decode()], [base64.b64encode(PDF).decode(), "%%", None, base64.b64encode(PNG * 9).decode()]),
        ("pdf_or_null", [base64.b64encode(PDF).decode(), None], [base64.b64encode(PNG).decode()]),
    ],
)
def test_registration_fields_by_format(form: str, good: list[Any], bad: list[Any]) -> None:
    field = RegistrationField("f", "registration_field", "", "", "cds_f", form, max_length=10, max_size=50, choices=("a", "b"))
    if form == "url":
        field = replace(field, max_length=20)
    for value in good:
        assert check_value(field, value) == value
    for value in bad:
        with pytest.raises(InvalidClientMetadata):
            check_value(field, value)


def a_credential(expires_at: datetime | None = None) -> Credential:
    return Credential("1", "c", "r", NOW - timedelta(days=1), NOW - timedelta(days=1), b"", "", expires_at)


@pytest.mark.req("WG102-219")
@given(st.integers(-20, 10), st.one_of(st.none(), st.integers(1, 10)))
def test_an_expiry_only_ever_comes_nearer(offset: int, current: int | None) -> None:
    second = int(NOW.timestamp())
    held = a_credential(None if current is None else datetime.fromtimestamp(second + current, UTC))
    allowed = offset >= -10 and (current is None or offset <= current)
    if allowed:
        changed = held.expiring(second + offset, NOW)
        assert int(changed.expires_at.timestamp()) == second + offset  # type: ignore[union-attr]
        assert changed.has_ended(NOW) == (offset <= 0)
    else:
        with pytest.raises(InvalidCredentialRequest):
            held.expiring(second + offset, NOW)


@pytest.mark.req("WG102-169", "WG102-170")
def test_statuses_by_type() -> None:
    only_complete = {MessageType.NOTIFICATION, MessageType.PRIVATE_MESSAGE, MessageType.CLIENT_SUBMISSION}
    for kind in MessageType:
        allowed = {status for status in MessageStatus if may_have(kind, status)}
        if kind in only_complete:
            assert allowed == {MessageStatus.COMPLETE}
        elif kind is MessageType.SUPPORT_REQUEST:
            assert allowed == {MessageStatus.COMPLETE, MessageStatus.PENDING}
        elif kind in {MessageType.PRODUCTION_REQUEST, MessageType.GRANT_REQUEST}:
            assert allowed == {MessageStatus.COMPLETE, MessageStatus.PENDING, MessageStatus.REJECTED}
        elif kind is MessageType.FIELD_CHANGES:
            assert allowed == set(MessageStatus) - {MessageStatus.OPEN}
        else:
            assert allowed == set(MessageStatus)


def test_blank_forms_are_pdf_files_whatever_the_text() -> None:
    form = blank_form("A (b) \\ é 漢", "Title", "word " * 1000)
    assert form.startswith(b"%PDF-1.4")
    assert form.endswith(b"%%EOF\n")
    start = int(form.rsplit(b"startxref\n", 1)[1].split()[0])
    assert form[start:].startswith(b"xref")


def test_texts_of_the_configuration_become_headings_lists_and_paragraphs() -> None:
    found = blocks("# Title\n\nOne\ntwo.\n\n- a\n- b\n\n\n")
    assert [(each.kind, list(each.lines)) for each in found] == [("heading", ["Title"]), ("paragraph", ["One two."]), ("list", ["a", "b"])]


@pytest.mark.req("WG101-037")
@pytest.mark.parametrize(
    "text",
    ['{"type": "Polygon", "coordinates": [[[200, 0]]]}', '{"type": "Polygon", "coordinates": [[[0, 91]]]}', '{"type": "Topology"}', "[]",
     '{"type": "Polygon", "coordinates": []}', '{"type": "Point", "coordinates": [1, 2], "crs": {}}', "{"],
)  # fmt: skip
def test_maps_that_are_not_geojson_in_wgs_84(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        checked_geojson(text.encode())
    good = b'{"type": "Point", "coordinates": [-122.5, 47.5]}'
    assert checked_geojson(good) == good
