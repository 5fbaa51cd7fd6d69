"""Files of any size fit: a process that may grow by a few megabytes reads files of many more."""

import csv
import gzip
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

COUNT = 60_000
ALLOWED_MIB = 10
START = 1_767_254_400

READ = """
import resource, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from cds_cli.loading.files import find, sources
from cds_cli.loading.places import Target
from cds_cli.loading.summary import Summary

def read(*paths):
    summary = Summary()
    target = Target("AC-1", "1", "sandbox", ZoneInfo("America/Los_Angeles"))
    return sum(len(getattr(e, "values", ())) for s in sources(find(map(Path, paths)), target, summary) for e in s.events), summary

read(sys.argv[1])  # what a first file needs once: imports, pools
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[3]) * 2**20,) * 2)
found, summary = read(sys.argv[2])
print(found, summary.refused)
"""


def xml(path: Path, count: int) -> None:
    """One entry with one block of all readings: the worst case for a reader by entries."""

    def entry(link: str, content: str, related: str = "") -> str:
        more = f'<link rel="related" href="{related}"/>' if related else ""
        return f'<entry><link rel="self" href="{link}"/>{more}<content>{content}</content><updated>2026-02-01T00:00:00Z</updated></entry>'

    point = "User/1/UsagePoint/1"
    readings = (
        f"<IntervalReading><timePeriod><duration>900</duration><start>{START + 900 * place}</start></timePeriod>"
        f"<value>{place % 997}</value></IntervalReading>\n"
        for place in range(count)
    )
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write('<feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi">')
        file.write(entry(point, "<e:UsagePoint/>") + entry(f"{point}/MeterReading/1", "<e:MeterReading/>", "ReadingType/1"))
        file.write(entry("ReadingType/1", "<e:ReadingType><e:uom>72</e:uom></e:ReadingType>"))
        file.write(entry(f"{point}/MeterReading/1/IntervalBlock/1", "<IntervalBlock>" + "".join(readings) + "</IntervalBlock>"))
        file.write("</feed>")


def rows(count: int) -> list[tuple[str, str, str, str, int, str, str]]:
    start = datetime.fromtimestamp(START, UTC)
    moments = ((start + timedelta(seconds=900 * place)).isoformat() for place in range(count))
    return [("SP-1", "electric_usage", "kWh", at, 900, f"{place % 997}.125", "2027-12-01T00:00:00Z") for place, at in enumerate(moments)]


HEAD = ("servicepoint_ref", "value_type", "units", "start", "interval_seconds", "value", "source_time")


def table(path: Path, count: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEAD, *rows(count)])


def columns(path: Path, count: int) -> None:
    pq.write_table(pa.table(dict(zip(HEAD, map(list, zip(*rows(count), strict=True)), strict=True))), path, row_group_size=20_000)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is that of Linux")
@pytest.mark.parametrize(("write", "suffix"), [(xml, ".xml.gz"), (table, ".csv"), (columns, ".parquet")])
def test_a_large_file_is_read_in_little_memory(tmp_path: Path, write: object, suffix: str) -> None:
    small, large = tmp_path / f"small{suffix}", tmp_path / f"large{suffix}"
    assert callable(write)
    write(small, 8000)
    write(large, COUNT)
    command = [sys.executable, "-c", READ, str(small), str(large), str(ALLOWED_MIB)]
    quiet = {"OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
    assert done.stdout.split() == [str(COUNT), "0"], done.stderr[-2000:]
