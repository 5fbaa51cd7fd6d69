"""Customers connect software of their own, see it and disconnect it (CDS-WG3-01 §4.1, §4.2)."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from cds_auth.adapters.registry import LoginStep, Registry
from cds_common.errors import TransientError
from services.auth.tests.customer_driver import Page, Person
from services.auth.tests.customer_world import World

STEP = "0123456789abcdef0123456789abcdef"


class Peer:
    """registry: knows one login step, remembers who is connected with it."""

    def __init__(self) -> None:
        self.connected: set[tuple[UUID, str]] = set()
        self.reachable = True
        self.name = "Moss <b>household</b>"


@pytest.fixture(autouse=True)
def peer() -> Iterator[Peer]:
    made = Peer()

    async def find_login_step(_self: Registry, message_id: str) -> LoginStep | None:
        return LoginStep("registration-1", made.name) if message_id == STEP else None

    async def connect(_self: Registry, message_id: str, *, customer_id: UUID, environment: Any) -> None:
        assert message_id == STEP
        _reach(made)
        made.connected.add((customer_id, environment))

    async def disconnect(_self: Registry, message_id: str, *, customer_id: UUID) -> None:
        assert message_id == STEP
        _reach(made)
        made.connected -= {each for each in made.connected if each[0] == customer_id}

    with pytest.MonkeyPatch.context() as patch:
        for name, replacement in (("find_login_step", find_login_step), ("connect", connect), ("disconnect", disconnect)):
            patch.setattr(Registry, name, replacement)
        yield made


def _reach(peer: Peer) -> None:
    if not peer.reachable:
        raise TransientError("registry is not reachable")


async def asked(world: World, person: Person) -> tuple[Page, Any]:
    """The question, after the login of a sandbox customer."""
    home = await world.home()
    login = await person.get(f"/my/connect/{STEP}")
    assert login.path == "/login"
    beside = await person.get(f"/login?to=/my/connect/{STEP}&environment=sandbox")
    return await person.log_in(beside, home), home


@pytest.mark.req("WG3A-016")
async def test_a_customer_logs_in_reads_who_asks_and_connects(world: World, peer: Peer) -> None:
    person = world.person()
    page, home = await asked(world, person)
    assert page.path == f"/my/connect/{STEP}"
    assert "Connect Moss <b>household</b> with your account?" in page.text
    assert "<b>household" not in page.source
    assert "It sees all of your accounts" in page.text
    assert peer.connected == set()
    done = await person.post(f"/my/connect/{STEP}", {"csrf": page.csrf})
    assert done.path == "/my/clients"
    assert peer.connected == {(home.customer_id, "sandbox")}
    assert "Moss <b>household</b>" in done.text
    again = await person.post(f"/my/connect/{STEP}", {"csrf": page.csrf})
    assert again.source.count("<li class") == 1


async def test_it_is_disconnected_with_one_click(world: World, peer: Peer) -> None:
    person = world.person()
    page, _ = await asked(world, person)
    shown = await person.post(f"/my/connect/{STEP}", {"csrf": page.csrf})
    peer.reachable = False
    address = f"/my/clients/{STEP}/disconnect"
    assert (await person.post(address, {"csrf": shown.csrf})).status == 503
    assert "Moss" in (await person.get("/my/clients")).text
    peer.reachable = True
    left = await person.post(address, {"csrf": shown.csrf})
    assert "You have not connected any." in left.text
    assert peer.connected == set()
    assert (await person.post(address, {"csrf": shown.csrf})).status == 404


async def test_nothing_is_connected_without_the_customers_own_click(world: World, peer: Peer) -> None:
    person, stranger = world.person(), world.person()
    page, _ = await asked(world, person)
    assert (await person.post_raw(f"/my/connect/{STEP}", {})).status == 403
    forged = await person.post_raw(f"/my/connect/{STEP}", {"csrf": page.csrf}, headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status == 403
    other, _ = await asked(world, stranger)
    assert (await person.post_raw(f"/my/connect/{STEP}", {"csrf": other.csrf})).status == 403
    assert (await person.get("/my/connect/unknown-step-0")).status == 404
    assert peer.connected == set()
    assert (await stranger.post(f"/my/clients/{STEP}/disconnect", {"csrf": other.csrf})).status == 404
    spanish = await person.get(f"/my/connect/{STEP}", headers={"Accept-Language": "es"})
    assert "con su cuenta?" in spanish.text


async def test_when_registry_is_away_nothing_is_noted(world: World, peer: Peer) -> None:
    person = world.person()
    page, _ = await asked(world, person)
    peer.reachable = False
    assert (await person.post(f"/my/connect/{STEP}", {"csrf": page.csrf})).status == 503
    peer.reachable = True
    assert "You have not connected any." in (await person.get("/my/clients")).text
