"""Where a stack keeps its files: everything under one folder, so that removing it removes the stack."""

import contextlib
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cds_local.processes import drops_root


class UnsafeFolder(Exception):
    """A folder that PostgreSQL would use belongs to another user."""


@dataclass(frozen=True)
class Layout:
    """The folders of one stack. `root` is the repository, `home` the stack's own folder (`.local` for `make up`)."""

    root: Path
    home: Path

    @classmethod
    def of_repository(cls, root: Path) -> "Layout":
        """Give the layout of `make up`."""
        return cls(root=root, home=root / ".local")

    @property
    def cache(self) -> Path:
        """Downloads and other things that all stacks of the repository share."""
        return self.root / ".local" / "cache"

    @property
    def logs(self) -> Path:
        """One log per part."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """What runs now: pids, ports, rendered configurations."""
        return self.home / "run"

    @property
    def state(self) -> Path:
        """What must outlive a restart: databases, topics, files."""
        return self.home / "state"

    @property
    def secrets(self) -> Path:
        """Generated passwords and keys, readable by the owner only."""
        return self.home / "secrets"

    def create(self) -> None:
        """Create the folders; harmless when they exist."""
        for folder in (self.home, self.cache, self.logs, self.run, self.state):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.mkdir(mode=0o700, exist_ok=True)


def reachable_by_others(path: Path) -> bool:
    """Tell whether a user without rights of its own can walk down to `path`."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents) if folder.exists())


def stand_in(wanted: Path) -> Path:
    """Name the folder that is used instead of one that others can't reach."""
    return Path("/var/tmp") / f"cds-{hashlib.sha256(str(wanted.absolute()).encode()).hexdigest()[:16]}"  # noqa: S108 - see owned_folder


def owned_folder(folder: Path) -> Path:
    """Create a folder that everyone can walk through and only this user can change.

    Raises:
        UnsafeFolder: it was made by another user, who could put programs or data there.
    """
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise UnsafeFolder(f"{folder} belongs to another user; remove it")
    # A strict umask would have closed it.
    folder.chmod(0o755)
    return folder


def reachable_folder(wanted: Path) -> Path:
    """Create and give a folder that the user whom PostgreSQL runs as can reach: `wanted`, or one under /var/tmp.

    PostgreSQL refuses to run as root, so root starts it as `nobody`, which can't enter a clone below /root or a private temporary folder.

    Raises:
        UnsafeFolder: the folder under /var/tmp was made by another user.
    """
    wanted = wanted.absolute()
    wanted.mkdir(parents=True, exist_ok=True)
    if not drops_root() or reachable_by_others(wanted):
        return wanted
    return owned_folder(stand_in(wanted))


def repository_root(start: Path | None = None) -> Path:
    """Find the repository: the nearest folder upwards that holds this package.

    Raises:
        FileNotFoundError: there is none above `start`, which is this package's place unless given.
    """
    for folder in (start or Path(__file__)).absolute().parents:
        if (folder / "deploy" / "local" / "pyproject.toml").exists():
            return folder
    raise FileNotFoundError("not inside a clone of cds-server")


def repository_cache() -> Path:
    """Give the cache of the clone that this package is installed from."""
    return Layout.of_repository(repository_root()).cache


def stacks_folder(root: Path) -> Path:
    """Give the folder of the repository's throw-away stacks."""
    return root / ".local" / "stacks"


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Let one process at a time into the block, machine-wide by a lock file."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
