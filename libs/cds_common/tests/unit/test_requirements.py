"""The report on requirement rows tells the truth about the tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cds_common.testing import requirements

ROWS = """id\tsection\tlevel\tarea\trequirement\tcheck
A-1\t1\tMUST\tx\t"quoted" text\tc
A-2\t1\tSHOULD\tx\tr\tc
A-3\t2\tMUST\tx\tr\tc
A-4\t2\tMUST\tx\tr\tc
"""
TESTS = """
import pytest

@pytest.mark.req("A-1", "A-2")
def test_passes(): pass

@pytest.mark.req("A-2")
def test_fails(): assert False

@pytest.mark.req("A-3")
def test_skipped(): pytest.skip("not now")

@pytest.fixture
def broken():
    raise RuntimeError

@pytest.mark.req("A-4")
def test_errors(broken): pass
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "tests/conformance/spec/requirements"
    folder.mkdir(parents=True)
    (folder / "A.tsv").write_text(ROWS)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["tests"]\nmarkers = ["req(row): rows"]\n')
    return tmp_path


def run_tests(repository: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    (repository / "tests/test_sample.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "cds_common.testing.requirements_plugin", "-p", "xdist.plugin", *options]
    # Not a worker of the run that this test belongs to.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=repository, env=alone, capture_output=True, text=True, timeout=60, check=False)


def statuses(repository: Path) -> dict[str, str]:
    return {row["id"]: row["status"] for row in json.loads((repository / requirements.SUMMARY).read_text())}


@pytest.mark.parametrize("options", [[], ["-n", "2"]])
def test_row_is_proven_only_by_tests_that_ran_and_all_passed(repository: Path, options: list[str]) -> None:
    assert run_tests(repository, TESTS, *options).returncode == 1
    assert requirements.main(["--root", str(repository)]) == 1
    assert statuses(repository) == {"A-1": "proven", "A-2": "failing", "A-3": "untested", "A-4": "failing"}


def test_unknown_row_in_a_mark_fails_the_run(repository: Path) -> None:
    run = run_tests(repository, 'import pytest\n@pytest.mark.req("A-9")\ndef test_x(): pass\n')
    assert run.returncode != 0
    assert "A-9" in run.stdout + run.stderr


def test_mark_without_a_row_fails_the_run(repository: Path) -> None:
    run = run_tests(repository, "import pytest\n@pytest.mark.req()\ndef test_x(): pass\n")
    assert run.returncode != 0


def test_complete_run_forgets_tests_that_are_gone(repository: Path) -> None:
    run_tests(repository, TESTS)
    run_tests(repository, 'import pytest\n@pytest.mark.req("A-3")\ndef test_new(): pass\n')
    assert requirements.main(["--root", str(repository)]) == 0
    assert statuses(repository) == {"A-1": "untested", "A-2": "untested", "A-3": "proven", "A-4": "untested"}


def test_partial_run_renews_only_its_own_tests(repository: Path) -> None:
    run_tests(repository, TESTS)
    run_tests(repository, TESTS.replace("assert False", "pass"), "tests/test_sample.py::test_fails")
    requirements.main(["--root", str(repository)])
    assert statuses(repository)["A-2"] == "proven"
    assert statuses(repository)["A-4"] == "failing"


def test_reason_stands_in_for_a_test_and_strict_asks_for_one_of_both(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_tests(repository, 'import pytest\n@pytest.mark.req("A-1")\ndef test_new(): pass\n')
    assert requirements.main(["--root", str(repository), "--strict"]) == 1
    (repository / "docs").mkdir()
    (repository / requirements.REASONS).write_text("A-3: for people to judge\nA-4: for clients only\n")
    assert requirements.main(["--root", str(repository), "--strict", "--write-docs"]) == 0
    assert statuses(repository) == {"A-1": "proven", "A-2": "untested", "A-3": "reasoned", "A-4": "reasoned"}
    written = (repository / requirements.DOCUMENT).read_text()
    assert "| A | 4 | 3 | 1 | 1 | 0 | 1 | 2 |" in written
    assert "- A-3 (MUST): for people to judge" in written
    assert "## SHOULD rows without a test\n\nA-2" in written
    assert "proven" in capsys.readouterr().out


def test_reason_for_an_unknown_row_is_refused(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "docs").mkdir()
    (repository / requirements.REASONS).write_text("Z-1: no such row\n")
    assert requirements.main(["--root", str(repository)]) == 2
    assert "Z-1" in capsys.readouterr().err
