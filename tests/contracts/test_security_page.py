"""docs/security.md names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(test_\w+)::(test_\w+)`", (ROOT / "docs" / "security.md").read_text())
    assert len(named) > 50
    folders = [ROOT / name for name in ("libs", "services", "deploy/local", "tests")]
    texts: dict[str, str] = {}
    for file in (each for folder in folders for each in folder.rglob("test_*.py")):
        texts[file.stem] = texts.get(file.stem, "") + file.read_text()
    missing = [f"{file}::{test}" for file, test in named if f"def {test}(" not in texts.get(file, "")]
    assert missing == []


def test_every_line_of_the_standard_that_holds_has_a_test() -> None:
    lines = [line for line in (ROOT / "docs" / "security.md").read_text().splitlines() if re.match(r"\| 10\.\d", line)]
    assert len(lines) > 20
    assert [line for line in lines if "hold" in line.split("|")[2] and "::test_" not in line.split("|")[3]] == []
