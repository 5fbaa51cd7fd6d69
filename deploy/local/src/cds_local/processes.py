"""Starts, recognises and stops the processes of a stack, so that `down` never ends a stranger that got an old pid."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

_NOBODY = 65_534
# psutil's start times have a resolution of one clock tick (10 ms on Linux).
_SAME_START_SECONDS = 0.1


class PartFailed(Exception):
    """A process of the stack ended or did not become ready; the message holds its last log lines."""

    def __init__(self, part: str, what: str, log: Path) -> None:
        self.part = part
        self.log = log
        super().__init__(f"{part} {what}. Last lines of {log}:\n{tail(log)}")


@dataclass(frozen=True)
class Command:
    """What to run, and where its output goes."""

    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: Path | None = None
    as_nobody: bool = False
    stdin: bytes = b""

    def environment(self) -> dict[str, str]:
        """Give the caller's environment without its `CDS_*`: what a part sees of those is decided by the stack alone."""
        return {name: value for name, value in os.environ.items() if not name.startswith("CDS_")} | dict(self.env)

    def identity(self) -> dict[str, Any]:
        """Give the arguments that make `subprocess` drop root, where the part demands it."""
        return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if self.as_nobody and drops_root() else {}


@dataclass(frozen=True)
class Running:
    """A process that was started: enough to recognise it later from another process."""

    pid: int
    started: float
    argv0: str

    def process(self) -> psutil.Process | None:
        """Find the live process, or None when it has ended, even if its pid was given to another one."""
        try:
            found = psutil.Process(self.pid)
            if abs(found.create_time() - self.started) > _SAME_START_SECONDS:
                return None
            if found.status() == psutil.STATUS_ZOMBIE and not _ending(found):
                return None
        except psutil.NoSuchProcess:
            return None
        return found

    @property
    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self.process() is not None


def _ending(zombie: psutil.Process) -> bool:
    """Take the end of a zombie if it is our child; True while some of its threads, and so its sockets, are still there."""
    try:
        return os.waitpid(zombie.pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return zombie.num_threads() > 1


def drops_root() -> bool:
    """Tell whether this process is root, and so must start PostgreSQL as another user."""
    return os.geteuid() == 0


def give_to_nobody(path: Path) -> None:
    """Make `nobody` the owner of a file or folder when running as root."""
    if drops_root():
        os.chown(path, _NOBODY, _NOBODY)


@contextlib.contextmanager
def _appending(log: Path) -> Iterator[int]:
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def start(command: Command) -> Running:
    """Start a process in a session of its own, so that Ctrl-C in the terminal doesn't reach it."""
    with _appending(command.log) as output:
        child = subprocess.Popen(  # noqa: S603 - the argument list is ours, no shell
            list(command.argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=command.environment(),
            cwd=command.cwd or "/",
            start_new_session=True,
            **command.identity(),
        )
    # The stack watches by pid (see Running): without this Popen's finaliser would complain about a child that lives on.
    child.returncode = 0
    return Running(pid=child.pid, started=psutil.Process(child.pid).create_time(), argv0=str(command.argv[0]))


def run(command: Command, timeout_seconds: float, part: str) -> None:
    """Run a process to its end.

    Raises:
        PartFailed: it ended with another code than 0, or not in time.
    """
    with _appending(command.log) as output:
        try:
            done = subprocess.run(  # noqa: S603 - the argument list is ours, no shell
                list(command.argv),
                stdout=output,
                stderr=output,
                input=command.stdin,
                env=command.environment(),
                cwd=command.cwd or "/",
                timeout=timeout_seconds,
                check=False,
                **command.identity(),
            )
        except subprocess.TimeoutExpired as late:
            raise PartFailed(part, f"did not end within {timeout_seconds:.0f} s", command.log) from late
    if done.returncode != 0:
        raise PartFailed(part, f"ended with code {done.returncode}", command.log)


def stop(running: Running, how: signal.Signals = signal.SIGTERM, patience_seconds: float = 15.0) -> None:
    """Ask a process to end, and kill it when it doesn't in time. A process that has ended already is fine."""
    process = running.process()
    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        children = process.children(recursive=True)
        process.send_signal(how)
        if not _ended(running, patience_seconds):
            process.kill()
            _ended(running, patience_seconds)
        # PostgreSQL's backends outlive a killed postmaster by a moment, and it refuses to start again before they are gone.
        _gone, left = psutil.wait_procs(children, timeout=5)
        for child in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


def _ended(running: Running, patience_seconds: float) -> bool:
    until = time.monotonic() + patience_seconds
    while running.alive:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def wait_until(ready: Callable[[], bool], running: Running, part: str, log: Path, timeout_seconds: float) -> None:
    """Wait until a started part is ready.

    Raises:
        PartFailed: the process ended, or was not ready in time.
    """
    until = time.monotonic() + timeout_seconds
    while not ready():
        if not running.alive:
            raise PartFailed(part, "ended while it started", log)
        if time.monotonic() > until:
            raise PartFailed(part, f"was not ready within {timeout_seconds:.0f} s", log)
        time.sleep(0.05)


def tail(log: Path, lines: int = 15) -> str:
    """Give the last lines of a log, reading at most its last 64 KiB."""
    if not log.exists():
        return "(no log)"
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 65_536))
        text = stream.read().decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-lines:])
