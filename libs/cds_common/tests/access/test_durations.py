"""Durations of authorization details: grammar, calendar, daylight saving time."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_common.access.details import EffectiveEntry, to_grant
from cds_common.access.durations import Duration, parse_duration, parse_instant, render_instant, shift, shift_date
from cds_common.access.offers import OfferedField
from cds_common.access.values import BadValue, Moment, check_value

from .conftest import VECTORS

LOS_ANGELES = ZoneInfo("America/Los_Angeles")


@pytest.mark.req("WG3B-186")
@pytest.mark.parametrize("vector", VECTORS["durations"], ids=lambda each: f"{each['format']}-{each['value']}")
def test_duration_grammar(vector):
    if vector["valid"]:
        parse_duration(vector["value"], with_time=vector["format"] == "datetime")
    else:
        with pytest.raises(ValueError, match=r".+"):
            parse_duration(vector["value"], with_time=vector["format"] == "datetime")


@pytest.mark.req("WG3B-186")
def test_the_zero_of_the_older_text_counts_in_datetimes_only():
    moment = Moment(datetime(2024, 1, 1, tzinfo=UTC), UTC)
    check_value(OfferedField("sync_until", "relative_or_absolute_datetime", maximum="infinite", minimum="PT0S"), "P0S", moment)
    with pytest.raises(BadValue):
        check_value(OfferedField("end_date", "relative_or_absolute_date", maximum="infinite", minimum="P0D"), "P0S", moment)


@pytest.mark.req("WG3B-185", "WG3B-187", "WG3B-188", "WG3B-189", "WG3B-202", "WG3B-205", "WG3B-208", "WG3B-211", "WG3B-215", "WG3B-220",
                 "WG102-090")  # fmt: skip
@pytest.mark.parametrize("vector", VECTORS["duration_conversion"], ids=lambda each: f"{each['field']}-{each['value']}")
def test_relative_values_become_absolute_when_the_grant_is_made(vector):
    entry = EffectiveEntry(0, "u", "cds_usage", {vector["field"]: vector["value"]})
    made = to_grant([entry], parse_instant(vector["grant_created"]), ZoneInfo(vector["cds_timezone"]))
    assert made[0].details == {vector["field"]: vector["grant_value"]}


@pytest.mark.parametrize(
    ("start", "duration", "sign", "expected"),
    [
        ("2025-03-09T09:30:00Z", "P1D", 1, "2025-03-10T08:30:00Z"),  # wall time 01:30 stays over the change to summer time
        ("2025-03-08T10:30:00Z", "P1D", 1, "2025-03-09T10:30:00Z"),  # 02:30 does not exist on 9 March: read as 02:30 standard time
        ("2025-11-02T09:30:00Z", "PT0S", 1, "2025-11-02T09:30:00Z"),  # the second 01:30 stays the second one
        ("2025-11-01T08:30:00Z", "P1D", 1, "2025-11-02T08:30:00Z"),  # 01:30 occurs twice: the first
        ("2025-03-08T10:30:00Z", "PT24H", 1, "2025-03-09T10:30:00Z"),
        ("2024-02-29T20:00:00Z", "P1Y", 1, "2025-02-28T20:00:00Z"),
        ("2025-12-01T02:00:00Z", "P9M", -1, "2025-03-01T02:00:00Z"),  # 18:00 on 30 November, local, minus 9 months: 28 February
    ],
)
def test_calendar_parts_keep_wall_time(start, duration, sign, expected):
    assert render_instant(shift(parse_instant(start), parse_duration(duration), sign, LOS_ANGELES)) == expected


def test_dates_clamp_to_the_last_day():
    assert shift_date(date(2024, 3, 31), Duration(months=1), -1) == date(2024, 2, 29)
    assert shift_date(date(2023, 12, 31), Duration(months=2), 1) == date(2024, 2, 29)


@pytest.mark.parametrize("text", ["P999999Y", "PT999999H", "P1000000D", "P" + "9" * 5000 + "D"])
def test_absurd_lengths_are_refused_or_bounded(text):
    try:
        moved = shift(datetime(2024, 1, 1, tzinfo=UTC), parse_duration(text), 1, UTC)
    except ValueError:
        return
    assert moved.year < 2200


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.integers(0, 400), st.integers(0, 60))  # noqa: DTZ001
def test_back_and_forth_in_exact_seconds(naive, hours, days):
    at = naive.replace(tzinfo=UTC)
    there = shift(at, Duration(days=0, seconds=3600 * hours), 1, LOS_ANGELES)
    assert shift(there, Duration(seconds=3600 * hours), -1, LOS_ANGELES) == at
    local = shift(at, Duration(days=days), 1, LOS_ANGELES).astimezone(LOS_ANGELES)
    assert (local.date() - at.astimezone(LOS_ANGELES).date()).days == days


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2030-01-01T00:00:00-05:00", "2030-01-01T05:00:00Z"),
        ("2030-01-01t00:00:00z", "2030-01-01T00:00:00Z"),
        ("2030-01-01T00:00:00.123456789Z", "2030-01-01T00:00:00.123456Z"),
    ],
)
def test_absolute_instants(text, expected):
    assert render_instant(parse_instant(text)) == expected


@pytest.mark.parametrize(
    "text", ["2030-01-01T00:00:00", "2030-01-01", "2030-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "٢٠٣٠-01-01T00:00:00Z"]
)
def test_bad_instants(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_instant(text)
