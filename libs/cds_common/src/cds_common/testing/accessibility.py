"""axe-core on a page of the tests' browser: what breaks WCAG 2.2 AA, in one readable line per fault."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
"""The rules of axe-core that stand for WCAG 2.2 at level AA."""

_STILL = """() => document.getAnimations().forEach((animation) =>
  animation.effect.getComputedTiming().endTime === Infinity ? animation.cancel() : animation.finish())"""
_RUN = """async (tags) => {
  const { violations } = await axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) =>
    [id, node.target.flat().join(' '), node.any.concat(node.all, node.none).map((check) => check.message).join('; ')].join(' | ')));
}"""


@cache
def _axe(node_modules: Path) -> str:
    return (node_modules / "axe-core" / "axe.min.js").read_text()


async def accessibility_faults(page: Page, node_modules: Path) -> list[str]:
    """Every fault of the page as it stands now: `rule | element | what is wrong`; empty when there is none.

    The script comes in through the debugger, so that the page keeps its strict content security policy. Animations are
    cut short first: a colour that is half-way to the next one is not what anybody reads.
    """
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(_axe(node_modules))
    await page.evaluate(_STILL)
    found: list[Any] = await page.evaluate(_RUN, list(TAGS))
    return [str(fault) for fault in found]
