"""Times, dates and decimals at their edges."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, strategies
from pydantic import TypeAdapter, ValidationError

from cds_common import exact_json
from cds_common.wire import CdsDate, CdsDateTime, CdsDecimal, CdsModel, parse_date, parse_datetime

EARLIEST, LATEST = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001  # hypothesis wants its bounds naive


class Amount(CdsModel):
    value: CdsDecimal


class TestDateTimes:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2025-01-01T00:00Z", datetime(2025, 1, 1, tzinfo=UTC)),
            ("2025-01-01T00:00:00Z", datetime(2025, 1, 1, tzinfo=UTC)),
            ("2025-01-01t00:00:00z", datetime(2025, 1, 1, tzinfo=UTC)),
            ("2025-01-01T01:30:00.5+02:00", datetime(2024, 12, 31, 23, 30, 0, 500_000, tzinfo=UTC)),
            ("2025-06-01T12:00:00.123456789Z", datetime(2025, 6, 1, 12, 0, 0, 123_456, tzinfo=UTC)),
            ("2025-06-01T12:00:00-07:30", datetime(2025, 6, 1, 19, 30, tzinfo=UTC)),
            ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ],
    )
    @pytest.mark.req("WG102-001")
    def test_every_form_is_one_moment_in_utc(self, text: str, moment: datetime) -> None:
        parsed = parse_datetime(text)
        assert parsed == moment
        assert parsed.tzinfo is UTC

    @pytest.mark.parametrize(
        "text",
        [
            "", "2025-01-01", "2025-01-01T00:00:00", "2025-01-01T24:00:00Z", "2025-02-30T00:00:00Z", "2025-1-1T00:00:00Z",
            "2025-01-01T00:00:00+0200", "2025-01-01T00:00:00.1234567890Z", "2025-01-01T00:00:00Z ", "1735689600",
            "2025-01-01T00:00:00+24:00", "\u0662\u0660\u0662\u0665-01-01T00:00:00Z", "x" * 100,
        ],
    )  # fmt: skip
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            parse_datetime(text)
        with pytest.raises(ValidationError):
            TypeAdapter(CdsDateTime).validate_python(text)

    def test_moments_that_utc_cannot_hold_are_refused(self) -> None:
        for text in ("0001-01-01T00:00:00+23:00", "9999-12-31T23:59:00-23:00", "0000-01-01T00:00:00Z"):
            with pytest.raises(ValueError, match=r".+"):
                parse_datetime(text)
            with pytest.raises(ValidationError):
                TypeAdapter(CdsDateTime).validate_python(text)

    def test_moment_without_zone_is_refused(self) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(CdsDateTime).validate_python(datetime(2025, 1, 1))  # noqa: DTZ001

    @given(strategies.datetimes(EARLIEST, LATEST), strategies.integers(-1439, 1439))
    def test_what_python_writes_is_read_back(self, naive: datetime, minutes: int) -> None:
        moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
        assert parse_datetime(moment.isoformat()) == moment


class TestDates:
    def test_full_date_is_read(self) -> None:
        assert parse_date("2024-02-29") == date(2024, 2, 29)

    @pytest.mark.parametrize(
        "text", ["2025-02-29", "20250101", "2025-01-01T00:00:00Z", "2025-W01-1", "", 20250101, datetime(2025, 1, 1, tzinfo=UTC)]
    )
    def test_anything_else_is_refused(self, text: object) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(CdsDate).validate_python(text)


class TestDecimals:
    @given(strategies.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=12))
    def test_number_text_survives_reading_and_writing(self, value: Decimal) -> None:
        text = format(value, "f")
        written = Amount.model_validate(exact_json.decode(f'{{"value":{text}}}')).to_json().decode()
        assert written == f'{{"value":{text}}}'

    @pytest.mark.parametrize("value", [1.5, "1.5", True, Decimal("NaN"), Decimal("Infinity"), Decimal("1e60"), None])
    def test_float_text_and_unbounded_numbers_are_refused(self, value: object) -> None:
        with pytest.raises(ValidationError):
            Amount(value=value)  # type: ignore[arg-type]

    def test_event_form_is_text_and_reads_back_exactly(self) -> None:
        amount = Amount(value=Decimal("0.12345678901234567890"))
        assert amount.model_dump_json() == '{"value":"0.12345678901234567890"}'
        assert Amount.model_validate_json(amount.model_dump_json()) == amount

    def test_event_with_a_float_is_refused(self) -> None:
        with pytest.raises(ValidationError):
            Amount.model_validate_json('{"value": 0.1}')


class TestJson:
    @pytest.mark.parametrize("text", ["", "{", "[1,]", '{"a":NaN}', "01", '"\x00"', "[" * 100_000, b"\xff"])
    def test_what_is_not_json_is_one_kind_of_error(self, text: str | bytes) -> None:
        with pytest.raises(ValueError, match=r".*"):
            exact_json.decode(text)

    def test_secrets_have_no_json_form(self) -> None:
        from pydantic import SecretStr

        with pytest.raises(TypeError):
            exact_json.encode({"key": SecretStr("hunter2")})

    def test_words_that_look_like_no_numbers_may_stand_in_texts(self) -> None:
        assert exact_json.encode({"name": "NaN, Infinity Energy"}) == b'{"name":"NaN, Infinity Energy"}'

    @pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity")])
    def test_not_a_number_has_no_json_form(self, value: Decimal) -> None:
        with pytest.raises(ValueError, match="finite"):
            exact_json.encode({"value": value})
