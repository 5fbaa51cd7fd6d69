"""Real Green Button files through the whole system: what a client reads is what the file says, digit by digit."""

import gzip
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cds_cli.journey.story import Story
from cds_cli.loading.espi_to_utility import Target, events
from cds_cli.loading.summary import Summary
from cds_common.events.utility import AccountRecordedV1, CustomerRecordedV1
from cds_local.stack import LocalStack
from tests.e2e.support import listing, query, send, settles

pytestmark = [pytest.mark.slow]

SHARED = Path(__file__).parents[3] / "shared" / "data" / "green-button"
ZONE = ZoneInfo("America/Los_Angeles")
ESPI = "{http://naesb.org/espi}"
ATOM = "{http://www.w3.org/2005/Atom}"


def month_sums(path: Path) -> Counter[tuple[str, int]]:
    """Absolute energy by local month and interval length, read with the standard library alone."""
    values: dict[tuple[str, int, int], int] = {}
    for entry in ET.fromstring(gzip.decompress(path.read_bytes())).iter(f"{ATOM}entry"):
        own = next((link.get("href", "") for link in entry.iter(f"{ATOM}link") if link.get("rel") == "self"), "")
        for reading in entry.iter(f"{ESPI}IntervalReading"):
            period = reading.find(f"{ESPI}timePeriod")
            assert period is not None
            start, seconds = (int(str(period.findtext(f"{ESPI}{name}"))) for name in ("start", "duration"))
            if seconds > 0:
                # The files of 2011 give one hour of the spring clock change twice: the later value holds.
                values[own.split("/IntervalBlock")[0], start, seconds] = abs(int(str(reading.findtext(f"{ESPI}value"))))
    sums: Counter[tuple[str, int]] = Counter()
    for (_, start, seconds), value in values.items():
        sums[f"{datetime.fromtimestamp(start, ZONE):%Y-%m}", seconds] += value
    return sums


def account_events(number: str) -> list[object]:
    at = datetime(2011, 1, 1, tzinfo=ZONE)
    common = {"environment": "sandbox", "source_time": at}
    return [
        CustomerRecordedV1.model_validate(common | {"customer_ref": f"C-{number}", "name": "Green Button", "login_name": f"gb{number}"}),
        AccountRecordedV1.model_validate(
            common
            | {"account_ref": f"AC-{number}", "customer_refs": [f"C-{number}"], "account_number": number, "account_types": ["municipal"]}
        ),
    ]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the Green Button sample files are not beside this checkout")
@pytest.mark.parametrize("number", range(10))
def test_a_file_comes_back_value_by_value(stack: LocalStack, reader: Story, number: int) -> None:
    path = sorted(SHARED.glob("*.xml.gz"))[number]
    account = f"GB-{number}"
    summary = Summary()
    send(stack, [*account_events(account), *events(path, Target(f"AC-{account}", account, "sandbox", ZONE), summary)])

    token = query(reader, "cds_query_usage", account_numbers=[account], segment_start="infinite")

    def served() -> Counter[tuple[str, int]]:
        sums: Counter[tuple[str, int]] = Counter()
        for segment in listing(reader, "usage_segments", token):
            start = datetime.fromisoformat(segment["segment_start"])
            seconds = int(segment["interval"])
            for row, cells in enumerate(segment["values"]):
                for form, cell in zip(segment["formats"], cells, strict=True):
                    if cell is not None and form["type"] == "electric_usage":
                        local = (start + timedelta(seconds=seconds * row)).astimezone(ZONE)
                        energy = abs(Decimal(cell["eu"]))
                        assert energy == int(energy)
                        sums[f"{local:%Y-%m}", seconds] += int(energy)
        return sums

    # The Grant is resolved anew as each of the file's service points becomes known.
    settles(month_sums(path), served)
