"""`cds load` as it is typed: the summary it prints, hand-broken files, going on after an interruption."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cds_cli import load_command
from cds_cli.main import app
from cds_common.events.utility import ReadingsRecordedV1, UtilityEvent

DATA = Path(__file__).parent / "data"
USAGE_POINT = {"contracts": 1, "servicepoints": 1, "meters": 1}


class Bus:
    """Stands for the broker: takes messages until it breaks."""

    def __init__(self) -> None:
        self.got = list[UtilityEvent]()
        self.breaks_after = 1 << 30

    async def publish(
        self, _servers: str, events: Iterable[UtilityEvent], on_sent: Callable[[UtilityEvent], None], on_acknowledged: Callable[[int], None]
    ) -> dict[Any, int]:
        for count, event in enumerate(events, 1):
            self.got.append(event)
            on_sent(event)
            on_acknowledged(count)
            if count == self.breaks_after:
                raise ConnectionError("the broker is gone")
        return {}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bus:
    bus = Bus()

    async def cluster_id(_servers: str) -> str:
        return "cluster-1"

    monkeypatch.setenv("CDS_KAFKA_BOOTSTRAP_SERVERS", "nowhere:1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(load_command, "publish", bus.publish)
    monkeypatch.setattr(load_command, "cluster_id", cluster_id)
    monkeypatch.setattr("cds_cli.loading.resuming.SAVE_SECONDS", 0.0)
    monkeypatch.setattr(load_command, "out", Console(width=200))
    return bus


def run(*arguments: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["load", *map(str, arguments), "--no-wait"])
    assert done.exit_code == code, done.output
    return done.output


def printed(output: str) -> dict[str, int]:
    """The table of the summary."""
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in output.splitlines() if line.startswith("│")]
    return {name: int(count.replace(",", "")) for name, count in cells}


def refusals(output: str) -> list[str]:
    return [line.removeprefix("refused ") for line in output.splitlines() if line.startswith("refused ")]


@pytest.mark.parametrize(
    ("name", "loaded", "reasons"),
    [
        (
            "broken-truncated.xml",
            {"meter-readings": 1, "readings": 24, "refused": 1},
            ["broken-truncated.xml:73: the rest of the file is unreadable: Premature end of data"],
        ),
        (
            "broken-values.xml",
            {"meter-readings": 2, "readings": 2, "refused": 8},
            [
                "broken-values.xml: meter reading 'User/1/UsagePoint/1/MeterReading/2': uom 5 is not known",
                "broken-values.xml:30: value is not a number: 'n/a'",
                "broken-values.xml:31: timePeriod without a start and a positive duration",
                "broken-values.xml:32: timePeriod without a start and a positive duration",
                "broken-values.xml:33: an IntervalReading without value",
                "broken-values.xml:34: value is not a number: '1.5'",
                "broken-values.xml:59: interval block of an unknown or unusable meter reading",
                "broken-values.xml:67: usage summary: currency 999 is not known",
            ],
        ),
        (
            "broken-encoding.xml",
            {"meter-readings": 1, "readings": 24, "refused": 1},
            ["broken-encoding.xml:60: the rest of the file is unreadable"],
        ),
        (
            "broken-gzip.xml.gz",
            {"meter-readings": 2, "readings": 48, "refused": 1},
            ["broken-gzip.xml.gz: the rest of the file is unreadable: broken gzip data"],
        ),
    ],
)
def test_a_broken_file_gives_what_is_whole_and_says_what_is_not(bus: Bus, name: str, loaded: dict[str, int], reasons: list[str]) -> None:
    output = run(DATA / name, "--account", "1", code=1)

    assert printed(output) == USAGE_POINT | loaded
    found = refusals(output)
    assert len(found) == len(reasons)
    assert all(line.startswith(reason) for line, reason in zip(found, reasons, strict=True))
    assert sum(len(event.values) for event in bus.got if isinstance(event, ReadingsRecordedV1)) == loaded["readings"]


def test_an_account_for_tables_alone_is_refused(bus: Bus, tmp_path: Path) -> None:
    table = tmp_path / "readings.csv"
    table.write_text("servicepoint_ref,value_type,units,start,interval_seconds,value,source_time\n")
    assert "--account" in run(table, "--account", "70-1001", code=2)
    assert bus.got == []
    run(table, code=0)


def test_a_directory_is_loaded_whole_and_a_dry_run_sends_nothing(bus: Bus) -> None:
    dry = run(DATA, "--account", "1", "--dry-run", code=1)
    assert bus.got == []
    wet = run(DATA, "--account", "1", code=1)
    assert printed(dry) == printed(wet)
    assert printed(wet) == {
        "accounts": 1, "bills": 1, "contracts": 5, "customers": 1, "meter-readings": 8, "meters": 6, "readings": 105,
        "servicepoints": 6, "skipped: Statement": 1, "refused": 12,
    }  # fmt: skip


@pytest.mark.parametrize("breaks_after", [1, 5, 11, 14])
def test_an_interrupted_load_goes_on_where_it_was(bus: Bus, breaks_after: int) -> None:
    run(DATA, "--account", "1", code=1)
    whole, output = [event.event_id for event in bus.got], ""
    bus.got.clear()

    bus.breaks_after = breaks_after
    run(DATA, "--account", "1", code=1)
    assert len(bus.got) == breaks_after
    bus.breaks_after = 1 << 30
    output = run(DATA, "--account", "1", code=1)

    assert "going on where it was" in output
    assert [event.event_id for event in bus.got] == whole
    assert printed(output)["readings"] == 105
    assert printed(output)["refused"] == 12
    bus.got.clear()
    assert "going on" not in run(DATA, "--account", "1", code=1)
    assert len(bus.got) == len(whole)


def test_a_changed_file_or_a_wish_begins_anew(bus: Bus, tmp_path: Path) -> None:
    shutil.copytree(DATA, folder := tmp_path / "data")
    bus.breaks_after = 5
    run(folder, "--account", "1", code=1)
    run(folder, "--account", "1", "--again", code=1)
    assert bus.got[0].event_id == bus.got[5].event_id
    (folder / "usage.xml").touch()
    run(folder, "--account", "1", code=1)
    assert bus.got[0].event_id == bus.got[10].event_id
