"""A browser without script: follows links of the pages, fills in their forms."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from services.auth.tests.customer_builders import PASSWORD, Household

VERIFIER = "Qm7xT2c-91hVbZpLk0uYdRw8sNfJ3aGe_KiO5tXyMqE"
CHALLENGE = "7mKaPHPP5pCmMIlknWu8gHspglDPUdYuwEKC9m79yUo"
CALLBACK = "https://app.kestrel.example/oauth/back"
STATE = "job-5512 a+b%&ü"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: list[dict[str, str | None]] = []
        self.text: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "input":
            self.fields.append(dict(attrs))
        if tag in {"script", "style"}:
            self._silent += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.text.append(data)


class Page:
    """An answer as a person sees it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.source = response.text
        reader = _Reader()
        reader.feed(self.source)
        self.fields = reader.fields
        self.text = " ".join(" ".join(reader.text).split())
        self.path = response.url.path

    @property
    def location(self) -> str:
        return self.response.headers["location"]

    @property
    def csrf(self) -> str:
        return next(str(field["value"]) for field in self.fields if field.get("name") == "csrf")

    def ticked(self, section: int = 1) -> set[str]:
        return {str(f["value"]) for f in self.fields if f.get("name") == f"s{section}" and "checked" in f}

    def listed(self, section: int = 1) -> set[str]:
        return {str(f["value"]) for f in self.fields if f.get("name") == f"s{section}"}

    def future_ticked(self, section: int = 1) -> bool | None:
        found = [f for f in self.fields if f.get("name") == f"s{section}.future"]
        return "checked" in found[0] if found else None


def answer_of(location: str) -> dict[str, str]:
    """The parameters of a redirect to the Client."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query, keep_blank_values=True).items()}


class Person:
    """Somebody at a browser."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        # Cookies of one person are not those of the next; the application is shared.
        self._http = httpx.AsyncClient(transport=http._transport, base_url="http://localhost:8080")

    async def get(self, url: str, **options: Any) -> Page:
        """Open an address and follow our own redirects, as far as our own pages go."""
        page = Page(await self._http.get(url, **options))
        return await self._follow(page)

    async def post(self, url: str, data: dict[str, Any], **options: Any) -> Page:
        return await self._follow(Page(await self._http.post(url, data=data, **options)))

    async def post_raw(self, url: str, data: dict[str, Any], **options: Any) -> Page:
        return Page(await self._http.post(url, data=data, **options))

    async def get_raw(self, url: str, **options: Any) -> Page:
        return Page(await self._http.get(url, **options))

    async def _follow(self, page: Page) -> Page:
        for _ in range(8):
            if page.status != 303 or not (page.location.startswith(("/", "http://localhost:8080/"))):
                return page
            page = Page(await self._http.get(page.location))
        raise AssertionError("the redirects do not end")

    async def log_in(self, page: Page, home: Household, password: str = PASSWORD) -> Page:
        """Fill in a login page."""
        values = {str(f["name"]): str(f.get("value") or "") for f in page.fields if f.get("name")}
        return await self.post("/login", values | {"name": home.login_name, "password": password})

    async def press(self, page: Page, verb: str, **changes: Any) -> Page:
        """Press a button of the form with what is ticked on the page, or with `changes`."""
        values: dict[str, Any] = {"csrf": page.csrf}
        for field in page.fields:
            name = str(field.get("name") or "")
            if re.fullmatch(r"s\d+", name) and "checked" in field:
                values.setdefault(name, []).append(str(field["value"]))
            elif name.endswith(".future") and "checked" in field:
                values[name] = "1"
        return await self.post(f"{page.path.removesuffix('/approve').removesuffix('/update')}/{verb}", values | changes)

    @property
    def cookies(self) -> httpx.Cookies:
        return self._http.cookies


def authorize_parameters(client_id: str, /, **changes: Any) -> dict[str, Any]:
    """A valid authorization request; None takes a parameter away."""
    values: dict[str, Any] = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": STATE,
        "scope": "cds_service_contracts_hlp",
    } | changes
    return {name: value for name, value in values.items() if value is not None}
