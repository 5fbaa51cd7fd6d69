"""The state machine of a Grant, without anything around it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_auth.domain.errors import GrantAlreadyEnded
from cds_auth.domain.grant import MAX_REVOKED_PARTS, Grant, GrantEntry, Readiness
from cds_auth.domain.grant_status import ENDED, OPEN, GrantStatus
from cds_common.access.status import ENDED_STATUSES, OPEN_STATUSES
from services.auth.tests.core_builders import NOW, a_grant, an_active_grant, an_entry

LATER = NOW + timedelta(hours=1)
ETA = NOW + timedelta(minutes=5)
USAGE, CONTRACTS = "cds_usage_hlp", "cds_service_contracts_hlp"


def two() -> tuple[GrantEntry, GrantEntry]:
    return an_entry(USAGE, "cds_usage", 0), an_entry(CONTRACTS, "cds_service_contracts", 1)


def touched(entry: GrantEntry) -> frozenset[str]:
    return {USAGE: frozenset({"accounts", "usage"}), CONTRACTS: frozenset({"accounts"}), "building": frozenset({"aggregation"})}[
        entry.scope
    ]


def settle(grant: Grant, readiness: Readiness) -> Grant:
    return grant.settle(readiness, touched, LATER, eta=ETA)


class TestReadiness:
    @pytest.mark.req("WG3A-126", "WG102-237", "WG102-229")
    def test_parts_open_as_their_services_become_ready(self) -> None:
        grant = settle(a_grant(*two()), Readiness())
        assert (grant.status, grant.enabled_scope, grant.eta) == ("pending", "", ETA)
        grant = settle(grant, Readiness({"accounts": "ready"}))
        assert (grant.status, grant.enabled_scope) == ("pending", CONTRACTS)
        grant = settle(grant, Readiness({"accounts": "ready", "usage": "ready"}))
        assert (grant.status, grant.enabled_scope, grant.eta) == ("active", f"{USAGE} {CONTRACTS}", None)

    def test_nothing_new_is_no_new_version(self) -> None:
        ready = Readiness({"accounts": "ready", "usage": "ready"})
        grant = settle(a_grant(*two()), ready)
        assert settle(grant, ready) is grant

    def test_served_entries_stay_served_while_new_entries_are_prepared(self) -> None:
        grant = an_active_grant(an_entry())
        grown = grant.with_entries((*grant.entries, an_entry(CONTRACTS, "cds_service_contracts", 1)), LATER)
        grown = settle(grown, Readiness())
        assert (grown.status, grown.enabled_scope, grown.entries_version) == ("pending", USAGE, 2)

    @pytest.mark.req("WG102-240")
    def test_consents_close_and_open(self) -> None:
        building = a_grant(an_entry("building", "cds_query_usage"))
        waiting = settle(building, Readiness({"aggregation": "needs_consents"}))
        assert (waiting.status, waiting.enabled_scope, waiting.eta) == ("needs_sub_grants", "", None)
        complete = settle(waiting, Readiness({"aggregation": "needs_consents"}, consents_complete=True))
        assert (complete.status, complete.enabled_scope) == ("active", "building")
        lost = settle(complete, Readiness({"aggregation": "needs_consents"}))
        assert (lost.status, lost.enabled_scope) == ("needs_sub_grants", "")

    def test_replacement_takes_over_when_it_is_ready(self) -> None:
        old = an_entry(USAGE, "cds_usage", 0, enabled=True, superseded=True, details={"v": 1})
        new = an_entry(USAGE, "cds_usage", 1, details={"v": 2})
        grant = settle(a_grant(old, new), Readiness())
        assert [e["v"] for e in grant.enabled_authorization_details] == [1]
        assert [e["v"] for e in grant.authorization_details] == [2]
        grant = settle(grant, Readiness({"accounts": "ready", "usage": "ready"}))
        assert [e["v"] for e in grant.enabled_authorization_details] == [2]
        assert len(grant.entries) == 1


class TestStatus:
    def test_open_and_ended_mean_the_same_to_the_data_services(self) -> None:
        assert {str(status) for status in OPEN} == OPEN_STATUSES
        assert {str(status) for status in ENDED} == ENDED_STATUSES

    @pytest.mark.req("WG102-233", "WG102-235", "WG102-241")
    @pytest.mark.parametrize("status", sorted(ENDED))
    def test_end_is_for_good(self, status: GrantStatus) -> None:
        grant = an_active_grant().end(status, LATER)
        assert (grant.status, grant.enabled_scope, grant.enabled_authorization_details) == (status, "", [])
        assert grant.scope == USAGE
        assert grant.modified == LATER
        for change in (
            lambda: grant.end(GrantStatus.CLOSED, LATER),
            lambda: grant.suspend("operator", LATER),
            lambda: grant.resume("operator", LATER),
            lambda: grant.say(GrantStatus.DELAYED, LATER),
            lambda: grant.withhold(frozenset(), LATER),
        ):
            with pytest.raises(GrantAlreadyEnded):
                change()
        assert settle(grant, Readiness({"accounts": "ready", "usage": "ready"})) is grant

    def test_two_pauses_need_two_resumptions(self) -> None:
        grant = an_active_grant().suspend("operator", LATER).suspend("client", LATER)
        assert grant.resume("client", LATER).status == "suspended"
        assert grant.resume("client", LATER).resume("operator", LATER).status == "active"

    @pytest.mark.req("WG102-239")
    def test_unauthorized_entry_waits_for_its_customer(self) -> None:
        grant = an_active_grant()
        wider = grant.with_entries((*grant.entries, an_entry(CONTRACTS, "x", 1, authorized=False)), LATER)
        assert (wider.status, wider.enabled_scope) == ("needs_authorization", USAGE)
        assert settle(wider, Readiness({"accounts": "ready", "usage": "ready"})).status == "needs_authorization"

    def test_future_opens_nothing(self) -> None:
        grant = replace(an_active_grant(), starts_later=True, not_before=LATER)
        assert (grant.status, grant.enabled_scope) == ("future", "")
        assert grant.start(LATER).status == "active"

    @given(
        st.lists(
            st.sampled_from(["suspend", "resume", "settle", "lose", "late", "delayed", "clear", "withhold", "close", "expire"]), max_size=12
        )
    )
    def test_status_and_access_never_contradict(self, steps: list[str]) -> None:
        grant = a_grant(*two())
        for step in steps:
            if grant.is_ended:
                break
            grant = _STEPS[step](grant)
            assert grant.version >= 1
            assert bool(grant.enabled_scope) <= (grant.status in OPEN)
            assert set(grant.enabled_scope.split()) <= set(grant.scope.split())
            assert (grant.eta is not None) == (grant.status is GrantStatus.PENDING) or step not in {"settle", "lose"}
            if grant.status is GrantStatus.ACTIVE:
                assert grant.enabled_scope == grant.scope
                assert grant.enabled_authorization_details == grant.authorization_details


_STEPS = {
    "suspend": lambda g: g.suspend("operator", LATER),
    "resume": lambda g: g.resume("operator", LATER),
    "settle": lambda g: settle(g, Readiness({"accounts": "ready", "usage": "ready"})),
    "lose": lambda g: settle(g, Readiness({"accounts": "needs_consents"})),
    "late": lambda g: settle(g, Readiness({"accounts": "ready"})),
    "delayed": lambda g: g.say(GrantStatus.DELAYED, LATER),
    "clear": lambda g: g.say(None, LATER),
    "withhold": lambda g: g.withhold(frozenset({USAGE}), LATER),
    "close": lambda g: g.end(GrantStatus.CLOSED, LATER),
    "expire": lambda g: g.end(GrantStatus.EXPIRED, LATER),
}


class TestRevokedTokens:
    def test_each_part_of_an_id_ends_the_token(self) -> None:
        iat = int(NOW.timestamp())
        for part in ("cred", "fam", "serial"):
            grant = an_active_grant().revoke_token_part(part, LATER, NOW)
            assert grant.is_dead("cred.fam.serial", iat, NOW)
            assert not grant.is_dead("other.other.other", iat, NOW)
            assert not grant.is_dead(f"{part}x.y.z", iat, NOW)

    def test_revocations_are_forgotten_when_no_token_can_have_them(self) -> None:
        grant = an_active_grant().revoke_token_part("a", NOW + timedelta(minutes=15), NOW)
        grant = grant.revoke_token_part("b", LATER + timedelta(minutes=15), LATER)
        assert set(grant.revoked_parts) == {"b"}

    def test_too_many_end_all_earlier_tokens_instead(self) -> None:
        grant = an_active_grant()
        for number in range(MAX_REVOKED_PARTS + 1):
            grant = grant.revoke_token_part(f"p{number}", LATER, NOW)
        assert len(grant.revoked_parts) == 0
        assert grant.is_dead("p3.x.y", int(NOW.timestamp()), NOW)
        assert not grant.is_dead("new.x.y", int(NOW.timestamp()) + 2, NOW)
