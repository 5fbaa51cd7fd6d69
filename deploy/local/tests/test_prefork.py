"""A forked process is one of its own: environment, folder, arguments, log, exit code and death are not shared with any other."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cds_local import processes
from cds_local.prefork import Prefork, PreforkFailed
from cds_local.processes import Command, PartFailed

pytestmark = pytest.mark.slow

_SHOW = """
import json, os, sys, threading
print(json.dumps({"argv": sys.argv, "cwd": os.getcwd(), "cds": {k: v for k, v in os.environ.items() if k.startswith("CDS_")},
                  "name": __name__, "stdin": sys.stdin.read(), "threads": threading.active_count(), "sid": os.getsid(0) == os.getpid(),
                  "fds": len(os.listdir("/proc/self/fd")), "loaded": "fastapi" in sys.modules, "seen": "left_behind" in sys.modules}))
sys.modules["left_behind"] = json
"""


@pytest.fixture(scope="module")
def prefork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefork]:
    prefork = Prefork(tmp_path_factory.mktemp("prefork") / "prefork.log")
    yield prefork
    prefork.close()


def _module(folder: Path, code: str, *arguments: str, **environment: str) -> Command:
    (folder / "told.py").write_text(code)
    argv = [sys.executable, "-m", "told", *arguments]
    return Command(argv=argv, log=folder / "told.log", env=environment, cwd=folder)


def test_fork_has_everything_of_its_own(prefork: Prefork, tmp_path: Path) -> None:
    prefork.run(_module(tmp_path, _SHOW, "--port", "1", CDS_A="first"), 120, "told")
    prefork.run(_module(tmp_path, _SHOW, CDS_B="second"), 120, "told")
    first, second = (json.loads(line) for line in (tmp_path / "told.log").read_text().splitlines())
    assert first["argv"][1:] == ["--port", "1"]
    assert second["argv"][1:] == []
    assert (first["cds"], second["cds"]) == ({"CDS_A": "first"}, {"CDS_B": "second"})
    assert first["cwd"] == str(tmp_path)
    assert (first["name"], first["stdin"], first["threads"], first["sid"]) == ("__main__", "", 1, True)
    assert first["loaded"]
    assert not second["seen"]
    # Three standard streams and the listing's own: no pipe of the forking process is left open.
    assert first["fds"] == 4


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(3)", "ended with code 3"),
        ("raise ValueError('why')", "ValueError: why"),
        ("import sys; sys.exit('text')", "code 1"),
    ],
)
def test_failure_is_reported_with_the_last_words(prefork: Prefork, tmp_path: Path, code: str, words: str) -> None:
    with pytest.raises(PartFailed, match=words):
        prefork.run(_module(tmp_path, code), 120, "told")


def test_what_hangs_is_ended(prefork: Prefork, tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match="did not end within"):
        prefork.run(_module(tmp_path, "import time; time.sleep(60)"), 0.5, "told")


def test_what_is_run_at_exit_still_runs(prefork: Prefork, tmp_path: Path) -> None:
    prefork.run(_module(tmp_path, "import atexit; atexit.register(print, 'last spans sent')"), 120, "told")
    assert "last spans sent" in (tmp_path / "told.log").read_text()


def test_random_numbers_of_two_forks_differ(prefork: Prefork, tmp_path: Path) -> None:
    for _ in range(2):
        prefork.run(_module(tmp_path, "import random; print(random.random())"), 120, "told")
    first, second = (tmp_path / "told.log").read_text().split()
    assert first != second


def test_forks_outlive_the_forking_process_and_can_be_killed(tmp_path: Path) -> None:
    prefork = Prefork(tmp_path / "prefork.log")
    running = prefork.start(_module(tmp_path, "import time; print('here', flush=True); time.sleep(60)"))
    prefork.close()
    processes.wait_until(lambda: "here" in processes.tail(tmp_path / "told.log"), running, "told", tmp_path / "told.log", 60)
    assert psutil.Process(running.pid).cmdline()[0].endswith(" -m told")
    processes.stop(running)
    assert not running.alive
    with pytest.raises(PreforkFailed):
        prefork.start(_module(tmp_path, ""))


def test_only_python_modules_can_be_forked(prefork: Prefork, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a Python module"):
        prefork.start(Command(argv=["/bin/true", "-m", "x"], log=tmp_path / "log"))
