"""CSV readings: digits as written, refused row by row."""

from pathlib import Path

from cds_cli.loading.summary import Summary
from cds_cli.loading.tabular import COLUMNS, events
from cds_common.events.utility import ReadingsRecordedV1

HEAD = ",".join(COLUMNS)


def load(tmp_path: Path, *rows: str) -> tuple[list[ReadingsRecordedV1], Summary]:
    path = tmp_path / "readings.csv"
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    summary = Summary()
    return list(events(path, "sandbox", summary)), summary


def row(start: str, value: str, **cells: str) -> str:
    values = {
        "servicepoint_ref": "SP-1", "meter_ref": "MT-1", "value_type": "electric_usage", "units": "kWh", "direction": "forward",
        "start": start, "interval_seconds": "900", "value": value, "quality": "valid", "source_time": "2026-03-02T00:00:00Z",
    } | cells  # fmt: skip
    return ",".join(values[name] for name in COLUMNS)


def test_values_that_follow_each_other_make_one_block_and_keep_their_digits(tmp_path: Path) -> None:
    found, summary = load(
        tmp_path, row("2026-03-01T00:00:00Z", "0.120"), row("2026-03-01T00:15:00Z", "1.5"), row("2026-03-01T00:30:00Z", "2")
    )

    assert [(event.values, event.decimals) for event in found] == [([120, 15, 2], [3, 1, 0])]
    assert summary.refused == 0


def test_a_gap_begins_a_new_block(tmp_path: Path) -> None:
    found, _ = load(tmp_path, row("2026-03-01T00:00:00Z", "1"), row("2026-03-01T01:00:00Z", "2"))
    assert [event.values for event in found] == [[1], [2]]


def test_bad_rows_are_refused_with_line_and_reason_and_the_rest_is_loaded(tmp_path: Path) -> None:
    found, summary = load(
        tmp_path,
        row("2026-03-01T00:00:00Z", "1"),
        row("2026-03-01T00:15:00", "1"),
        row("2026-03-01T00:15:00Z", "many"),
        row("2026-03-01T00:15:00Z", "NaN"),
        row("2026-03-01T00:15:00Z", "1", units="furlong"),
        row("2026-03-01T00:15:00Z", ""),
    )

    assert [event.values for event in found] == [[1]]
    assert [refusal.line for refusal in summary.refusals] == [3, 4, 5, 6, 7]
    assert "needs an offset" in summary.refusals[0].reason
    assert "not a number" in summary.refusals[1].reason
    assert "units" in summary.refusals[3].reason
    assert "empty: value" in summary.refusals[4].reason


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    summary = Summary()
    assert list(events(path, "sandbox", summary)) == []
    assert "columns missing" in summary.refusals[0].reason
