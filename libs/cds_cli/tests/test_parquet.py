"""Parquet readings: the layout of the CSV, exact decimals, refused row by row."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from cds_cli.loading import tabular
from cds_cli.loading.parquet import events
from cds_cli.loading.summary import Summary
from cds_common.events.utility import ReadingsRecordedV1

START = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = 5


def table(**columns: Any) -> Any:
    plain: dict[str, Any] = {
        "servicepoint_ref": pa.array(["SP-1"] * ROWS).dictionary_encode(),
        "meter_ref": ["MT-1"] * ROWS,
        "value_type": ["electric_usage"] * ROWS,
        "units": ["kWh"] * ROWS,
        "start": pa.array([START + timedelta(minutes=15 * i) for i in range(ROWS)], pa.timestamp("us", "UTC")),
        "interval_seconds": pa.array([900] * ROWS, pa.int32()),
        "value": pa.array([Decimal(f"{i}.120") for i in range(ROWS)], pa.decimal128(12, 3)),
        "source_time": ["2026-03-02T00:00:00Z"] * ROWS,
    }
    return pa.table(plain | columns)


def load(tmp_path: Path, content: Any, **options: Any) -> tuple[list[ReadingsRecordedV1], Summary]:
    path, summary = tmp_path / "readings.parquet", Summary()
    pq.write_table(content, path, **options)
    return list(events(path, "sandbox", summary)), summary


def test_decimals_keep_their_digits_over_row_groups(tmp_path: Path) -> None:
    (block,), summary = load(tmp_path, table(), row_group_size=2)
    assert (block.start, block.interval_seconds, block.decimals) == (START, 900, 3)
    assert block.values == [120, 1120, 2120, 3120, 4120]
    assert summary.refused == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["0.10", "2", "3e2", "-4", "5"]), ([10, 2, 300, -4, 5], [2, 0, 0, 0, 0])),
        (pa.array([1, 2, 3, 4, 5], pa.int64()), ([1, 2, 3, 4, 5], 0)),
    ],
)
def test_texts_and_integers_are_exact_too(tmp_path: Path, values: Any, expected: tuple[list[int], Any]) -> None:
    (block,), _ = load(tmp_path, table(value=values))
    assert (block.values, block.decimals) == expected


def test_the_same_facts_as_csv_are_the_same_messages(tmp_path: Path) -> None:
    (block,), _ = load(tmp_path, table())
    lines = [
        f"SP-1,MT-1,electric_usage,kWh,{(START + timedelta(minutes=15 * i)).isoformat()},900,{i}.120,2026-03-02T00:00:00Z"
        for i in range(ROWS)
    ]
    path = tmp_path / "readings.csv"
    head = "servicepoint_ref,meter_ref,value_type,units,start,interval_seconds,value,source_time"
    path.write_text("\n".join([head, *lines]), encoding="utf-8")
    (same,) = tabular.events(path, "sandbox", Summary())
    assert same.event_id == block.event_id


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"value": pa.array([0.1] * ROWS)}, "value is double: only decimal, integer and string columns are exact"),
        (
            {"start": pa.array([START.replace(tzinfo=None)] * ROWS, pa.timestamp("us"))},
            "start is timestamp[us]: a timestamp with",
        ),
    ],
)
def test_a_column_that_is_not_exact_refuses_the_file(tmp_path: Path, columns: dict[str, Any], reason: str) -> None:
    found, summary = load(tmp_path, table(**columns))
    assert (found, summary.refused) == ([], 1)
    assert summary.refusals[0].reason.startswith(reason)


def test_a_file_without_the_columns_or_the_format_is_refused(tmp_path: Path) -> None:
    found, summary = load(tmp_path, table().drop_columns(["units"]))
    assert (found, summary.refusals[0].reason) == ([], "columns missing: units")
    (tmp_path / "other.parquet").write_bytes(b"PAR1 nothing of the kind PAR1")
    summary = Summary()
    assert list(events(tmp_path / "other.parquet", "sandbox", summary)) == []
    assert "unreadable" in summary.refusals[0].reason


def test_bad_rows_are_refused_alone(tmp_path: Path) -> None:
    seconds = pa.array([900, 900, -900, 900, None], pa.int32())
    found, summary = load(tmp_path, table(value=pa.array(["1", "much", "3", "4", "5"]), interval_seconds=seconds))
    assert [block.values for block in found] == [[1], [4]]
    assert [(one.line, one.reason) for one in summary.refusals] == [
        (2, "value is not a number: 'much'"),
        (3, "interval_seconds is no positive whole number: '-900'"),
        (5, "empty: interval_seconds"),
    ]
