"""Green Button files to messages: nothing lost, nothing invented, every refusal with its place."""

import gzip
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cds_cli.loading.espi import ReadingType
from cds_cli.loading.espi_codes import UnknownCode, column
from cds_cli.loading.espi_to_utility import Target, events
from cds_cli.loading.summary import Summary
from cds_common.events.utility import ReadingsRecordedV1, UtilityEvent

SAMPLE = Path(str(files("cds_cli.demo_utility") / "green_button_sample.xml"))
SHARED = Path(__file__).parents[4] / "shared" / "data" / "green-button"
TARGET = Target("AC-1", "1", "sandbox", ZoneInfo("America/Los_Angeles"))
ESPI = "{http://naesb.org/espi}"
ATOM = "{http://www.w3.org/2005/Atom}"


def loaded(path: Path) -> tuple[list[UtilityEvent], Summary]:
    summary = Summary()
    return list(events(path, TARGET, summary)), summary


def values(found: list[UtilityEvent], value_type: str) -> Counter[tuple[datetime, int, int]]:
    """(start, seconds, unscaled value) of every value."""
    return Counter(
        (event.start + timedelta(seconds=event.interval_seconds * place), event.interval_seconds, value)
        for event in found
        if isinstance(event, ReadingsRecordedV1) and event.shape.value_type == value_type
        for place, value in enumerate(event.values)
        if value is not None
    )


def read_independently(path: Path) -> Counter[tuple[datetime, int, int]]:
    """The same with the standard library alone, without readings of no duration."""
    content = path.read_bytes()
    root = ET.fromstring(gzip.decompress(content) if path.suffix == ".gz" else content)
    found: Counter[tuple[datetime, int, int]] = Counter()
    for reading in root.iter(f"{ESPI}IntervalReading"):
        period = reading.find(f"{ESPI}timePeriod")
        assert period is not None
        duration = int(str(period.findtext(f"{ESPI}duration")))
        if duration > 0:
            start = datetime.fromtimestamp(int(str(period.findtext(f"{ESPI}start"))), UTC)
            found[start, duration, int(str(reading.findtext(f"{ESPI}value")))] += 1
    return found


def test_a_file_becomes_a_contract_a_point_a_meter_and_readings() -> None:
    found, summary = loaded(SAMPLE)

    assert [event.topic for event in found[:3]] == ["utility.contracts", "utility.servicepoints", "utility.meters"]
    assert values(found, "electric_usage") == read_independently(SAMPLE)
    assert summary.refused == 0


def test_costs_are_hundred_thousandths_of_the_currency() -> None:
    found, _ = loaded(SAMPLE)
    cost = next(event for event in found if isinstance(event, ReadingsRecordedV1) and event.shape.value_type == "cost")
    assert (cost.shape.currency, cost.decimals, cost.values[0]) == ("USD", 5, 495 * 18)


def test_the_same_file_twice_is_the_same_facts() -> None:
    assert [event.event_id for event in loaded(SAMPLE)[0]] == [event.event_id for event in loaded(SAMPLE)[0]]


def test_gzip_is_known_by_its_bytes(tmp_path: Path) -> None:
    packed = tmp_path / "meter.xml"
    packed.write_bytes(gzip.compress(SAMPLE.read_bytes()))
    assert values(loaded(packed)[0], "electric_usage") == read_independently(SAMPLE)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("<value>abc</value>", "value is not a number"),
        ("", "an IntervalReading without value"),
        ("<value>99999999999999999999999</value>", "value is not a number"),
    ],
)
def test_a_bad_reading_is_refused_with_its_line_and_the_rest_is_loaded(tmp_path: Path, broken: str, reason: str) -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    path = tmp_path / "broken.xml"
    path.write_text(text.replace("<value>495</value>", broken, 1), encoding="utf-8")

    found, summary = loaded(path)

    assert summary.refused == 1
    assert summary.refusals[0].line == 1 + text[: text.index("<value>495</value>")].count("\n")
    assert reason in summary.refusals[0].reason
    assert values(found, "electric_usage").total() == 47


def test_a_file_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    path = tmp_path / "cut.xml"
    path.write_text(text[: text.index("</feed>")], encoding="utf-8")

    found, summary = loaded(path)

    assert values(found, "electric_usage") == read_independently(SAMPLE)
    assert "the rest of the file is unreadable" in summary.refusals[0].reason


@pytest.mark.parametrize("content", [b"no xml at all", b"<html><body/></html>", b"", b"\x1f\x8bbroken"])
def test_what_is_no_green_button_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.xml"
    path.write_bytes(content)
    found, summary = loaded(path)
    assert (found, summary.refused) == ([], 1)


def test_entities_are_not_resolved(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("1234", encoding="utf-8")
    text = SAMPLE.read_text(encoding="utf-8").replace("<value>495</value>", "<value>&x;</value>", 1)
    path = tmp_path / "xxe.xml"
    path.write_text(text.replace("<feed", f'<!DOCTYPE feed [<!ENTITY x SYSTEM "{secret.as_uri()}">]><feed', 1), encoding="utf-8")

    found, summary = loaded(path)

    assert 1234 not in {value for _, _, value in values(found, "electric_usage")}
    assert summary.refused == 1


def test_energy_to_the_grid_is_negative_and_scaled_exactly() -> None:
    found = column(ReadingType(uom=72, power_of_ten=-3, flow_direction=19))
    assert (found.shape.direction, found.factor, found.decimals) == ("reverse", -1, 3)


@pytest.mark.parametrize(
    ("power", "unit", "factor"), [(0, "Wh", 1), (3, "kWh", 1), (6, "MWh", 1), (2, "Wh", 100)]
)  # fmt: skip
def test_powers_of_ten_become_units_or_exact_factors(power: int, unit: str, factor: int) -> None:
    found = column(ReadingType(uom=72, power_of_ten=power, flow_direction=1))
    assert (found.shape.units, found.factor, found.decimals) == (unit, factor, 0)


def test_an_unknown_unit_is_refused_by_name() -> None:
    with pytest.raises(UnknownCode, match="uom 5"):
        column(ReadingType(uom=5))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the Green Button sample files are not beside this checkout")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.xml.gz")), ids=lambda path: path.name.split(".")[0])
def test_real_files_come_through_value_by_value(path: Path) -> None:
    found, summary = loaded(path)

    # The feed leaves the direction to the reading type; CDS puts it into the sign.
    sizes = Counter((start, seconds, abs(value)) for start, seconds, value in values(found, "electric_usage").elements())
    assert sizes == read_independently(path)
    assert {refusal.reason for refusal in summary.refusals} <= {"timePeriod without a start and a positive duration"}
