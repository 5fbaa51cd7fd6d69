"""docs/events.md says what the code says."""

from pathlib import Path

from cds_common.events.documentation import document


def test_the_page_is_made_from_the_contracts() -> None:
    page = Path(__file__).parents[2] / "docs" / "events.md"
    assert page.read_text(encoding="utf-8") == document(), "run: python -m cds_common.events.documentation docs/events.md"
