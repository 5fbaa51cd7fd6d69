"""Remembers on disk what a stack started, so that `down` works from another terminal and after a crash of the runner."""

import json
import os
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from cds_local.processes import Running


@dataclass
class RunState:
    """The parts that were started and not stopped since; saved on every change."""

    file: Path
    owner: Running
    public_url: str = ""
    parts: dict[str, Running] = field(default_factory=dict[str, Running])
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def load(cls, file: Path) -> "RunState":
        """Read the state of a stack; one that never ran has no parts."""
        state = cls(file=file, owner=_this_process())
        if file.exists():
            read: dict[str, Any] = json.loads(file.read_text())
            state.owner = Running(**read["owner"])
            state.public_url = read["public_url"]
            state.parts = {name: Running(**part) for name, part in read["parts"].items()}
        return state

    def started(self, part: str, running: Running) -> None:
        """Record a part that was started."""
        with self._lock:
            self.owner = _this_process()
            self.parts[part] = running
            self._save()

    def stopped(self, part: str) -> None:
        """Forget a part that was stopped on request."""
        with self._lock:
            self.parts.pop(part, None)
            self._save()

    def _save(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "owner": asdict(self.owner),
            "public_url": self.public_url,
            "parts": {name: asdict(running) for name, running in self.parts.items()},
        }
        waiting = self.file.with_suffix(".new")
        waiting.write_text(json.dumps(content, indent=1))
        waiting.replace(self.file)


def _this_process() -> Running:
    return Running(pid=os.getpid(), started=psutil.Process().create_time(), argv0="runner")
