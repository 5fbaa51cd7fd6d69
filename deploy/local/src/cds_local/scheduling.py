"""Hands the tests that share one running stack to one worker of pytest-xdist, file by file the rest.

xdist's own groups (`--dist loadgroup`) are without effect under pytest 9.2: it no longer reads the attribute that xdist 3.8 writes them to.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ONE_WORKER = ("deploy/local/tests/", "tests/e2e/")


def group_of(nodeid: str) -> str:
    """Name the group of a test: tests of one group run in one worker, after each other."""
    file = nodeid.split("::", 1)[0]
    return next((folder for folder in ONE_WORKER if file.startswith(folder)), file)


class GroupedScheduling(LoadScopeScheduling):
    """Like `--dist loadfile`, with the folders of `ONE_WORKER` as one file each."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupedScheduling | None:
    """Replace the scheduler of `--dist loadfile`; the other ones stay as they are."""
    return GroupedScheduling(config, log) if config.getoption("dist") == "loadfile" else None
