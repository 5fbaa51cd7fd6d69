"""Log in at an identity provider of another author (npm `oidc-provider`): its own pages, keys, tokens and refusals."""

import contextlib
import re
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import pytest

from cds_auth.app import create_app
from cds_auth.settings import Settings
from cds_common.db import Sessions
from cds_common.testing.app import application
from cds_common.testing.node import NODE
from services.auth.tests.customer_builders import Household, a_home
from services.auth.tests.customer_driver import Page, Person, answer_of, authorize_parameters
from services.auth.tests.customer_world import World

SCRIPT = Path(__file__).parents[1] / "identity_provider.mjs"
CALLBACK = "http://localhost:8080/login/callback"
SECRET = "a secret: with %+ signs"


@pytest.fixture(scope="module")
def provider(node_modules: Path) -> Iterator[str]:
    """The running provider's issuer."""
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [str(NODE), str(SCRIPT), str(node_modules), port, CALLBACK, SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "listening"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action, self.values = "", dict[str, str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.action = found.get("action") or ""
        if tag == "input" and found.get("name"):
            self.values[str(found["name"])] = found.get("value") or ""


async def at_the_provider(address: str, name: str, *, cancel: bool = False) -> dict[str, str]:
    """Somebody logs in on the provider's own pages; gives what their browser brings back."""
    async with httpx.AsyncClient(timeout=10, trust_env=False) as browser:
        answer = await browser.get(address)
        for _ in range(10):
            if answer.is_redirect:
                target = urljoin(str(answer.url), answer.headers["location"])
                if target.startswith(CALLBACK):
                    return {key: values[0] for key, values in parse_qs(urlsplit(target).query).items()}
                answer = await browser.get(target)
                continue
            form = _Form()
            form.feed(answer.text)
            if cancel:
                answer = await browser.get(urljoin(str(answer.url), f"{form.action}/abort"))
                continue
            values = {key: name if key == "login" else value or "x" for key, value in form.values.items()}
            answer = await browser.post(urljoin(str(answer.url), form.action), data=values)
    raise AssertionError(f"the provider's pages do not end: {answer.status_code} {answer.text[:300]}")


@dataclass
class Bench:
    world: World

    async def begin(self, person: Person) -> str:
        """A production request leads to the login page, and its button to the provider."""
        client = await self.world.client(environment="production", status="production")
        login = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))
        to = next(str(field["value"]) for field in login.fields if field.get("name") == "to")
        sent = await person.post_raw("/login/sso", {"csrf": login.csrf, "to": to})
        assert sent.status == 303, sent.text
        return sent.location

    async def home(self) -> Household:
        return await self.world.home(a_home(environment="production"))


def _bench(provider: str, committed: Settings, sessions: Sessions, **changes: Any) -> contextlib.AbstractAsyncContextManager[Bench]:
    values = {"oidc_issuer": provider, "oidc_client_id": "cds", "oidc_client_secret": SECRET, "oidc_scope": "openid profile customer"}
    settings = Settings(**(committed.model_dump() | values | changes))

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Bench]:
        async with application(create_app(settings)) as http:
            yield Bench(World(http, sessions))

    return opened()


@pytest.fixture
async def bench(provider: str, committed: Settings, committed_sessions: Sessions) -> AsyncIterator[Bench]:
    async with _bench(provider, committed, committed_sessions) as made:
        yield made


def twisted(address: str, **changes: str) -> str:
    """The same address with other parameters."""
    parts = urlsplit(address)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()} | changes
    return parts._replace(query=urlencode(query)).geturl()


def declined(page: Page) -> bool:
    return page.status == 303 and answer_of(page.location)["error"] == "access_denied"


@pytest.mark.req("WG3C-065", "WG3C-069")
async def test_a_customer_logs_in_there_and_sees_the_form(bench: Bench) -> None:
    home, person = await bench.home(), bench.world.person()
    back = await at_the_provider(await bench.begin(person), f"N-{home.tag}")
    assert set(back) == {"code", "state", "iss"}
    form = await person.get("/login/callback", params=back)
    assert form.path.startswith("/consent/"), form.text
    assert form.listed() == {home.id("service_contract", number).hex for number in ("220-471", "220-472")}
    # The provider keeps the number and the name out of its ID tokens; both come from its userinfo answer.
    assert f"Logged in as N-{home.tag} at the provider" in form.text
    done = await person.press(form, "approve", s1=[home.id("service_contract", "220-471").hex])
    assert "code" in answer_of(done.location)


@pytest.mark.req("WG3C-067")
async def test_cancelling_there_is_declining_here(bench: Bench) -> None:
    person = bench.world.person()
    back = await at_the_provider(await bench.begin(person), "whoever", cancel=True)
    assert back["error"] == "access_denied"
    assert declined(await person.get("/login/callback", params=back))


@pytest.mark.parametrize("changes", [{"nonce": "another"}, {"code_challenge": "x" * 43}])
async def test_a_code_for_another_login_is_not_taken(bench: Bench, changes: dict[str, str]) -> None:
    home, person = await bench.home(), bench.world.person()
    back = await at_the_provider(twisted(await bench.begin(person), **changes), f"N-{home.tag}")
    assert declined(await person.get("/login/callback", params=back))


@pytest.mark.parametrize("issuer", ["https://evil.example", None])
async def test_an_answer_of_another_issuer_is_not_taken(bench: Bench, issuer: str | None) -> None:
    home, person = await bench.home(), bench.world.person()
    back = await at_the_provider(await bench.begin(person), f"N-{home.tag}")
    del back["iss"]
    assert declined(await person.get("/login/callback", params=back | ({"iss": issuer} if issuer else {})))


async def test_the_state_must_be_this_browsers(bench: Bench) -> None:
    home, person, thief = await bench.home(), bench.world.person(), bench.world.person()
    address = await bench.begin(person)
    await bench.begin(thief)
    back = await at_the_provider(address, f"N-{home.tag}")
    assert (await thief.get("/login/callback", params=back)).status == 403
    assert (await person.get("/login/callback", params=back | {"state": back["state"][::-1]})).status == 403


async def test_somebody_whom_the_utility_does_not_know_is_nobody(bench: Bench) -> None:
    person = bench.world.person()
    back = await at_the_provider(await bench.begin(person), "nobody-here")
    assert declined(await person.get("/login/callback", params=back))


async def test_a_wrong_secret_is_refused_by_the_provider(provider: str, committed: Settings, committed_sessions: Sessions) -> None:
    async with _bench(provider, committed, committed_sessions, oidc_client_secret="wrong") as bench:
        home, person = await bench.home(), bench.world.person()
        back = await at_the_provider(await bench.begin(person), f"N-{home.tag}")
        assert declined(await person.get("/login/callback", params=back))


async def test_a_provider_that_calls_itself_otherwise_is_not_used(provider: str, committed: Settings, committed_sessions: Sessions) -> None:
    other_name = re.sub("127.0.0.1", "localhost", provider)
    async with _bench(other_name, committed, committed_sessions) as bench:
        person = bench.world.person()
        client = await bench.world.client(environment="production", status="production")
        login = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))
        to = next(str(field["value"]) for field in login.fields if field.get("name") == "to")
        assert (await person.post_raw("/login/sso", {"csrf": login.csrf, "to": to})).status == 503
