"""Parquet readings in the layout of the CSV (docs/loading.md), some thousand rows in memory at a time, decimals exact."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from cds_cli.loading.rows import COLUMNS, REQUIRED, blocks
from cds_cli.loading.summary import Summary
from cds_common.events.utility import ReadingsRecordedV1
from cds_common.ids import Environment

BATCH_ROWS = 4096


def events(path: Path, environment: Environment, summary: Summary) -> Iterator[ReadingsRecordedV1]:
    """The file's values as blocks; refusals name the row, counted from 1."""
    row = 0

    def records() -> Iterator[tuple[int, dict[str, object]]]:
        nonlocal row
        for batch in file.iter_batches(BATCH_ROWS, columns=[name for name in COLUMNS if name in file.schema_arrow.names]):
            for record in batch.to_pylist():
                row += 1
                yield row, record

    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            fault = _fault(file.schema_arrow)
            if fault:
                summary.refuse(path.name, None, fault)
                return
            yield from blocks(path.name, records(), environment, summary)
    except (pa.ArrowException, OSError, ValueError) as error:
        summary.refuse(path.name, row + 1, f"the rest of the file is unreadable: {str(error).splitlines()[0]}")


def _fault(schema: Any) -> str | None:
    """Why no row of the file can be read; None = they can."""
    missing = REQUIRED - set(schema.names)
    if missing:
        return f"columns missing: {', '.join(sorted(missing))}"
    value = schema.field("value").type
    if not (pa.types.is_decimal(value) or pa.types.is_integer(value) or _is_text(value)):
        return f"value is {value}: only decimal, integer and string columns are exact"
    for name in ("start", "source_time"):
        kind = schema.field(name).type
        if not ((pa.types.is_timestamp(kind) and kind.tz) or _is_text(kind)):
            return f"{name} is {kind}: a timestamp with a time zone, or a string with an offset, is needed"
    return None


def _is_text(kind: Any) -> bool:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(plain) or pa.types.is_large_string(plain)
