"""One value against one field."""

from datetime import UTC, datetime

import pytest

from cds_common.access.offers import OfferedField
from cds_common.access.values import BadValue, Moment, check_public_key, check_value

from .conftest import VECTORS

MOMENT = Moment(datetime(2024, 6, 1, 12, tzinfo=UTC), UTC)
# The vectors name formats; these fields have them. Dates of the vectors lie in the past, datetimes ahead.
_FIELD_OF = {"relative_or_absolute_date": "start_date", "relative_or_absolute_datetime": "sync_until"}


def _cases(outcome):
    for vector in VECTORS["value_validation"]:
        field = OfferedField.of_wire(_FIELD_OF.get(vector["format"], "any"), vector)
        for value in vector[outcome]:
            yield pytest.param(field, value, id=f"{vector['format']}-{value!r}"[:60])


@pytest.mark.req("WG3B-004", "WG102-089")
@pytest.mark.parametrize(("field", "value"), _cases("valid"))
def test_accepts(field, value):
    check_value(field, value, MOMENT)


@pytest.mark.req("WG3B-002", "WG3B-004", "WG102-088", "WG102-089")
@pytest.mark.parametrize(("field", "value"), _cases("invalid"))
def test_refuses(field, value):
    with pytest.raises(BadValue):
        check_value(field, value, MOMENT)


@pytest.mark.req("WG3B-005", "WG102-087")
def test_lengths_are_counted_together():
    field = OfferedField("x", "string_list_or_null", maximum=10, minimum=2)
    check_value(field, ["12345", "67890"], MOMENT)
    for refused in (["12345", "678901"], ["1"], ["", "12"]):
        with pytest.raises(BadValue):
            check_value(field, refused, MOMENT)


@pytest.mark.req("WG3B-005", "WG102-087")
@pytest.mark.parametrize(
    ("field_id", "format_", "maximum", "minimum", "good", "bad"),
    [
        ("segment_start", "relative_or_absolute_datetime", "P13M", "PT0S",
         ["P13M", "P1Y", "PT0S", "2023-05-01T12:00:00Z", "2024-06-01T12:00:00Z"],
         ["P14M", "infinite", "2023-05-01T11:59:59Z", "2024-06-01T12:00:01Z"]),
        ("start_date", "relative_or_absolute_date", "P1Y", "P1M", ["P1Y", "P1M", "2023-06-01", "2024-05-01"],
         ["P367D", "P30D", "infinite", "2023-05-31", "2024-05-02"]),
        ("sync_until", "relative_or_absolute_datetime", "P1Y", "P1D", ["P1Y", "P1D", "2025-06-01T12:00:00Z"],
         ["P13M", "PT23H", "infinite", "2025-06-01T12:00:01Z", "2024-06-01T12:00:00Z"]),
        ("segment_end", "relative_or_absolute_datetime", "infinite", "2000-01-01T00:00:00Z",
         ["infinite", "2023-12-31T00:00:00Z", "P5Y"], ["1999-12-31T23:59:59Z"]),
    ],
)  # fmt: skip
def test_reach_of_times(field_id, format_, maximum, minimum, good, bad):
    field = OfferedField(field_id, format_, maximum=maximum, minimum=minimum)
    for value in good:
        check_value(field, value, MOMENT)
    for value in bad:
        with pytest.raises(BadValue):
            check_value(field, value, MOMENT)


def test_an_unknown_format_accepts_nothing():
    with pytest.raises(BadValue):
        check_value(OfferedField("x", "colour"), "red", MOMENT)  # type: ignore[arg-type]


@pytest.mark.req("WG3A-009", "WG3B-269", "WG3B-270")
def test_a_public_p256_key_is_accepted():
    check_public_key(VECTORS["jwk"]["valid_p256"])


@pytest.mark.req("WG3A-009", "WG3B-269", "WG3B-270")
@pytest.mark.parametrize("more", [{"ext": True, "key_ops": []}, {"x5c": ["AA=="], "x5u": "https://keys.example/1"}, {"iat": 1}])
def test_members_of_a_key_that_say_nothing_to_us_are_ignored(more: dict[str, object]) -> None:
    check_public_key(VECTORS["jwk"]["valid_p256"] | more)


@pytest.mark.parametrize("case", VECTORS["jwk"]["invalid"], ids=lambda case: case["why"])
def test_other_keys_are_refused(case):
    with pytest.raises(BadValue):
        check_public_key(case["jwk"])
