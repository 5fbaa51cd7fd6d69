"""For how long, in words (CDS-WG3-01 §9.2.2.2); expected sentences are written by hand."""
# ruff: noqa: E501  # sentences read best whole

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cds_auth.domain.duration_component import TimedScope, describe_durations
from cds_auth.domain.duration_words import Clock, duration_in_words
from cds_auth.persistence.languages import load_languages

CLOCK = Clock(datetime(2025, 11, 24, 18, 12, tzinfo=UTC), ZoneInfo("America/Los_Angeles"))
EN, ES = load_languages()["en"], load_languages()["es"]


def usage(**details: Any) -> TimedScope:
    return TimedScope("cds_usage", frozenset({"include_usage_segments"}), details)


def bills(**details: Any) -> TimedScope:
    return TimedScope("cds_bill_statements", frozenset({"include_bill_statements"}), details)


def sections(**details: Any) -> TimedScope:
    return TimedScope("cds_service_bills", frozenset({"include_bill_sections"}), details)


def kept(flag: str, until: str) -> TimedScope:
    return TimedScope("cds_accounts", frozenset({flag}), {"sync_until": until})


def said(*scopes: TimedScope, language: Any = EN) -> list[str]:
    return list(describe_durations(scopes, "Kestrel", CLOCK, language))


@pytest.mark.req("WG3C-156", "WG3C-148")
@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("P13M", "infinite", "Meter usage from the past 13 months (since October 24, 2024), and new meter usage until you stop this authorization in your settings."),
        ("P13M", "PT0S", "Only meter usage from the past 13 months (since October 24, 2024). Nothing after today."),
        ("P1Y", "P1Y", "Meter usage from the past year (since November 24, 2024), and new meter usage for the next year (until November 24, 2026)."),
        ("PT0S", "infinite", "Only new meter usage from today on, until you stop this authorization in your settings. No past meter usage."),
        ("PT0S", "P3Y", "Only new meter usage from today on, for the next 3 years (until November 24, 2028). No past meter usage."),
        ("PT0S", "PT0S", "No meter usage would be shared: the period is empty."),
        ("infinite", "PT0S", "Only past meter usage, as far back as our records go. Nothing after today."),
        ("infinite", "infinite", "All your past meter usage, and new meter usage until you stop this authorization in your settings."),
        ("2024-10-24T17:12:00Z", "2027-01-01T08:00:00Z", "Meter usage since October 24, 2024, and new meter usage until January 1, 2027."),
        ("2024-01-01T08:00:00Z", "2025-01-01T08:00:00Z", "Only meter usage from January 1, 2024 to January 1, 2025."),
        ("2026-01-01T08:00:00Z", "infinite", "Only new meter usage from January 1, 2026 on, until you stop this authorization in your settings. No past meter usage."),
        ("2026-01-01T08:00:00Z", "P1M", "No meter usage would be shared: the period is empty."),
        ("infinite", "2025-01-01T08:00:00Z", "Only past meter usage up to January 1, 2025."),
    ],
)  # fmt: skip
def test_usage_ranges(start: str, end: str, sentence: str) -> None:
    assert said(usage(segment_start=start, segment_end=end)) == [sentence]


@pytest.mark.req("WG3C-152", "WG3C-153", "WG3C-154")
@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("P1Y", "P1Y", "Bills from the past year (since November 24, 2024), and new bills for the next year (until November 24, 2026)."),
        ("P0D", "infinite", "Only new bills from today on, until you stop this authorization in your settings. No past bills."),
        ("2025-11-24", "infinite", "Only new bills from today on, until you stop this authorization in your settings. No past bills."),
        (
            "2025-12-24",
            "infinite",
            "Only new bills from December 24, 2025 on, until you stop this authorization in your settings. No past bills.",
        ),
        ("P1Y", "P0D", "Only bills from the past year (since November 24, 2024). Nothing after today."),
    ],
)
def test_bill_ranges(start: str, end: str, sentence: str) -> None:
    assert said(bills(statement_date_start=start, statement_date_end=end)) == [sentence]


