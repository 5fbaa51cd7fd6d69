"""`/espi/1_1/resource/RetailCustomer/...`: account data as Green Button, under the same masks."""

import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from cds_cli.loading.files import sources
from cds_cli.loading.places import Target
from cds_cli.loading.summary import Summary
from cds_common.testing.encryption import PUBLIC_JWK, opened
from services.accounts.tests.builders import a_contract, a_home, a_meter, a_point, an_account, rid
from services.accounts.tests.conftest import World
from services.accounts.tests.grants import ALL_FLAGS, consent, direct

CUSTOMER = "{http://naesb.org/espi/customer}"
ATOM = "{http://www.w3.org/2005/Atom}"
RESOURCE = "/espi/1_1/resource"
ORDER = {
    "CustomerAccount": ("document", "billingCycle", "contactInfo", "accountId"),
    "contactInfo": ("streetAddress", "postalAddress", "organisationName"),
    "CustomerAgreement": ("agreement", "currency", "agreementId"),
    "agreement": ("type", "subject", "title", "docStatus", "status", "comment", "signDate", "validityInterval"),
    "validityInterval": ("duration", "start"),
    "ServiceLocation": ("location",),
    "location": ("type", "mainAddress", "geoInfoReference", "positionPoints"),
    "positionPoints": ("xPosition", "yPosition"),
    "Meter": ("endDevice",),
    "endDevice": ("asset", "isVirtual"),
    "asset": ("type", "utcNumber", "serialNumber"),
}
"""Children in the order of the public schema."""


def assert_structure(feed: ET.Element) -> None:
    for element in feed.iter():
        name = element.tag.removeprefix(CUSTOMER)
        if name in ORDER:
            order = [ORDER[name].index(child.tag.removeprefix(CUSTOMER)) for child in element]
            assert order == sorted(order), name


def contents(feed: ET.Element) -> list[ET.Element]:
    found = [content[0] for content in feed.iter(f"{ATOM}content")]
    assert all(one.tag.startswith(CUSTOMER) for one in found)
    return found


async def get(world: World, path: str, grant: Any) -> httpx.Response:
    return await world.client.get(f"{RESOURCE}/{path}", headers=world.headers(grant))


async def test_all_that_the_grant_opens_is_in_one_feed(world: World) -> None:
    grant = consent(**ALL_FLAGS)
    named = an_account("A1", "anna", account_name="Ann <&> Sons", account_address="1 Elm Street, Springfield")
    place = a_point("P1", "C1", servicepoint_address="1 Elm Street, Springfield", latitude=Decimal("44.05"), longitude=Decimal("-123.09"))
    await world.tell(named, a_contract(), place, a_meter(), grant)
    answer = await get(world, f"Batch/RetailCustomer/{grant.grant_id}", grant)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/atom+xml")
    feed = ET.fromstring(answer.content)
    assert_structure(feed)
    shown = contents(feed)
    assert [one.tag.removeprefix(CUSTOMER) for one in shown] == ["CustomerAccount", "CustomerAgreement", "ServiceLocation", "Meter"]
    (account,) = await world.listed("accounts", grant)
    (contract,) = await world.listed("service-contracts", grant)
    (point,) = await world.listed("service-points", grant)
    (device,) = await world.listed("meter-devices", grant)
    assert shown[0].findtext(f"{CUSTOMER}accountId") == account["account_number"]
    assert shown[0].findtext(f"{CUSTOMER}contactInfo/{CUSTOMER}organisationName") == account["account_name"] == "Ann <&> Sons"
    assert shown[1].findtext(f"{CUSTOMER}agreementId") == contract["contract_number"]
    assert shown[1].findtext(f"{CUSTOMER}agreement/{CUSTOMER}subject") == contract["rateplan_code"]
    address = "/".join(f"{CUSTOMER}{part}" for part in ("location", "mainAddress", "streetDetail", "addressGeneral"))
    assert shown[2].findtext(address) == point["servicepoint_address"] == "1 Elm Street, Springfield"
    assert shown[2].findtext(f"{CUSTOMER}location/{CUSTOMER}positionPoints/{CUSTOMER}xPosition") == "-123.09"
    assert shown[3].findtext(f"{CUSTOMER}endDevice/{CUSTOMER}asset/{CUSTOMER}serialNumber") == device["meter_number"]


