"""Remembers, per requirement row, whether the tests that name it passed."""

import json
import os

import pytest

from cds_common.testing.requirements_files import RESULTS_DIR, known_rows

_PROVEN, _FAILED, _SKIPPED = "passed", "failed", "skipped"


class RequirementMarks:
    """Collects outcomes of tests marked `req` and writes `results-<worker>.json` at the end; unknown row ids fail the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._root = config.rootpath
        self._known = known_rows(self._root)
        self._rows: dict[str, set[str]] = {}
        self._outcomes: dict[str, str] = {}
        self._unknown: dict[str, set[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the rows that each test names."""
        for item in items:
            for mark in item.iter_markers("req"):
                rows = {str(row) for row in mark.args}
                self._rows.setdefault(item.nodeid, set()).update(rows)
                unknown = rows - self._known if self._known else set[str]()
                if unknown or not rows:
                    self._unknown[item.nodeid] = unknown or {"(no row named)"}
        if self._unknown:
            lines = [f"{node}: {', '.join(sorted(rows))}" for node, rows in sorted(self._unknown.items())]
            raise pytest.UsageError("unknown requirement rows:\n" + "\n".join(lines))

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """A run of everything starts with a clean sheet; a run of some tests renews only theirs."""
        config = session.config
        everything = config.args_source == pytest.Config.ArgsSource.TESTPATHS and not config.option.keyword and not config.option.markexpr
        if everything and "PYTEST_XDIST_WORKER" not in os.environ and not config.option.collectonly:
            for file in (self._root / RESULTS_DIR).glob("results-*.json"):
                file.unlink()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The worst outcome of setup, call and teardown counts; a skip proves nothing."""
        if report.nodeid not in self._rows:
            return
        before = self._outcomes.get(report.nodeid)
        if report.failed or before == _FAILED:
            self._outcomes[report.nodeid] = _FAILED
        elif report.skipped:
            self._outcomes[report.nodeid] = _SKIPPED
        elif before != _SKIPPED:
            self._outcomes[report.nodeid] = _PROVEN

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write this process's share; the controller of a distributed run has none."""
        if session.config.option.collectonly:
            return
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        results = [{"test": node, "outcome": outcome, "rows": sorted(self._rows[node])} for node, outcome in sorted(self._outcomes.items())]
        if results:
            folder = self._root / RESULTS_DIR
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"results-{worker}-{os.getpid()}.json").write_text(json.dumps(results, indent=1))


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest for every installed plugin."""
    config.pluginmanager.register(RequirementMarks(config), "cds-requirement-marks")
