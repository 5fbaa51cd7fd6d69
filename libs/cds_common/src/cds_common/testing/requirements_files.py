"""Where requirement rows and test results lie, relative to the repository root."""

from pathlib import Path

ROWS_DIR = Path("tests/conformance/spec/requirements")
RESULTS_DIR = Path(".local/requirements")


def known_rows(root: Path) -> frozenset[str]:
    """Ids of all requirement rows in the repository; empty where there are none (a single package under test)."""
    rows = (line.split("\t", 1)[0] for file in sorted((root / ROWS_DIR).glob("*.tsv")) for line in file.read_text().splitlines()[1:])
    return frozenset(row for row in rows if row)
