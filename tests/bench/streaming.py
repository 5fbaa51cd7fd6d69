"""`python -m tests.bench.streaming [METERS [WAY]]`: the memory of the usage service while it sends 12 months of 100 meters, four ways.

Needs no running stack when it is run by itself: a database of its own on the server of `CDS_TEST_POSTGRES_URL` (or one of the runner),
and the service as one uvicorn process, whose highest resident set is read from `/proc`. As a benchmark it uses the stack's server.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console

from cds_common import db
from cds_common.events.utility import ReadingsRecordedV1, SeriesShape
from cds_common.grant_copy.testing import an_entry, store_grant
from cds_common.testing.encryption import PUBLIC_JWK
from cds_common.testing.postgres import Database, ServiceDatabases, postgres_server
from cds_common.utility import load_utility
from cds_local.ports import free_port
from cds_usage.adapters.utility import read_utility
from cds_usage.application.ingest import Ingest, ingest_readings
from cds_usage.persistence.partitions import Partitions
from cds_usage.persistence.series import SeriesKinds
from tests.bench.frame import Benchmark, Figure, Goal
from tests.bench.usage_alone import ROOT, settings_of
from tests.bench.world import World

out = Console()
MONTHS, LIMIT_MIB = 12, 150
ZONE = ZoneInfo("America/Los_Angeles")
WAYS = (
    ("listing", "/cds/v1/usage-segments", "plain"),
    ("listing, encrypted", "/cds/v1/usage-segments", "jwk"),
    ("Green Button", "/espi/1_1/resource/Batch/Subscription/plain", "plain"),
    ("CSV", "/export/v1/usage.csv", "plain"),
)


def readings(meter: int) -> Iterator[ReadingsRecordedV1]:
    """A year of quarter hours, a message a month."""
    dice = random.Random(meter)  # load, not secrets
    for month in range(1, MONTHS + 1):
        start = datetime(2025, month, 1, tzinfo=ZONE)
        end = datetime(2025 + month // 12, month % 12 + 1, 1, tzinfo=ZONE)
        count = int((end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(minutes=15))
        yield ReadingsRecordedV1(
            environment="sandbox",
            source_time=end,
            servicepoint_ref=f"P-{meter}",
            meter_ref=f"M-{meter}",
            shape=SeriesShape(value_type="electric_usage", units="kWh", direction="forward"),
            start=start,
            interval_seconds=900,
            decimals=3,
            values=[dice.randrange(900) for _ in range(count)],
        )


async def fill(database: Database, meters: int) -> None:
    """The readings and two Grants that open them all, one with a key."""
    settings = settings_of(database.url)
    engine = db.create_engine(settings, process="bench")
    sessions = db.create_sessions(engine)
    calendar, _ = read_utility(settings.utility_config)
    formats = load_utility(ROOT / "config/utility.yaml").value_formats
    ingest = Ingest(calendar, Partitions(sessions), SeriesKinds())
    for meter in range(meters):
        await ingest_readings(sessions, ingest, [one.model_dump() for one in readings(meter)])
    entry = an_entry(
        scope="bench", flags=["include_usage_segments"], value_formats=[one.id for one in formats], reach={"service_point": None}
    )
    async with sessions.begin() as session:
        for name, key in (("plain", None), ("jwk", PUBLIC_JWK)):
            await store_grant(session, entry, grant_id=name, details={"jwk": key}, now=datetime.now(UTC))
    await engine.dispose()


def memory(pid: int, line: str) -> float:
    """`VmRSS` or `VmHWM` of a process in MiB."""
    found = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith(line))
    return int(found.split()[1]) / 1024


def read_all(client: httpx.Client, path: str, headers: dict[str, str]) -> tuple[int, int]:
    """Bytes and answers until the last page; encrypted pages cannot be followed here, so one is asked for twelve times."""
    size = answers = 0
    following: str | None = path
    while following is not None and answers < MONTHS:
        tail = b""
        with client.stream("GET", following, headers=headers | {"accept-encoding": "identity"}) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_raw():
                size, tail = size + len(chunk), (tail + chunk)[-4000:]
        answers += 1
        if answer.headers["content-type"] == "application/json":
            link = json.loads(b"{" + tail[tail.rindex(b'"next":') :])["next"]
            following = None if link is None else "/" + link.split("/", 3)[3]
        elif answer.headers["content-type"] != "application/jose":
            following = None
    return size, answers


def measured(databases: ServiceDatabases, meters: int, wanted: str) -> Iterator[Figure]:
    """Fill, serve, read."""
    database = databases.fresh("usage", ROOT / "services/usage")
    asyncio.run(fill(database, meters))
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.usage_alone", database.url, str(port)]
    for name, path, grant in (way for way in WAYS if wanted in way[0]):
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as child:
            assert child.stdout is not None
            headers = json.loads(child.stdout.readline())[grant]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
                while not _ready(client):
                    time.sleep(0.2)
                before, began = memory(child.pid, "VmRSS"), time.monotonic()
                size, answers = read_all(client, path, headers)
                seconds, peak = time.monotonic() - began, memory(child.pid, "VmHWM")
            child.terminate()
        note = f"{meters} meters, {MONTHS} months: {size / 2**20:.1f} MiB in {answers} answers, {seconds:.1f} s; {before:.0f} MiB before"
        yield Figure(
            f"highest memory of usage while it streams: {name}", "MiB", [peak], goals=(Goal("value", LIMIT_MIB, at_most=True),), note=note
        )


def run(world: World) -> Iterator[Figure]:
    """On the stack's PostgreSQL, in databases of its own."""
    databases = ServiceDatabases(world.stack.postgres.url())
    try:
        yield from measured(databases, 100, "listing")
    finally:
        databases.drop_all()


BENCHMARK = Benchmark("streaming", "Memory while streaming", run)


def main(meters: int, wanted: str) -> int:
    """All ways, or one, without a stack."""
    with postgres_server() as databases:
        figures = list(measured(databases, meters, wanted))
    for figure in figures:
        out.print(f"{figure.what}: {figure.value:.0f} MiB ({figure.note})")
    return int(any(figure.value >= LIMIT_MIB for figure in figures))


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    meters, wanted, *_ = (*sys.argv[1:], *("100", "")[len(sys.argv) - 1 :])
    sys.exit(main(int(meters), wanted))
