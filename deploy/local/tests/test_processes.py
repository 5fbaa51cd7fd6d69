"""Processes are recognised before they are ended, end even when they refuse to, and say why they crashed."""

import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from cds_local import processes
from cds_local.processes import Command, PartFailed


def _python(code: str, log: Path, **env: str) -> Command:
    return Command(argv=[sys.executable, "-c", code], log=log, env=env)


def _running(code: str, log: Path) -> processes.Running:
    """Start Python code that prints `here` when its signal handlers stand."""
    running = processes.start(_python(code, log))
    processes.wait_until(lambda: "here" in processes.tail(log), running, "test", log, 10)
    return running


def test_started_process_is_alive_until_stopped(tmp_path: Path) -> None:
    running = _running("import time; print('here', flush=True); time.sleep(60)", tmp_path / "log")
    assert running.alive
    processes.stop(running)
    assert not running.alive


def test_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(60)"
    running = _running(code, tmp_path / "log")
    began = time.monotonic()
    processes.stop(running, patience_seconds=0.3)
    assert not running.alive
    assert time.monotonic() - began < 5


def test_another_process_with_the_old_pid_is_left_alone(tmp_path: Path) -> None:
    running = _running("import time; print('here', flush=True); time.sleep(60)", tmp_path / "log")
    try:
        stale = dataclasses.replace(running, started=running.started - 3600)
        assert not stale.alive
        processes.stop(stale, signal.SIGKILL)
        assert running.alive
    finally:
        processes.stop(running, signal.SIGKILL)


def test_crash_while_starting_shows_the_last_words(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    running = processes.start(_python("import sys; print('line one'); sys.exit('no database')", log))
    with pytest.raises(PartFailed) as failed:
        processes.wait_until(lambda: False, running, "usage-api", log, 10)
    assert "usage-api ended while it started" in str(failed.value)
    assert "line one" in str(failed.value)
    assert "no database" in str(failed.value)


def test_part_that_never_gets_ready_is_an_error(tmp_path: Path) -> None:
    running = processes.start(_python("import time; time.sleep(60)", tmp_path / "log"))
    try:
        with pytest.raises(PartFailed, match="not ready within"):
            processes.wait_until(lambda: False, running, "kafka", tmp_path / "log", 0.2)
    finally:
        processes.stop(running, signal.SIGKILL)


def test_run_reports_code_and_time(tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match="ended with code 3"):
        processes.run(_python("raise SystemExit(3)", tmp_path / "log"), 10, "migration")
    with pytest.raises(PartFailed, match="did not end within"):
        processes.run(_python("import time; time.sleep(60)", tmp_path / "log"), 0.3, "migration")


def test_part_sees_no_settings_but_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDS_USAGE_DATABASE_URL", "the caller's")
    log = tmp_path / "log"
    code = "import os; print(sorted(name for name in os.environ if name.startswith('CDS_')))"
    processes.run(_python(code, log, CDS_USAGE_PUBLIC_URL="x"), 10, "part")
    assert log.read_text().strip() == "['CDS_USAGE_PUBLIC_URL']"


def test_tail_reads_the_end_only(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(50_000)))
    assert processes.tail(log, 2) == "line 49998\nline 49999"
    assert processes.tail(tmp_path / "none") == "(no log)"


def test_nothing_of_a_stopped_process_is_left(tmp_path: Path) -> None:
    running = _running("import time; print('here', flush=True); time.sleep(60)", tmp_path / "log")
    processes.stop(running)
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)
