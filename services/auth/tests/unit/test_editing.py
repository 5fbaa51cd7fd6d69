"""Changes to a request on the form: less data, less time, never more (CDS-WG3-01 §7.4.5, §9.2.1.4)."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cds_auth.application.rules import AuthRules
from cds_auth.domain.customer_errors import FormRefused
from cds_auth.domain.duration_words import Clock
from cds_auth.domain.editing import EditControls, EditWords, SectionEdits, edit_section
from cds_auth.domain.usage_words import UsageKind
from cds_auth.persistence.languages import load_languages
from cds_common.access.details import EffectiveEntry

NOW = datetime(2026, 11, 24, 20, tzinfo=UTC)
EN = load_languages()["en"]


@pytest.fixture(scope="module")
def words(rules: AuthRules) -> EditWords:
    clock = Clock(NOW, ZoneInfo("America/Los_Angeles"))
    return EditWords(EN, clock, {"el-15min": UsageKind("Electricity every 15 minutes")}, rules.offered)


def usage(**details: Any) -> EffectiveEntry:
    asked: dict[str, Any] = {
        "allow_scope_modifications": True, "include_usage_segments": True, "include_usage_segment_value_types": ["el-15min", "gas-month"],
        "include_service_contracts": True, "include_rate_plans": True, "include_meter_devices": False, "sync_until": "P1Y",
        "segment_start": "P13M", "segment_end": "infinite",
    } | details  # fmt: skip
    return EffectiveEntry(0, "cds_usage_hlp", "cds_usage", asked)


def edited(entry: EffectiveEntry, edits: SectionEdits, words: EditWords) -> tuple[dict[str, Any], EditControls]:
    (changed,), controls = edit_section([entry], edits, words)
    assert controls is not None
    return changed.details, controls


@pytest.mark.req("WG3C-109")
def test_untouched_controls_stand_for_the_request_as_it_is(words: EditWords) -> None:
    details, controls = edited(usage(), SectionEdits(), words)
    assert details == usage().details
    assert not controls.changed
    assert all(part.kept for part in controls.parts)
    assert all(control.choices[0].chosen for control in controls.times)


def test_parts_that_the_client_asked_for_can_be_left_out(words: EditWords) -> None:
    _, controls = edited(usage(), SectionEdits(), words)
    keys = [part.key for part in controls.parts]
    assert {"kind:el-15min", "kind:gas-month", "include_rate_plans"} <= set(keys)
    assert "include_meter_devices" not in keys
    left = frozenset(keys) - {"include_rate_plans", "kind:gas-month"}
    details, controls = edited(usage(), SectionEdits(kept=left), words)
    assert details["include_rate_plans"] is False
    assert details["include_usage_segment_value_types"] == ["el-15min"]
    assert details["include_service_contracts"] is True
    assert controls.changed
    none_left, _ = edited(usage(), SectionEdits(kept=left - {"kind:el-15min"}), words)
    assert none_left["include_usage_segment_value_types"] is None


def test_times_can_only_be_drawn_in(words: EditWords) -> None:
    _, controls = edited(usage(), SectionEdits(), words)
    offered = {control.key: [choice.value for choice in control.choices] for control in controls.times}
    assert offered["segment_start"] == ["", "P1Y", "P6M", "P3M", "P1M", "PT0S"]
    assert offered["segment_end"] == ["", "P3Y", "P2Y", "P1Y", "P6M", "P3M", "P1M", "PT0S"]
    assert offered["sync_until"] == ["", "P6M", "P3M", "P1M", "PT0S"]
    details, controls = edited(usage(), SectionEdits(times={"segment_end": "P1M"}), words)
    assert details["segment_end"] == "P1M"
    assert details["segment_start"] == "P13M"
    assert controls.changed
    _, ended = edited(usage(segment_end="2026-11-01T00:00:00Z"), SectionEdits(), words)
    assert "segment_end" not in {control.key for control in ended.times}


@pytest.mark.parametrize(
    "edits",
    [
        SectionEdits(times={"segment_start": "P2Y"}),
        SectionEdits(times={"sync_until": "infinite"}),
        SectionEdits(times={"statement_date_end": "P1M"}),
        SectionEdits(kept=frozenset({"include_meter_devices"})),
        SectionEdits(kept=frozenset({"kind:other"})),
    ],
)
def test_nothing_can_be_added(words: EditWords, edits: SectionEdits) -> None:
    with pytest.raises(FormRefused):
        edit_section([usage()], edits, words)


@pytest.mark.req("WG3C-109")
@pytest.mark.parametrize("edits", [SectionEdits(removed=True), SectionEdits(kept=frozenset()), SectionEdits(times={"segment_end": "P1M"})])
def test_a_fixed_request_takes_no_change(words: EditWords, edits: SectionEdits) -> None:
    fixed = usage(allow_scope_modifications=False)
    assert edit_section([fixed], SectionEdits(), words) == ((fixed,), None)
    with pytest.raises(FormRefused):
        edit_section([fixed], edits, words)


def test_the_same_time_of_merged_scopes_is_one_control(words: EditWords) -> None:
    contracts = EffectiveEntry(
        1, "cds_service_contracts_hlp", "cds_service_contracts", {"allow_scope_modifications": True, "sync_until": "P1Y"}
    )
    changed, controls = edit_section([usage(), contracts], SectionEdits(times={"sync_until": "P3M"}), words)
    assert controls is not None
    assert [control.key for control in controls.times] == ["segment_start", "segment_end", "sync_until"]
    assert [entry.details["sync_until"] for entry in changed] == ["P3M", "P3M"]
    apart = EffectiveEntry(1, contracts.scope, contracts.scope_type, contracts.details | {"sync_until": "infinite"})
    changed, controls = edit_section([usage(), apart], SectionEdits(times={"sync_until-2": "P1M"}), words)
    assert [entry.details["sync_until"] for entry in changed] == ["P1Y", "P1M"]
