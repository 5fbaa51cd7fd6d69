"""Starts the services' Python processes as forks of one process that has loaded the shared libraries already.

Twelve processes that each import FastAPI, SQLAlchemy, FastStream and OpenTelemetry cost 3 to 4 s of CPU each; a fork costs a tenth of that
and shares their memory. A fork is a process like any other: it has a pid, an environment, a log and a working folder of its own, and may be
killed. The forking process is told what to start on its standard input, one JSON document per line, and ends when that is closed.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import psutil
from setproctitle import setproctitle

from cds_local.processes import Command, PartFailed, Running

_LIBRARIES = (
    "alembic.command",
    "alembic.config",
    "fastapi",
    "faststream.kafka.fastapi",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.main",
    "uvicorn.protocols.http.httptools_impl",
)


class PreforkFailed(Exception):
    """The forking process ended or could not be started."""


class Prefork:
    """The forking process, seen from the runner; usable from several threads."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cds_local.prefork"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        self._log = log
        self._lock = threading.Lock()

    def start(self, command: Command, exit_file: Path | None = None) -> Running:
        """Start `python -m MODULE ARGUMENTS`; its exit code is written to `exit_file` when it ends by itself.

        Raises:
            PreforkFailed: the forking process has ended.
        """
        python, option, module, *arguments = command.argv
        if (python, option) != (sys.executable, "-m"):
            raise ValueError(f"not a Python module to run: {command.argv}")
        command.log.parent.mkdir(parents=True, exist_ok=True)
        order = {
            "module": module,
            "arguments": arguments,
            "environment": command.environment(),
            "folder": str(command.cwd or "/"),
            "log": str(command.log),
            "exit_file": str(exit_file) if exit_file else None,
        }
        pid = self._ask(order)["pid"]
        try:
            started = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            # It has ended already; no process began at this time, so none is taken for it.
            started = 0.0
        return Running(pid=pid, started=started, argv0=module)

    def run(self, command: Command, timeout_seconds: float, part: str) -> None:
        """Run a module to its end.

        Raises:
            PartFailed: it ended with another code than 0, or not in time.
            PreforkFailed: the forking process has ended.
        """
        exit_file = command.log.with_name(f"{command.log.stem}-{uuid.uuid4().hex[:8]}.exit")
        running = self.start(command, exit_file)
        until = time.monotonic() + timeout_seconds
        while running.alive:
            if time.monotonic() > until:
                psutil.Process(running.pid).kill()
                raise PartFailed(part, f"did not end within {timeout_seconds:.0f} s", command.log)
            time.sleep(0.02)
        code = exit_file.read_text() if exit_file.exists() else "none (it was killed)"
        exit_file.unlink(missing_ok=True)
        if code != "0":
            raise PartFailed(part, f"ended with code {code}", command.log)

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        with self._lock:
            try:
                if stdin is None or stdout is None:
                    raise PreforkFailed("no connection")
                stdin.write(json.dumps(order).encode() + b"\n")
                stdin.flush()
                answer = stdout.readline()
            except (OSError, ValueError) as error:
                raise PreforkFailed(f"it has ended, see {self._log}") from error
        if not answer:
            raise PreforkFailed(f"it has ended, see {self._log}")
        return json.loads(answer)

    def close(self) -> None:
        """End the forking process; what it started goes on."""
        with self._lock:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                # Still loading libraries: it holds nothing that could be lost.
                self._process.kill()
                self._process.wait()


def _preload() -> None:
    names = list(_LIBRARIES)
    common = importlib.import_module("cds_common")
    found = pkgutil.walk_packages(common.__path__, "cds_common.", onerror=lambda _name: None)
    names += [module.name for module in found if not module.name.startswith("cds_common.testing") and not module.name.endswith("__main__")]
    for name in names:
        # A library that can't be loaded stops the service that needs it, with its own traceback in its own log.
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _become(order: dict[str, Any]) -> None:
    """Turn this fork into the ordered process; returns when its module ends."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(null)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.path[:0] = [order["folder"], *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = [order["module"], *order["arguments"]]
    setproctitle(" ".join([sys.executable, "-m", *sys.argv]))
    code: object = 1
    try:
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
        raise
    finally:
        if order["exit_file"]:
            Path(order["exit_file"]).write_text(str(code if isinstance(code, int) else 1))


def main() -> None:
    """Load the libraries, then fork what is ordered until the orders end."""
    # The first call finds where the title is kept, which it can't any more once a fork has cleared its environment.
    setproctitle(f"{sys.executable} -m cds_local.prefork")
    _preload()
    if threading.active_count() > 1:
        sys.exit("a library started a thread while it was loaded, so nothing can be forked safely")
    # The loaded objects stay out of the garbage collector's way, so that forks go on sharing their memory.
    gc.collect()
    gc.freeze()
    # Ended forks are nobody's to wait for: they go at once.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    answers = os.dup(1)
    os.dup2(2, 1)
    orders = os.fdopen(os.dup(0), "rb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    while line := orders.readline():
        pid = os.fork()
        if pid == 0:
            os.close(answers)
            os.close(orders.fileno())
            _become(json.loads(line))
            return
        os.write(answers, json.dumps({"pid": pid}).encode() + b"\n")


if __name__ == "__main__":
    main()