async def test_our_own_feed_comes_back_through_the_loader(world: World, tmp_path: Path) -> None:
    grant = consent(**ALL_FLAGS)
    place = a_point("P1", "C1", servicepoint_address="1 Elm Street, Springfield", latitude=Decimal("44.05"), longitude=Decimal("-123.09"))
    named = an_account("A1", "anna", account_name="Ann <&> Sons", account_address="1 Elm Street, Springfield", account_status="active")
    contract = a_contract(contract_status="active", contract_end=date(2031, 5, 31))
    sent = (named, contract, place, a_meter())
    await world.tell(*sent, grant)
    path, summary = tmp_path / "ours.xml", Summary()
    path.write_bytes((await get(world, f"Batch/RetailCustomer/{grant.grant_id}", grant)).content)
    target = Target("", "", "sandbox", ZoneInfo("UTC"))
    found = [event for source in sources([path], target, summary) for event in source.events]
    assert (summary.refused, [type(event) for event in found[1:]]) == (0, [type(event) for event in sent])
    for event, own in zip(found[1:], sent, strict=True):
        assert {name: getattr(event, name) for name in KEPT if hasattr(event, name)} == {
            name: getattr(own, name) for name in KEPT if hasattr(own, name)
        }
    _, account, agreement, location, device = (event.model_dump() for event in found)
    assert agreement["account_ref"] == account["account_ref"]
    assert location["current_contract_refs"] == [agreement["contract_ref"]]
    assert [one["servicepoint_ref"] for one in device["placements"]] == [location["servicepoint_ref"]]


KEPT = (
    "account_number", "account_name", "account_address", "account_status", "contract_number", "contract_status", "contract_start",
    "contract_end", "service_types", "rateplan_code", "rateplan_name", "servicepoint_number", "servicepoint_types",
    "servicepoint_address", "latitude", "longitude", "meter_number", "meter_types",
)  # fmt: skip


async def test_what_the_masks_hide_is_not_there(world: World) -> None:
    grant = consent(include_account_numbers=False, include_account_details=False)
    await world.tell(*a_home(), grant)
    feed = ET.fromstring((await get(world, f"Batch/RetailCustomer/{grant.grant_id}", grant)).content)
    assert [(one.tag.removeprefix(CUSTOMER), len(one)) for one in contents(feed)] == [("CustomerAccount", 0)]


async def test_collections_and_entries_can_be_read_alone(world: World) -> None:
    grant = consent(**ALL_FLAGS)
    await world.tell(*a_home(), grant)
    feed = ET.fromstring((await get(world, f"Batch/RetailCustomer/{grant.grant_id}", grant)).content)
    links = [link.get("href", "").split(RESOURCE + "/")[1] for link in feed.iter(f"{ATOM}link") if link.get("rel") != "up"]
    assert len(links) == len(set(links)) + 3, "three relations lead to entries of the feed"
    for link in set(links[1:]):
        assert (await get(world, link, grant)).status_code == 200, link
    for collection in ("CustomerAccount", "CustomerAgreement", "ServiceLocation", "Meter"):
        listed = ET.fromstring((await get(world, f"RetailCustomer/{grant.grant_id}/{collection}", grant)).content)
        assert [one.tag for one in contents(listed)] == [f"{CUSTOMER}{collection}"]


async def test_only_the_tokens_own_grants_are_found(world: World) -> None:
    grant, other = direct("accounts"), direct("accounts").model_copy(update={"grant_id": "grant-2", "client_id": "other"})
    await world.tell(*a_home(), grant, other)
    for path in (f"Batch/RetailCustomer/{other.grant_id}", f"RetailCustomer/{other.grant_id}/CustomerAccount"):
        assert (await get(world, path, grant)).status_code == 404
        assert (await world.client.get(f"{RESOURCE}/{path}")).status_code == 401
    unknown = f"RetailCustomer/{grant.grant_id}/CustomerAccount/{rid('account', 'nobody')}"
    assert (await get(world, unknown, grant)).status_code == 404
    assert (await get(world, f"RetailCustomer/{grant.grant_id}/Customer", grant)).status_code == 400


@pytest.mark.req("WG3B-271")
async def test_a_key_of_the_grant_holds_here_too(world: World) -> None:
    grant = direct("accounts", jwk=PUBLIC_JWK)
    await world.tell(*a_home(), grant)
    content, kind = opened(await get(world, f"Batch/RetailCustomer/{grant.grant_id}", grant))
    assert (kind, len(contents(ET.fromstring(content)))) == ("atom+xml", 1)
