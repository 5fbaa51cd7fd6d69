"""Two tenants of one Service Point never see each other; a group's sum is that of its members."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cds_cli.journey.story import Story
from cds_common.events.utility import AggregationRecordedV1, ReadingsRecordedV1, UtilityEvent
from cds_local.stack import LocalStack
from tests.e2e.support import QUERIES, active, agree, authorize, household, listing, newcomer, query, readings, send, settles, until

pytestmark = [pytest.mark.slow]

Json = dict[str, Any]
MOVED = date(2026, 3, 15)
"""The first day of C-ARRIVING at SP-CANAL-9; the day before was the last one of C-LEAVING."""


def _quarter_hours(day: date, watt_hours: int) -> ReadingsRecordedV1:
    base = readings("CANAL-9", day, [watt_hours] * 96)
    return base.model_copy(update={"meter_ref": "MT-M-0091900"})


def test_two_tenants_of_one_point_never_see_each_other(loaded: LocalStack) -> None:
    send(loaded, [_quarter_hours(MOVED + timedelta(days=shift), 100 + shift) for shift in (-2, -1, 0, 1)])
    story = newcomer(loaded, ["cds_usage", "cds_service_bills"], consent="cds_usage")
    moved = datetime(2026, 3, 15, 7, tzinfo=UTC)
    found: dict[str, dict[str, list[Json]]] = {}
    for login in ("leaving", "arriving"):
        token = str(authorize(story, login, "cds_usage")["access_token"])
        until(f"usage of {login}", lambda t=token: listing(story, "usage_segments", t) or None)
        found[login] = {key: listing(story, key, token) for key in ("service_contracts", "meter_devices", "usage_segments")}
        all_services = {"contract_numbers": ["_all"], "authorization_form_selection_type": "service_contract_selection"}
        bills = str(agree(story, login, {"type": story.client.scope_id("cds_service_bills"), **all_services})["access_token"])
        found[login] |= {key: listing(story, key, bills) for key in ("accounts", "bill_sections")}
    leaving, arriving = found["leaving"], found["arriving"]
    ends = {login: [datetime.fromisoformat(one["segment_end"]) for one in held["usage_segments"]] for login, held in found.items()}
    starts = [datetime.fromisoformat(one["segment_start"]) for one in arriving["usage_segments"]]
    assert max(ends["leaving"]) == moved
    assert min(starts) == moved
    assert [one["contract_number"] for one in leaving["service_contracts"]] == ["180-301"]
    theirs = {one["contract_number"] for one in arriving["service_contracts"]}
    assert ("180-302" in theirs, "180-301" in theirs) == (True, False)  # other tests give this customer another home
    assert leaving["bill_sections"]
    assert arriving["bill_sections"] == []
    names = {"accounts": "cds_account_id", "service_contracts": "cds_servicecontract_id", "usage_segments": "cds_usagesegment_id"}
    for key, name in names.items():
        assert {one[name] for one in leaving[key]} & {one[name] for one in arriving[key]} == set(), key
    theirs = {one["cds_servicecontract_id"] for one in leaving["service_contracts"]} | {
        one["cds_account_id"] for one in leaving["accounts"]
    }
    assert not [one for one in theirs if one in str(arriving)]
    story.wire.close()


def test_the_sum_of_a_group_is_that_of_its_members(loaded: LocalStack, reader: Story) -> None:
    homes = [f"SUM-{number:02d}" for number in range(16)]
    day = datetime.now(UTC).date() - timedelta(days=4)
    own: list[UtilityEvent] = [
        event
        for number, home in enumerate(homes)
        for event in (*household(home), readings(home, day, [200 + 7 * number + quarter % 5 for quarter in range(96)]))
    ]
    group = AggregationRecordedV1(
        environment="sandbox", source_time=datetime.now(UTC), aggregation_ref="AGG-SUM", aggregation_number="SUM", name="Sum",
        aggregation_types=["confidential", "building"], servicepoint_refs=[f"SP-{home}" for home in homes],
        grouped_addresses=["16 Sum Road"],
    )  # fmt: skip
    send(loaded, [*own, group])
    story = newcomer(loaded, QUERIES, direct="cds_query_usage")
    scope = story.client.scope_id("cds_query_usage")
    answer = story.client.client_credentials(
        "direct", scope, [{"type": scope, "aggregation_numbers": ["SUM"], "include_aggregations": True}]
    )
    active(story, str(answer["cds_grant_ids"][0]))

    def rows(segments: list[Json]) -> list[list[Decimal]]:
        return [[Decimal(row[0]["eu"]) for row in one["values"]] for one in segments if one["interval"] == 900]

    members = query(reader, "cds_query_usage", meter_numbers=homes)
    settles(16, lambda: len(listing(reader, "usage_segments", members)))
    each = rows(listing(reader, "usage_segments", members))
    expected = [sum((values[quarter] for values in each), Decimal(0)) for quarter in range(96)]
    settles([expected], lambda: rows(listing(story, "usage_segments", str(answer["access_token"]))))
    assert expected[0] == Decimal("4.040")
    story.wire.close()
