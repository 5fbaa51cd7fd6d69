"""Where the bytes of Server-Provided Files are: one small interface, and the store that is a directory."""

import asyncio
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}-[0-9a-f]{16}")
_CHUNK = 256 * 1024


def checked_key(key: str) -> str:
    """The key, when a store can have made it.

    Raises:
        ValueError: it cannot.
    """
    if not _KEY.fullmatch(key):
        raise ValueError("not a key of this store")
    return key


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What is known of stored bytes."""

    key: str
    size: int
    sha256: str


class FileStore(Protocol):
    """Keeps bytes under keys that it makes itself."""

    async def put(self, content: bytes) -> StoredFile:
        """Keep `content` durably."""
        ...

    def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """`length` bytes from `start`, in pieces."""
        ...

    async def delete(self, key: str) -> None:
        """Forget it; a missing one is fine."""
        ...


class DirectoryStore:
    """Files below one directory. A file appears under its name only when it is whole and on the disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, content: bytes) -> StoredFile:
        """Write, flush to the disk, then rename."""
        digest = hashlib.sha256(content).hexdigest()
        key = f"{digest[:2]}/{digest}-{secrets.token_hex(8)}"
        await asyncio.to_thread(self._write, self._path(key), content)
        return StoredFile(key, len(content), digest)

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Stream a part of the file; reading happens outside the event loop."""
        handle = await asyncio.to_thread(self._path(key).open, "rb")
        try:
            await asyncio.to_thread(handle.seek, start)
            left = length
            while left > 0:
                chunk = await asyncio.to_thread(handle.read, min(_CHUNK, left))
                if not chunk:
                    raise OSError("the stored file is shorter than its record")
                left -= len(chunk)
                yield chunk
        finally:
            handle.close()

    async def delete(self, key: str) -> None:
        """Remove the file if it is there."""
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
