"""A browser without JavaScript, small enough to trust: cookies, links, labelled inputs, forms."""

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx
from lxml import html

from cds_cli.journey.wire import JourneyFailed, Wire

MAX_REDIRECTS = 10


@dataclass(slots=True)
class Page:
    """A page as it was answered; `url` is where the redirects ended."""

    url: str
    status: int
    text: str

    @property
    def tree(self) -> html.HtmlElement:
        """The parsed document."""
        return html.fromstring(self.text)

    def words(self) -> str:
        """The visible text, in one line."""
        tree = self.tree
        for hidden in tree.xpath("//script|//style"):
            hidden.drop_tree()
        return " ".join(tree.text_content().split())


class Form:
    """One form of a page; fields are found by the words a person reads."""

    def __init__(self, page: Page, element: html.FormElement) -> None:
        self.page = page
        self.element = element
        self.values: list[tuple[str, str]] = [(str(k), str(v)) for k, v in element.form_values()]

    def _labelled(self, words: str) -> list[html.HtmlElement]:
        found: list[html.HtmlElement] = []
        for label in self.element.xpath(".//label"):
            if words in " ".join(label.text_content().split()):
                target = label.get("for")
                found += self.element.xpath(f'.//*[@id="{target}"]') if target else label.xpath(".//input|.//select|.//textarea")
        return found

    def fill(self, name: str, value: str) -> None:
        """Set the field called `name`."""
        self.values = [(k, v) for k, v in self.values if k != name] + [(name, value)]

    def tick(self, words: str, *, on: bool) -> None:
        """Tick or untick the one box whose label holds the words.

        Raises:
            JourneyFailed: no such box, or more than one.
        """
        boxes = [box for box in self._labelled(words) if box.get("type") == "checkbox"]
        if len(boxes) != 1:
            raise JourneyFailed(f"{len(boxes)} boxes are labelled {words!r} on {self.page.url}")
        pair = (str(boxes[0].get("name")), str(boxes[0].get("value", "on")))
        self.values = [v for v in self.values if v != pair]
        if on:
            self.values.append(pair)

    def boxes(self) -> list[tuple[str, bool]]:
        """Every tick box with its label's words and whether it is ticked."""
        result: list[tuple[str, bool]] = []
        for box in self.element.xpath('.//input[@type="checkbox"]'):
            label = self.element.xpath(f'.//label[@for="{box.get("id")}"]') or box.xpath("ancestor::label")
            words = " ".join(label[0].text_content().split()) if label else ""
            result.append((words, (str(box.get("name")), str(box.get("value", "on"))) in self.values))
        return result


class Browser:
    """Follows redirects on the server's own host; a redirect elsewhere ends the walk and is handed back."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.page: Page | None = None

    def open(self, url: str) -> Page | str:
        """Go to an address. Returns the page, or the foreign address to which the server sent us."""
        return self._follow(self.wire.send("GET", url))

    def submit(self, form: Form, button: str | None = None) -> Page | str:
        """Send a form by the button whose text holds the words (or its first one)."""
        values = list(form.values)
        for candidate in form.element.xpath('.//button[not(@type) or @type="submit"]|.//input[@type="submit"]'):
            words = candidate.get("value") if candidate.tag == "input" else " ".join(candidate.text_content().split())
            if button is None or button in (words or ""):
                if candidate.get("name"):
                    values.append((str(candidate.get("name")), str(candidate.get("value", ""))))
                action = candidate.get("formaction") or form.element.get("action") or form.page.url
                break
        else:
            raise JourneyFailed(f"no button {button!r} on {form.page.url}")
        url = urljoin(form.page.url, action)
        if (form.element.get("method") or "get").lower() == "get":
            return self._follow(self.wire.send("GET", url, params=dict(values)))
        headers = {"origin": self.wire.base_url.rstrip("/"), "referer": form.page.url}
        return self._follow(self.wire.send("POST", url, form=values, headers=headers))

    def form(self, having: str | None = None) -> Form:
        """The form of the present page that has a field or a button called `having`.

        Raises:
            JourneyFailed: there is none.
        """
        if self.page is None:
            raise JourneyFailed("no page is open")
        for element in self.page.tree.forms:
            names = {str(field.get("name")) for field in element.xpath(".//input|.//select|.//textarea|.//button")}
            words = " ".join(" ".join(b.text_content().split()) for b in element.xpath(".//button"))
            if having is None or having in names or having in words:
                return Form(self.page, element)
        raise JourneyFailed(f"no form with {having!r} on {self.page.url}: {self.page.words()[:400]}")

    def _follow(self, response: httpx.Response) -> Page | str:
        home = urlsplit(self.wire.base_url).netloc
        for _ in range(MAX_REDIRECTS):
            if response.status_code not in (301, 302, 303, 307, 308):
                self.page = Page(str(response.request.url), response.status_code, response.text)
                return self.page
            target = urljoin(str(response.request.url), response.headers["location"])
            if urlsplit(target).netloc != home:
                return target
            response = self.wire.send("GET", target)
        raise JourneyFailed("too many redirects")