@pytest.mark.req("WG3C-155")
@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("P1Y", "P1Y", "Bill details from the past year (since November 24, 2024), and new bill details for the next year (until November 24, 2026)."),
        ("P0D", "P1Y", "Only new bill details from today on, for the next year (until November 24, 2026). No past bill details."),
        ("P1Y", "infinite", "Bill details from the past year (since November 24, 2024), and new bill details until you stop this authorization in your settings."),
        ("P1Y", "P0D", "Only bill details from the past year (since November 24, 2024). Nothing after today."),
    ],
)  # fmt: skip
def test_bill_detail_ranges(start: str, end: str, sentence: str) -> None:
    assert said(sections(start_date=start, end_date=end)) == [sentence]


@pytest.mark.req("WG3C-149", "WG3C-150", "WG3C-151")
@pytest.mark.parametrize(
    ("until", "sentence"),
    [
        ("P3Y", "Your account details, kept up to date for the next 3 years (until November 24, 2028)."),
        ("infinite", "Your account details, kept up to date until you stop this authorization in your settings."),
        ("PT0S", "Your account details as they are today. Later changes are not shared."),
        ("2025-11-24T18:12:00Z", "Your account details as they are today. Later changes are not shared."),
        ("2028-11-24T18:12:00Z", "Your account details, kept up to date until November 24, 2028."),
    ],
)
def test_how_long_data_is_kept_up_to_date(until: str, sentence: str) -> None:
    assert said(kept("include_accounts", until)) == [sentence]


@pytest.mark.req("WG3C-157")
@pytest.mark.parametrize(
    ("expires", "sentence"),
    [
        ("P1Y", "Valid for the next year (until November 24, 2026)."),
        ("infinite", "Valid until you stop it in your settings."),
        ("PT0S", "Valid for this one request only. If Kestrel needs newer data later, you will be asked again."),
    ],
)
def test_how_long_a_consent_to_be_counted_is_valid(expires: str, sentence: str) -> None:
    assert said(TimedScope("cds_aggregation_consent", frozenset(), {"expires": expires})) == [sentence]


@pytest.mark.req("WG3C-158")
def test_equal_spans_of_merged_scopes_are_one_sentence() -> None:
    both = said(kept("include_meter_devices", "P3Y"), kept("include_accounts", "P3Y"))
    assert both == ["Your meter and account details, kept up to date for the next 3 years (until November 24, 2028)."]
    assert len(said(kept("include_meter_devices", "P3Y"), kept("include_accounts", "P1Y"))) == 2


@pytest.mark.req("WG3C-160")
def test_included_objects_get_their_sentence_too() -> None:
    flags = frozenset({"include_usage_segments", "include_service_contracts"})
    details = {"segment_start": "P1Y", "segment_end": "P1Y", "sync_until": "P1Y"}
    assert said(TimedScope("cds_usage", flags, details)) == [
        "Meter usage from the past year (since November 24, 2024), and new meter usage for the next year (until November 24, 2026).",
        "Your service details, kept up to date for the next year (until November 24, 2026).",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [("P1Y", "year"), ("P13M", "13 months"), ("P2W", "2 weeks"), ("P30DT2H", "30 days and 2 hours"), ("P1Y6M", "1 year and 6 months"),
     ("PT1S", "second"), ("P1D", "day"), ("PT36H", "36 hours")],
)  # fmt: skip
def test_durations_in_words(value: str, words: str) -> None:
    assert duration_in_words(value, EN) == words


def test_the_same_in_spanish() -> None:
    assert said(usage(segment_start="P13M", segment_end="infinite"), language=ES) == [
        "El consumo desde hace 13 meses (desde el 24 de octubre de 2024), y el consumo nuevo hasta que usted detenga esta autorización en su configuración."
    ]
    assert said(bills(statement_date_start="P0D", statement_date_end="P1Y"), language=ES) == [
        "Solo las facturas nuevas a partir de hoy, durante 1 año más (hasta el 24 de noviembre de 2026). Sin las facturas anteriores."
    ]
    assert said(kept("include_accounts", "PT0S"), language=ES) == [
        "Sus datos de cuenta tal como son hoy. Los cambios posteriores no se comparten."
    ]


def test_days_are_counted_on_the_utilitys_clock() -> None:
    late = Clock(datetime(2025, 11, 25, 7, 30, tzinfo=UTC), ZoneInfo("America/Los_Angeles"))  # 24 November, 23:30 there
    scope = bills(statement_date_start="2025-11-24", statement_date_end="infinite")
    assert describe_durations([scope], "Kestrel", late, EN)[0].startswith("Only new bills from today on")
