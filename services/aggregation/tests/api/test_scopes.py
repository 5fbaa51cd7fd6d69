"""The scope cds_query_aggregations (CDS-WG3-01 §6.2.7): entries resolved over real relations, shown by the listing."""

from typing import Any

import httpx
import pytest

from cds_common.access.entitlements import resolve_entry
from cds_common.access.relations import Relations
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import GrantEntry
from cds_common.events.resources import EntitlementEntry
from cds_common.events.values import AggregationPublishedV1
from cds_common.grant_copy.testing import store_grant
from cds_common.testing.schemas import assert_valid
from cds_common.testing.tokens import TokenMaker
from services.aggregation.tests.builders import NOW, Stage, a_flat, a_group, rid

ALWAYS = {
    "cds_aggregation_id", "cds_created", "cds_modified", "cds_synced", "aggregation_types", "aggregation_number", "scope",
    "authorization_details", "grouped_accounts", "grouped_servicecontracts", "grouped_servicepoints", "grouped_meterdevices",
    "grouped_aggregations", "grouped_regions", "consent_requirements",
}  # fmt: skip
EVERYTHING = DirectPermission(everything=True, all_aggregations=True)


def resolved(permission: DirectPermission, scope_type: str = "cds_query_aggregations", **details: Any) -> EntitlementEntry:
    groups = [
        AggregationPublishedV1(
            environment="sandbox", aggregation_id=rid("aggregation", ref), ref=ref, version=1, aggregation_number=f"B-{ref}", name="",
            aggregation_types=["building"], member_count=1, service_point_ids=[rid("service_point", point)], consent_requirement="always",
        )
        for ref, point in (("G-1", "P-1"), ("G-2", "P-2"))
    ]  # fmt: skip
    relations = Relations.of([*a_flat(1), *a_flat(2)], groups, at=NOW)
    entry = GrantEntry(entry_no=0, scope=scope_type, scope_type=scope_type, details=details, permission=permission, enabled=True)
    return resolve_entry(entry, customer_ids=[], relations=relations)


@pytest.fixture
async def listed(client: httpx.AsyncClient, stage: Stage, maker: TokenMaker) -> Any:
    """What an entry shows of two buildings."""
    await stage.know(a_flat(1), a_flat(2))
    await stage.group(a_group("P-1", ref="G-1"), a_group("P-2", ref="G-2"))

    async def of(entry: EntitlementEntry) -> list[dict[str, Any]]:
        async with stage.sessions.begin() as session:
            token = await store_grant(session, entry, now=NOW)
        claims = token.model_dump(include={"sub", "client_id", "registration_id", "environment", "scope", "cds_grant_ids"})
        answer = await client.get("/cds/v1/aggregations", headers=maker.headers(**claims))
        assert answer.status_code == 200, answer.text
        return assert_valid("aggregation-list-response.json", answer.content)["aggregations"]

    return of


def numbers(shown: list[dict[str, Any]]) -> set[str]:
    return {each["aggregation_number"] for each in shown}


@pytest.mark.req("WG3A-270")
@pytest.mark.parametrize("details", [{}, {"include_aggregations": False, "include_aggregation_addresses": False}])
async def test_it_shows_aggregations_with_the_members_that_are_always_there(listed: Any, details: dict[str, bool]) -> None:
    shown = await listed(resolved(EVERYTHING, **details))
    assert numbers(shown) == {"B-G-1", "B-G-2"}
    assert all(set(each) == ALWAYS for each in shown)
    assert all(each[name] == [] for each in shown for name in ALWAYS if name.startswith("grouped_"))


@pytest.mark.req("WG3A-247")
async def test_named_aggregations_bound_the_list(listed: Any) -> None:
    assert numbers(await listed(resolved(EVERYTHING, aggregation_numbers=["B-G-2", "B-G-9"]))) == {"B-G-2"}
    assert await listed(resolved(EVERYTHING, aggregation_numbers=["B-G-9"])) == []


@pytest.mark.req("WG3B-101")
@pytest.mark.parametrize(
    "permission",
    [
        DirectPermission(account_refs=["A-K-1"]),
        DirectPermission(everything=True, all_aggregations=True, withheld_fields=["include_aggregations"]),
    ],
)
async def test_a_client_without_aggregations_gets_an_empty_list_whatever_it_includes(listed: Any, permission: DirectPermission) -> None:
    assert await listed(resolved(permission, "cds_query_meter_devices", include_aggregations=True)) == []
    assert numbers(await listed(resolved(EVERYTHING, "cds_query_meter_devices", include_aggregations=True))) == {"B-G-1", "B-G-2"}
