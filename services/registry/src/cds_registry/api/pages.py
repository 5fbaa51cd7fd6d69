"""Pages for people: home, documentation, registration by hand, operator console. They work without JavaScript."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse

from cds_common.html import page_environment, page_headers
from cds_common.keys import derive_key
from cds_registry.application.offer import Offer
from cds_registry.settings import Settings


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a configured text: `heading`, `list` or `paragraph`."""

    kind: str
    lines: Sequence[str]


def blocks(text: str) -> list[Block]:
    """Split a text of the configuration: blank lines end a part, `# ` begins a heading, `- ` a list."""
    found: list[Block] = []
    for part in text.replace("\r\n", "\n").strip().split("\n\n"):
        lines = [line.strip() for line in part.split("\n") if line.strip()]
        if not lines:
            continue
        if lines[0].startswith("#"):
            found.append(Block("heading", [lines[0].lstrip("# ")]))
            lines = lines[1:]
        if lines and all(line.startswith("- ") for line in lines):
            found.append(Block("list", [line[2:] for line in lines]))
        elif lines:
            found.append(Block("paragraph", [" ".join(lines)]))
    return found


def when(moment: str) -> str:
    """An RFC 3339 time of our documents for people, to the minute, in UTC."""
    return f"{moment[:10]} {moment[11:16]} UTC"


class Pages:
    """Renders templates with what every page shows."""

    def __init__(self, settings: Settings, offer: Offer, folder: Path) -> None:
        self._settings, self._offer = settings, offer
        self.logo_file = folder / offer.utility.brand.logo
        self.csrf_key = derive_key(settings.internal_key, "registry-forms")
        self._environment = page_environment("cds_registry")
        shared: dict[str, Any] = self._environment.globals  # pyright: ignore[reportAssignmentType]
        shared["blocks"] = blocks
        shared["when"] = when

    def render(self, template: str, *, status: int = 200, cacheable: bool = False, **values: Any) -> HTMLResponse:
        """The page as an answer."""
        shared: Mapping[str, Any] = {"utility": self._offer.utility, "public_url": self._offer.public_url, "operator": None, "csrf": None}
        body = self._environment.get_template(template).render(**{**shared, **values})
        return HTMLResponse(body, status, page_headers(self._settings, cacheable=cacheable))

    @property
    def secure(self) -> bool:
        """Whether cookies may demand https."""
        return self._settings.public_url.startswith("https://")

    def cookie(self, name: str) -> str:
        """The name of a cookie; `__Host-` binds it to this host and https where there is https."""
        return f"__Host-{name}" if self.secure else name


def _pages(request: Request) -> Pages:
    return request.state.pages


PagesOf = Annotated[Pages, Depends(_pages)]
