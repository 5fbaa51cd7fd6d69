"""One whole stack, with a stand-in for the usage service, shared by all tests that need processes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cds_local import paths
from cds_local.stack import LocalStack

FAKE = Path(__file__).parent / "fake"


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a clone and holds the stand-in service only."""
    root = tmp_path_factory.mktemp("clone")
    shutil.copytree(FAKE, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture(scope="session")
def stack(clone: Path) -> Iterator[LocalStack]:
    with LocalStack(
        clone,
        port_choice="free",
        services=("usage",),
        cache=paths.repository_cache(),
        durable=False,
        python_path=clone / "src",
        trace_sample_ratio=0.0,
    ) as running:
        yield running
