"""`GET /cds/v1/eacs` and the data behind a certificate."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest

from cds_common.events.resources import EntitlementEntry
from cds_common.events.utility import EacRecordedV1
from cds_common.grant_copy.testing import an_entry, store_grant
from cds_common.testing.bus import memory_bus
from cds_common.testing.schemas import assert_valid
from cds_common.testing.tokens import TokenMaker
from cds_common.utility import load_utility
from cds_common.utility.customer_data import customer_data_members
from cds_usage.adapters.utility import read_eac_formats
from cds_usage.application.record_eac import record_eac
from cds_usage.events import ROUTERS
from cds_usage.settings import Settings
from services.usage.tests.builders import NOW, Stage, at, rid
from services.usage.tests.conftest import CONFIG

PATH = "/cds/v1/eacs"
FLAG = "include_eacs"
USAGE_SCOPE = {"u": {"type": "cds_usage", "authorization_details_fields_supported": [{"id": FLAG}]}}


def an_eac(ref: str, kind: str = "general", *beneficiaries: str, start: str = "2026-01-01", **changes: Any) -> EacRecordedV1:
    fields: dict[str, Any] = {
        "environment": "sandbox", "source_time": at("2026-02-01T00:00:00Z"), "eac_ref": ref, "beneficiary_type": kind,
        "beneficiaries": list(beneficiaries), "eac_numbers": [f"N-{ref}"], "eac_format": "energytag-json", "content": f'{{"eac":"{ref}"}}',
        "period_start": at(f"{start}T00:00:00Z"), "period_end": at("2026-12-31T00:00:00Z"),
    }  # fmt: skip
    return EacRecordedV1(**(fields | changes))


async def record(stage: Stage, *events: EacRecordedV1, now: datetime = NOW) -> None:
    for event in events:
        async with stage.sessions.begin() as session:
            await record_eac(session, event, now)


@pytest.fixture
def bearer(stage: Stage, maker: TokenMaker) -> Any:
    async def header(*entries: EntitlementEntry, **grant: Any) -> dict[str, str]:
        async with stage.sessions.begin() as session:
            token = await store_grant(session, *entries, now=NOW, **grant)
        return maker.headers(**token.model_dump(include={"sub", "client_id", "registration_id", "environment", "scope", "cds_grant_ids"}))

    return header


async def listed(client: httpx.AsyncClient, headers: dict[str, str], **query: str) -> list[dict[str, Any]]:
    answer = await client.get(PATH, headers=headers, params=query)
    assert answer.status_code == 200
    return assert_valid("energy-attribute-certificate-list-response.json", answer.content)["eacs"]


def refs(shown: list[dict[str, Any]]) -> list[str]:
    return [one["eac_numbers"][0].removeprefix("N-") for one in shown]


@pytest.mark.req("WG3D-223", "WG3B-182")
async def test_without_include_eacs_there_are_none(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await record(stage, an_eac("1"))
    assert await listed(client, await bearer(an_entry(flags=["include_usage_segments"]))) == []


@pytest.mark.req("WG3D-216", "WG3D-220", "WG3D-221", "WG3B-179")
async def test_beneficiaries_are_those_that_the_token_sees(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await record(
        stage, an_eac("general"), an_eac("account", "account", "A-1", "A-2"), an_eac("contract", "servicecontract", "C-1", "C-9"),
        an_eac("rate", "rateplan", "E-TOU", "E-1"), an_eac("program", "program", "SOLAR"), an_eac("customer", "customer", "K-1"),
        an_eac("foreign", "account", "A-9"),
    )  # fmt: skip
    entry = an_entry(
        flags=[FLAG], visible={"account": [rid("account", "A-1")], "service_contract": [rid("service_contract", "C-1")]},
        rateplan_codes=["E-TOU"], customer_numbers=["K-1", "K-2"],
    )  # fmt: skip
    shown = {one["beneficiary_type"]: one["beneficiaries"] for one in await listed(client, await bearer(entry))}
    assert shown == {
        "general": [], "account": [str(rid("account", "A-1"))], "servicecontract": [str(rid("service_contract", "C-1"))],
        "rateplan": ["E-TOU"], "customer": ["K-1"],
    }  # fmt: skip


@pytest.mark.req("WG3D-220", "WG3D-221")
async def test_beneficiaries_may_be_seen_by_another_entry_of_the_token(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await record(
        stage,
        an_eac("mine", "account", "A-1", "A-2", "A-3"),
        an_eac("foreign", "account", "A-2"),
        an_eac("named", "customer", "K-1", "K-2"),
    )
    usage = an_entry(flags=[FLAG], visible={"account": [rid("account", "A-1")]}, customer_numbers=["K-1"])
    accounts = an_entry(
        1, scope="cds_accounts_1", scope_type="cds_accounts", visible={"account": [rid("account", "A-2")]}, customer_numbers=["K-2"]
    )
    shown = {one["beneficiary_type"]: one["beneficiaries"] for one in await listed(client, await bearer(usage, accounts))}
    assert shown == {"account": [str(rid("account", "A-1")), str(rid("account", "A-2"))], "customer": ["K-1"]}


@pytest.mark.req("WG3D-224")
async def test_filters(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await record(stage, an_eac("1"), an_eac("2", "rateplan", "E-1", start="2026-02-01"), an_eac("3", "program", "E-1", start="2026-03-01"))
    headers = await bearer(an_entry(flags=[FLAG], rateplan_codes=["E-1"], program_numbers=["E-1"]))
    eac_id = str(rid("eac", "2"))
    for query, found in (
        ({"cds_eac_ids": eac_id}, ["2"]), ({"eac_numbers": "N-1 N-3"}, ["3", "1"]), ({"beneficiaries": "E-1"}, ["3", "2"]),
        ({"beneficiaries": "E-9"}, []), ({"before": "2026-02-01T00:00:00Z"}, ["2", "1"]), ({"before": "2026-01-31T23:59:59Z"}, ["1"]),
        ({"after": "2026-12-31T00:00:00Z"}, ["3", "2", "1"]), ({"after": "2026-12-31T00:00:01Z"}, []),
    ):  # fmt: skip
        assert refs(await listed(client, headers, **query)) == found


@pytest.mark.req("WG3D-225")
async def test_newest_period_first_then_newest_created_then_id(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await record(stage, an_eac("old", start="2025-01-01"), an_eac("new", start="2026-02-01"))
    await record(stage, an_eac("earlier", start="2025-06-01"), now=at("2026-03-01T00:00:00Z"))
    await record(stage, an_eac("tie a", start="2025-06-01"), an_eac("tie b", start="2025-06-01"), now=at("2026-03-02T00:00:00Z"))
    ties = sorted(("tie a", "tie b"), key=lambda ref: str(rid("eac", ref)))
    assert refs(await listed(client, await bearer(an_entry(flags=[FLAG])))) == ["new", *ties, "earlier", "old"]


async def test_a_new_version_is_shown_and_a_frozen_grant_keeps_the_old_one(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await record(stage, an_eac("1"))
    await record(stage, an_eac("1", source_time=at("2026-03-01T00:00:00Z"), eac_numbers=["N-new"]), now=at("2026-03-19T00:00:00Z"))
    await record(stage, an_eac("1", source_time=at("2026-01-15T00:00:00Z"), eac_numbers=["N-late"]))
    for until, shown in ((None, "new"), ("2026-02-15T00:00:00Z", "1"), ("2026-01-20T00:00:00Z", "late")):
        entry = an_entry(flags=[FLAG], sync_until=at(until) if until else None)
        assert refs(await listed(client, await bearer(entry))) == [shown]
    assert await listed(client, await bearer(an_entry(flags=[FLAG], sync_until=at("2026-01-01T00:00:00Z")))) == []


async def test_a_repeated_message_moves_only_synced(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await record(stage, an_eac("1"), now=at("2026-03-01T00:00:00Z"))
    await record(stage, an_eac("1", source_time=at("2026-02-05T00:00:00Z")), now=at("2026-03-05T00:00:00Z"))
    (shown,) = await listed(client, await bearer(an_entry(flags=[FLAG])))
    assert [shown[f"cds_{name}"] for name in ("created", "modified", "synced")] == [
        "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-02-05T00:00:00Z",
    ]  # fmt: skip


async def test_what_was_confirmed_later_stays_the_newest_when_an_older_version_comes_late(
    client: httpx.AsyncClient, bearer: Any, stage: Stage
) -> None:
    await record(stage, an_eac("1"), an_eac("1", source_time=at("2026-03-10T00:00:00Z")))
    await record(stage, an_eac("1", source_time=at("2026-03-01T00:00:00Z"), eac_numbers=["N-between"]))
    for until, shown in ((None, "1"), ("2026-03-05T00:00:00Z", "between"), ("2026-02-05T00:00:00Z", "1"), ("2026-03-11T00:00:00Z", "1")):
        assert refs(await listed(client, await bearer(an_entry(flags=[FLAG], sync_until=at(until) if until else None)))) == [shown]


@pytest.mark.req("WG3D-219")
async def test_the_data_is_open_to_the_tokens_that_see_the_certificate(
    client: httpx.AsyncClient, bearer: Any, stage: Stage, maker: TokenMaker
) -> None:
    await record(stage, an_eac("1", "rateplan", "E-1", content_type="text/html"))
    headers = await bearer(an_entry(flags=[FLAG], rateplan_codes=["E-1"]))
    ((shown),) = await listed(client, headers)
    answer = await client.get(shown["eac_data_url"], headers=headers)
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, '{"eac":"1"}', "text/html")
    assert (answer.headers["content-disposition"], answer.headers["x-content-type-options"]) == ("attachment", "nosniff")
    assert (await client.get(shown["eac_data_url"])).status_code == 401
    assert (await client.get(shown["eac_data_url"], headers=await bearer(an_entry(flags=[FLAG]), client_id="other"))).status_code == 404
    assert (await client.get(f"{PATH}/nonsense/data", headers=headers)).status_code == 404


async def test_a_certificate_that_contradicts_itself_is_refused(stage: Stage) -> None:
    for faulty in (an_eac("1", period_end=at("2025-01-01T00:00:00Z")), an_eac("1", "general", "A-1")):
        with pytest.raises(ValueError, match="certificate"):
            await record(stage, faulty)


@pytest.mark.req("WG3D-217")
async def test_a_certificate_without_numbers_has_an_empty_list(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await record(stage, an_eac("1", eac_numbers=[]))
    (shown,) = await listed(client, await bearer(an_entry(flags=[FLAG])))
    assert shown["eac_numbers"] == []


@pytest.mark.req("WG3D-218", "WG3D-222")
async def test_only_formats_that_the_metadata_describes_are_taken_in(
    client: httpx.AsyncClient, bearer: Any, stage: Stage, settings: Settings
) -> None:
    ingest = replace(stage.ingest, eac_formats=read_eac_formats(CONFIG))
    async with memory_bus(settings, ROUTERS, context={"sessions": stage.sessions, "ingest": ingest}) as bus:
        await bus.publish(an_eac("known", eac_format="hlp-certificate-v1"))
        await bus.publish(an_eac("unknown", eac_format="hlp-certificate-v2"))
        assert [parked.topic for parked in bus.parked] == ["utility.eacs.dead"]
    described = customer_data_members(load_utility(CONFIG), "https://u.example", USAGE_SCOPE)["cds_eac_formats"]
    shown = await listed(client, await bearer(an_entry(flags=[FLAG])))
    assert {one["eac_format"] for one in shown} == {"hlp-certificate-v1"} <= set(described)
