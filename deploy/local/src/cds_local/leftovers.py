"""Removes what stacks leave behind: their folders, and throw-away stacks whose runner died."""

import contextlib
import shutil
import signal
from pathlib import Path

from cds_local import paths, processes
from cds_local.run_state import RunState


def remove(folder: Path) -> None:
    """Remove a stack's folder, or one of its folders, with the database that may stand in for one of them elsewhere."""
    for database in [folder / "postgres", folder / "state" / "postgres"]:
        shutil.rmtree(paths.stand_in(database), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def sweep(root: Path) -> None:
    """Stop and remove throw-away stacks whose runner is gone without having stopped them."""
    folder = paths.stacks_folder(root)
    for home in folder.iterdir() if folder.exists() else ():
        with contextlib.suppress(OSError, ValueError, KeyError):
            state = RunState.load(home / "run" / "state.json")
            if not state.parts or state.owner.alive:
                continue
            for running in state.parts.values():
                processes.stop(running, signal.SIGKILL)
            remove(home)
