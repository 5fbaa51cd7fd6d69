"""From status to access, and what Grant Admin may open."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from cds_common.access.errors import InvalidAuthorizationDetails
from cds_common.access.flags import effective_flags, touched_services
from cds_common.access.grant_admin import GrantToOpen, check_grant_admin, requested_grant
from cds_common.access.offers import OfferedScope
from cds_common.access.status import ENDED_STATUSES, OPEN_STATUSES, open_entries, opens
from cds_common.events.grants import GrantEntry, GrantPublishedV1, Selection
from cds_common.events.vocabulary import GrantStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.req("WG102-235", "WG102-243")
@pytest.mark.parametrize("status", get_args(GrantStatus))
def test_which_statuses_open(status):
    closed = {"future", "disabled", "suspended", "revoked", "closed", "expired", "errored"}
    assert opens(status, None, None, NOW) is (status not in closed)
    assert not OPEN_STATUSES & ENDED_STATUSES


@pytest.mark.parametrize(
    ("not_before", "not_after", "open_"),
    [(None, None, True), (NOW, None, True), (NOW + HOUR, None, False), (None, NOW, False), (None, NOW + HOUR, True)],
)
def test_the_clock_counts(not_before, not_after, open_):
    assert opens("active", not_before, not_after, NOW) is open_


def grant(status, enabled):
    entries = [GrantEntry(entry_no=n, scope=f"s{n}", scope_type="cds_usage", details={}, enabled=each) for n, each in enumerate(enabled)]
    return GrantPublishedV1(
        grant_id="g", version=1, entries_version=1, client_id="c", registration_id="r", environment="sandbox", status=status,
        enabled_scope="", entries=entries, created=NOW,
    )  # fmt: skip


def test_only_enabled_entries_of_an_open_grant():
    assert [each.scope for each in open_entries(grant("pending", [True, False]), NOW)] == ["s0"]
    assert open_entries(grant("revoked", [True]), NOW) == []


@pytest.mark.parametrize(
    ("scope_type", "details", "selection", "services"),
    [
        ("cds_rate_plan", {}, None, {"accounts"}),
        ("cds_bill_statements", {}, None, {"accounts", "billing"}),
        ("cds_usage", {}, None, {"accounts", "usage"}),
        ("cds_usage", {"include_bill_sections": True}, None, {"accounts", "usage", "billing"}),
        ("cds_usage", {}, "aggregation", {"accounts", "usage", "aggregation"}),
        ("cds_accounts", {"include_aggregations": True}, None, {"accounts", "aggregation"}),
        ("cds_query_usage", {"aggregation_numbers": ["B"]}, None, {"accounts", "usage", "aggregation"}),
        ("cds_query_usage", {"aggregation_numbers": None}, None, {"accounts", "usage"}),
        ("cds_query_accounts", {"include_eacs": True}, None, {"accounts", "usage"}),
        ("cds_aggregation_consent", {"aggregation_numbers": ["B"]}, "aggregation", set()),
        ("cds_client_admin", {}, None, set()),
        ("made_up", {"include_accounts": True}, None, set()),
    ],
)
def test_touched_services(scope_type, details, selection, services):
    picked = Selection(kind=selection, ids=[]) if selection else None
    assert touched_services(scope_type, details, picked) == services


@pytest.mark.req("WG3B-121", "WG3B-142", "WG3B-102")
def test_forced_and_false_flags():
    assert "include_service_points" in effective_flags("cds_rate_plan", {"include_meter_devices": True, "include_service_points": False})
    assert "include_service_points" in effective_flags("cds_meters", {"include_service_contracts": True})
    assert effective_flags("cds_accounts", {"include_accounts": False}) == {"include_accounts"}
    assert effective_flags("cds_accounts", {"include_made_up": True, "include_account_details": "true"}) == {"include_accounts"}


OFFERED = {
    "a": OfferedScope("a", "cds_usage", grant_admin_scope="admin"),
    "b": OfferedScope("b", "cds_accounts", grant_admin_scope="other"),
    "c": OfferedScope("c", "cds_meters"),
}
OPEN = GrantToOpen("g", "client", "reg", "active", "a")


@pytest.mark.req("WG102-040", "WG102-041", "WG102-044")
@pytest.mark.parametrize(
    "grant",
    [
        None,
        GrantToOpen("g", "other", "reg", "active", "a"),
        GrantToOpen("g", "client", "stranger", "active", "a"),
        GrantToOpen("g", "client", "reg", "revoked", "a"),
        GrantToOpen("g", "client", "reg", "active", ""),
        GrantToOpen("g", "client", "reg", "active", "a b"),
        GrantToOpen("g", "client", "reg", "active", "c"),
        GrantToOpen("g", "client", "reg", "active", "unknown"),
    ],
)
def test_grant_admin_refuses_with_one_text(grant):
    with pytest.raises(InvalidAuthorizationDetails) as refused:
        check_grant_admin(grant, scope="admin", client_id="client", registration_id="reg", offered=OFFERED)
    assert refused.value.reason == "no Grant with this grant_id and client_id can be opened by this scope"


@pytest.mark.req("WG102-039", "WG102-040")
def test_grant_admin_opens():
    check_grant_admin(OPEN, scope="admin", client_id="client", registration_id="reg", offered=OFFERED)
    assert requested_grant([{"type": "admin", "client_id": "client", "grant_id": "g"}]) == ("admin", "client", "g")
    for details in ([], [{}, {}]):
        with pytest.raises(InvalidAuthorizationDetails):
            requested_grant(details)
