"""Which requirement rows are proven by tests: `python -m cds_common.testing.requirements [--write-docs] [--strict]`."""

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from cds_common.testing.requirements_files import RESULTS_DIR, ROWS_DIR

REASONS = Path("docs/conformance-reasons.yaml")
SUMMARY = Path(".local/requirements.json")
DOCUMENT = Path("docs/conformance.md")

Status = Literal["proven", "failing", "reasoned", "untested"]
STATUSES: tuple[Status, ...] = ("proven", "failing", "untested", "reasoned")


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement: `part` is its table, `level` is MUST, SHOULD or MAY."""

    id: str
    part: str
    section: str
    level: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests of the last run say about a row."""

    row: Row
    status: Status
    tests: tuple[str, ...]
    reason: str | None


class BrokenInput(ValueError):
    """A table, a result or a reason names something that does not exist."""


def read_rows(root: Path) -> list[Row]:
    """All requirement rows, in the order of their tables."""
    rows: list[Row] = []
    for file in sorted((root / ROWS_DIR).glob("*.tsv")):
        with file.open(newline="") as handle:
            lines = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
            rows.extend(Row(line["id"], file.stem, line["section"], line["level"]) for line in lines)
    doubles = [row for row, count in Counter(row.id for row in rows).items() if count > 1]
    if doubles:
        raise BrokenInput(f"rows that occur twice: {', '.join(doubles)}")
    return rows


def read_results(root: Path) -> dict[str, dict[str, Any]]:
    """The newest outcome of each test, over all processes of the last runs."""
    files = sorted((root / RESULTS_DIR).glob("results-*.json"), key=lambda file: file.stat().st_mtime)
    return {result["test"]: result for file in files for result in json.loads(file.read_text())}


def read_reasons(root: Path) -> dict[str, str]:
    """Why a row has no test, by row id."""
    file = root / REASONS
    loaded: Any = yaml.safe_load(file.read_text()) if file.exists() else {}
    return {str(row): str(reason) for row, reason in (loaded or {}).items()}


def judge(rows: Sequence[Row], results: Iterable[Mapping[str, Any]], reasons: Mapping[str, str]) -> list[Verdict]:
    """A row is proven when a test that names it passed and none that names it failed.

    Raises:
        BrokenInput: a test or a reason names an unknown row.
    """
    outcomes: dict[str, dict[str, str]] = {}
    for result in results:
        for row in result["rows"]:
            outcomes.setdefault(row, {})[result["test"]] = result["outcome"]
    unknown = sorted(({*outcomes} | {*reasons}) - {row.id for row in rows})
    if unknown:
        raise BrokenInput(f"unknown rows are named: {', '.join(unknown)}")
    return [_verdict(row, outcomes.get(row.id, {}), reasons.get(row.id)) for row in rows]


def _verdict(row: Row, outcomes: Mapping[str, str], reason: str | None) -> Verdict:
    status: Status
    if "failed" in outcomes.values():
        status = "failing"
    elif "passed" in outcomes.values():
        status = "proven"
    else:
        status = "reasoned" if reason else "untested"
    return Verdict(row, status, tuple(sorted(outcomes)), reason)


def table(verdicts: Sequence[Verdict]) -> list[list[str]]:
    """Counts per part, with a header and a line of sums."""
    lines = [["part", "rows", "must", "should", *STATUSES]]
    parts = list(dict.fromkeys(verdict.row.part for verdict in verdicts))
    for part in [*parts, "all"]:
        chosen = [verdict for verdict in verdicts if part in {"all", verdict.row.part}]
        levels, statuses = Counter(v.row.level for v in chosen), Counter(v.status for v in chosen)
        lines.append([part, *map(str, (len(chosen), levels["MUST"], levels["SHOULD"], *(statuses[status] for status in STATUSES)))])
    return lines


def document(verdicts: Sequence[Verdict]) -> str:
    """The text of `docs/conformance.md`."""
    header, *lines = table(verdicts)
    text = ["# Conformance", "", "Made by `make requirements` from the last test run; do not edit.", ""]
    text += [_markdown(header), _markdown(["---"] * len(header)), *map(_markdown, lines), ""]
    failing = [verdict for verdict in verdicts if verdict.status == "failing"]
    reasoned = [verdict for verdict in verdicts if verdict.status == "reasoned"]
    untested = [verdict for verdict in verdicts if verdict.status == "untested"]
    text += ["## Failing", "", *(f"- {v.row.id} ({v.row.level}): {', '.join(v.tests)}" for v in failing), ""] if failing else []
    text += (
        ["## Without a test, for a reason", "", *(f"- {v.row.id} ({v.row.level}): {v.reason}" for v in reasoned), ""] if reasoned else []
    )
    for level in ("MUST", "SHOULD", "MAY"):
        missing = [v.row.id for v in untested if v.row.level == level]
        text += [f"## {level} rows without a test", "", ", ".join(missing), ""] if missing else []
    return "\n".join(text)


def _markdown(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and write the summary.

    Gives 0; 1 when rows fail, or with `--strict` when a MUST row has neither test nor reason; 2 on broken input.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path())
    parser.add_argument("--write-docs", action="store_true", help=f"write {DOCUMENT} too")
    parser.add_argument("--strict", action="store_true", help="fail when a MUST row has neither a test nor a reason")
    options = parser.parse_args(arguments)
    root: Path = options.root
    try:
        verdicts = judge(read_rows(root), read_results(root).values(), read_reasons(root))
    except BrokenInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    widths = [max(len(line[column]) for line in table(verdicts)) for column in range(8)]
    for line in table(verdicts):
        sys.stdout.write("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) + "\n")
    _write(root / SUMMARY, json.dumps([_plain(verdict) for verdict in verdicts], indent=1) + "\n")
    if options.write_docs:
        _write(root / DOCUMENT, document(verdicts))
    open_musts = [v.row.id for v in verdicts if v.row.level == "MUST" and v.status == "untested"]
    return int(any(v.status == "failing" for v in verdicts) or (options.strict and bool(open_musts)))


def _plain(verdict: Verdict) -> dict[str, Any]:
    row = verdict.row
    return {"id": row.id, "part": row.part, "section": row.section, "level": row.level, "status": verdict.status,
            "tests": list(verdict.tests), "reason": verdict.reason}  # fmt: skip


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
