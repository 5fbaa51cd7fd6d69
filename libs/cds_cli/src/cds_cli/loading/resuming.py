"""Where an interrupted load goes on: a small file that is there only while a load is unfinished.

Messages of a load come in an order that depends on its files alone, so that a count of those that the broker has is enough.
Whole files are passed over unread, their counts are kept. A load that ends leaves nothing behind: the next one of the same files
sends all again, which changes nothing, and a store that was emptied meanwhile gets its data.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from cds_cli.loading.files import Source
from cds_cli.loading.summary import Summary
from cds_common.events.utility import UtilityEvent

SAVE_SECONDS = 1.0


def state_file(*facts: str) -> Path:
    """The file for a load of these `facts` (broker, target, paths)."""
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "cds" / f"load-{sha256(json.dumps(facts).encode()).hexdigest()[:16]}.json"


class Resuming:
    """What of a load is done. `summary` is that of this run and of those it goes on from."""

    def __init__(self, path: Path | None, files: Iterable[Path]) -> None:
        self._path = path
        self._files = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
        self._part, self._sent_before, kept = self._read()
        self.summary = Summary.of_json(kept)
        self.resumed = self._part > 0 or self._sent_before > 0
        self._marks: list[tuple[int, int, int, str]] = []
        """Of each part begun: count of events of this run before it, its number, events of it sent earlier, the summary then."""
        self._saved = time.monotonic()

    def _read(self) -> tuple[int, int, dict[str, object]]:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8")) if self._path is not None else {}
        except (OSError, ValueError):
            kept = {}
        if kept.get("files") != self._files:  # a file has changed: from the start
            return 0, 0, Summary().as_json()
        return kept["part"], kept["sent"], kept["summary"]

    def remaining(self, sources: Iterable[Source]) -> Iterator[UtilityEvent]:
        """The events that are still to be sent."""
        count = 0
        for part, source in enumerate(sources):
            if part < self._part:
                continue
            earlier = self._sent_before if part == self._part else 0
            self._marks.append((count, part, earlier, json.dumps(self.summary.as_json())))
            for place, event in enumerate(source.events):
                self.summary.count(event)
                if place >= earlier:
                    count += 1
                    yield event

    def acknowledged(self, count: int) -> None:
        """The broker has the first `count` events of this run: written down once a second."""
        if self._path is not None and time.monotonic() - self._saved >= SAVE_SECONDS:
            self.save(count)

    def save(self, count: int) -> None:
        """Write down that the broker has the first `count` events of this run."""
        while len(self._marks) > 1 and self._marks[1][0] <= count:
            self._marks.pop(0)
        if self._path is None or not self._marks:
            return
        before, part, earlier, summary = self._marks[0]
        kept = {"files": self._files, "part": part, "sent": earlier + count - before, "summary": json.loads(summary)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps(kept), encoding="utf-8")
        written.replace(self._path)
        self._saved = time.monotonic()

    def finished(self) -> None:
        """Nothing is left to go on with."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
