"""CSV readings in the documented layout (docs/loading.md): one row per value, refused row by row."""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from cds_cli.loading.feed import BROKEN_GZIP, open_bytes
from cds_cli.loading.rows import COLUMNS, REQUIRED, blocks
from cds_cli.loading.summary import Summary
from cds_common.events.utility import ReadingsRecordedV1
from cds_common.ids import Environment

__all__ = ["COLUMNS", "events"]


def events(path: Path, environment: Environment, summary: Summary) -> Iterator[ReadingsRecordedV1]:
    """The file's values as blocks; refusals go to `summary` with their line, and end with the first bytes that are not UTF-8."""
    line = 1

    def records() -> Iterator[tuple[int, dict[str, str | None]]]:
        nonlocal line
        for record in reader:
            line = reader.line_num
            yield line, record

    with TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        try:
            unknown = REQUIRED - set(reader.fieldnames or ())
            if unknown:
                summary.refuse(path.name, 1, f"columns missing: {', '.join(sorted(unknown))}")
                return
            yield from blocks(path.name, records(), environment, summary)
        except (UnicodeDecodeError, csv.Error, *BROKEN_GZIP) as error:
            summary.refuse(path.name, line + 1, f"the rest of the file is unreadable: {error}")
