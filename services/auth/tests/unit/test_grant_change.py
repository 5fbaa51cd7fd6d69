"""Which changes of details take away, and which give more (CDS-WG1-02 §8.7)."""

import pytest

from cds_auth.domain.grant_change import Wanted, change_entries, is_reduction
from services.auth.tests.core_builders import NOW, an_active_grant, an_entry


@pytest.mark.req("WG102-267", "WG102-268")
@pytest.mark.parametrize(
    ("field", "before", "after", "reduces"),
    [
        ("include_accounts", True, False, True),
        ("include_accounts", False, True, False),
        ("error_if_no_preselections", True, False, False),
        ("segment_start", "2024-10-24T17:12:00Z", "2025-10-24T17:12:00Z", True),
        ("segment_start", "2025-10-24T17:12:00Z", "2024-10-24T17:12:00Z", False),
        ("segment_start", "2026-08-29T18:50:10.936025Z", "2026-11-15T00:00:00Z", True),
        ("segment_start", "2026-08-29T18:50:10Z", "2026-08-29T18:50:09.999999Z", False),
        ("segment_end", "2027-01-01T00:00:00Z", "2026-12-31T16:00:00.5-08:00", False),
        ("segment_start", "2026-08-29T18:50:10Z", "2026-11-15", False),
        ("segment_start", "2026-08-29T18:50:10Z", 5, False),
        ("segment_start", "infinite", "2024-10-24T17:12:00Z", True),
        ("segment_start", "2024-10-24T17:12:00Z", "infinite", False),
        ("statement_date_end", "infinite", "2026-01-01", True),
        ("statement_date_end", "2026-01-01", "2027-01-01", False),
        ("sync_until", "2027-01-01T00:00:00Z", "2026-12-31T00:00:00Z", True),
        ("sync_until", "2026-12-31T00:00:00Z", "infinite", False),
        ("account_numbers", None, ["1"], True),
        ("account_numbers", ["1", "2"], ["2"], True),
        ("account_numbers", ["1"], ["1", "2"], False),
        ("account_numbers", ["1"], None, False),
        ("include_usage_segment_value_types", ["a", "b"], ["b"], True),
        ("include_usage_segment_value_types", ["a"], None, True),
        ("include_usage_segment_value_types", None, ["a"], False),
        ("purpose", "one", "another", False),
        ("jwk", {"kty": "EC"}, None, False),
        ("some_new_field", 1, 2, False),
    ],
)
def test_direction_of_a_change(field: str, before: object, after: object, reduces: bool) -> None:
    assert is_reduction({field: before, "x": 1}, {field: after, "x": 1}) is reduces


def test_cut_and_growth_in_one_change() -> None:
    grant = an_active_grant(an_entry("a", "t", 0, details={"include_x": True}), an_entry("b", "t", 1, details={"include_x": False}))
    wanted = [Wanted("a", "t", {"include_x": False}), Wanted("b", "t", {"include_x": True}), Wanted("c", "t", {})]
    changed = change_entries(grant, wanted, needs_customer=True, at=NOW)
    assert changed.status == "needs_authorization"
    assert [(e["type"], e.get("include_x")) for e in changed.enabled_authorization_details] == [("a", False), ("b", False)]
    assert [(e["type"], e.get("include_x")) for e in changed.authorization_details] == [("a", False), ("b", True), ("c", None)]
    assert len({entry.entry_no for entry in changed.entries}) == 4


def test_withdrawn_wish_brings_back_what_was() -> None:
    grant = an_active_grant(an_entry("a", "t", 0, details={"include_x": False}))
    wider = change_entries(grant, [Wanted("a", "t", {"include_x": True})], needs_customer=True, at=NOW)
    assert wider.status == "needs_authorization"
    back = change_entries(wider, [Wanted("a", "t", {"include_x": False})], needs_customer=True, at=NOW)
    assert (back.status, back.authorization_details) == ("active", grant.authorization_details)


def test_same_again_is_no_change() -> None:
    grant = an_active_grant(an_entry("a", "t", 0, details={"include_x": False}))
    assert change_entries(grant, [Wanted("a", "t", {"include_x": False})], needs_customer=True, at=NOW) is grant
