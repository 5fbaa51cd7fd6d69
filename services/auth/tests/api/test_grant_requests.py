"""Grants that wait for a customer: cds_grant_id, and the consent to be counted (CDS-WG1-02 §8.3, CDS-WG3-01 §6.1.10)."""

import json
from uuid import UUID

import pytest

from cds_auth.application.page_secrets import PageSecrets
from cds_auth.domain.grant import Grant
from cds_auth.domain.grant_status import GrantStatus
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import NeededConsent
from services.auth.tests.core_builders import a_consent_client, a_direct_client, an_admin_client
from services.auth.tests.core_driver import Core
from services.auth.tests.customer_builders import Household, a_building
from services.auth.tests.customer_driver import STATE, Page, Person, answer_of
from services.auth.tests.customer_world import World

CONSENT = "cds_aggregation_consent_hlp"


class Building:
    """Two homes in a building below the threshold, asked for by a direct Client."""

    def __init__(self, world: World, core: Core) -> None:
        self.world, self.core = world, core
        self.consent = a_consent_client()
        self.homes: list[Household] = []

    async def stand(self) -> "Building":
        for number in ("220-471", "330-881"):
            home = Household(account_number=f"88-{number}")
            home.service(number, "electric", premises=["P-9"], address=f"200 Quay Street, unit {number}")
            self.homes.append(await self.world.home(home))
        async with self.world.sessions.begin() as tx:
            self.id = await a_building(tx, *self.homes, number="B-204")
        direct, admin = a_direct_client(direct_permission=DirectPermission(aggregation_numbers=["B-204"])), an_admin_client()
        await self.core.knows(admin, direct, self.consent, registration_id=f"registration-{self.homes[0].tag}")
        asked = [{"type": "cds_query_usage_hlp", "aggregation_numbers": ["B-204"]}]
        answer = await self.core.client_credentials(direct, None, asked)
        self.parent_id = answer["cds_grant_ids"][0]
        await self.core.ready(self.parent_id, ("accounts", "usage", "billing"))
        await self.core.needs(self.parent_id, [self._needed(home) for home in self.homes])
        return self

    def _needed(self, home: Household) -> NeededConsent:
        point = next(resource.resource_id for resource in home.resources if resource.kind == "service_point")
        return NeededConsent(
            customer_id=home.customer_id,
            aggregation_id=self.id,
            aggregation_number="B-204",
            premise_numbers=["P-9"],
            service_point_ids=[point],
        )

    async def child(self, home: Household) -> Grant:
        return next(grant for grant in await self.world.grants(self.consent) if grant.customer_ids == (home.customer_id,))

    async def open(self, home: Household, grant_id: str, person: Person | None = None, **changes: str) -> tuple[Person, Page]:
        asked = [{"type": CONSENT, "aggregation_numbers": ["B-204"], "premise_numbers": ["P-9"]}]
        values = {"scope": CONSENT, "authorization_details": json.dumps(asked), "cds_grant_id": grant_id} | changes
        return await self.world.form(self.consent, home, person, **values)


@pytest.fixture
async def building(world: World, core: Core) -> Building:
    return await Building(world, core).stand()


@pytest.mark.req("WG3C-203", "WG3C-204", "WG3C-205", "WG3C-206", "WG102-244")
async def test_the_consent_form_is_read_only_and_shows_the_customers_own_part(building: Building) -> None:
    home, neighbour = building.homes
    _, page = await building.open(home, (await building.child(home)).grant_id)
    assert page.status == 200
    assert "To be counted in these totals" in page.text
    assert "B-204" in page.text
    assert "through your service 220-471" in page.text
    assert "330-881" not in page.source
    assert neighbour.account_number not in page.source
    assert page.listed() == set()
    assert "Counting your usage in a combined total" in page.text
    assert "Valid" in page.text


@pytest.mark.req("WG3C-053", "WG3C-234", "WG102-252")
async def test_approving_updates_the_named_grant_and_the_parent_follows(building: Building, vault: PageSecrets) -> None:
    first, second = building.homes
    child = await building.child(first)
    before = len(await building.world.grants(building.consent))
    person, page = await building.open(first, child.grant_id)
    done = await person.press(page, "approve", s1=[UUID(int=7).hex])
    assert "code" in answer_of(done.location)
    after = await building.child(first)
    assert after.grant_id == child.grant_id
    assert after.status is GrantStatus.ACTIVE
    assert STATE in after.states
    assert len(after.receipt_confirmations) == 1
    assert len(await building.world.grants(building.consent)) == before
    assert (await building.core.grant(building.parent_id)).status is GrantStatus.NEEDS_SUB_GRANTS
    [receipt] = await building.world.receipts(building.consent)
    shown = await person.get(f"/receipts/{vault.decrypt(receipt.token_encrypted)}")
    assert "through your service 220-471" in shown.text
    person, page = await building.open(second, (await building.child(second)).grant_id)
    await person.press(page, "approve")
    parent = await building.core.grant(building.parent_id)
    assert parent.status in {GrantStatus.ACTIVE, GrantStatus.PENDING}


@pytest.mark.req("WG102-246", "WG3C-043")
async def test_a_wrong_grant_is_refused_before_any_login(building: Building) -> None:
    home = building.homes[0]
    person = building.world.person()
    for grant_id, changes in (
        ("nothing", {}),
        ((await building.child(home)).grant_id, {"scope": "cds_usage_hlp", "authorization_details": "[]"}),
    ):
        _, page = await building.open(home, grant_id, person, **changes)
        assert answer_of(page.location)["error"] == "cds_grant_id_invalid_value"


@pytest.mark.req("WG102-247", "WG3C-043")
async def test_other_faults_win_over_a_wrong_grant(building: Building) -> None:
    _, page = await building.open(building.homes[0], "nothing", scope="no-such-scope")
    assert answer_of(page.location)["error"] == "invalid_scope"


@pytest.mark.req("WG102-251", "WG3C-043", "WG3C-048")
async def test_the_wrong_customer_is_told_so_after_the_login(building: Building) -> None:
    home, neighbour = building.homes
    _, page = await building.open(neighbour, (await building.child(home)).grant_id)
    answer = answer_of(page.location)
    assert (answer["error"], answer["state"]) == ("cds_grant_id_invalid_user", STATE)


@pytest.mark.req("WG102-248")
async def test_an_empty_grant_id_counts_as_absent(building: Building) -> None:
    home = building.homes[0]
    _, page = await building.open(home, "")
    assert page.status == 200


@pytest.mark.req("WG3C-049")
async def test_somebody_outside_the_building_gets_the_preselection_error(building: Building) -> None:
    outsider = await building.world.home()
    _, page = await building.open(outsider, "")
    assert "do not seem to be in your profile" in page.text
    assert "Buildings or groups: B-204" in page.text


async def test_declining_leaves_the_grant_waiting(building: Building) -> None:
    home = building.homes[0]
    child = await building.child(home)
    person, page = await building.open(home, child.grant_id)
    assert answer_of((await person.press(page, "decline")).location)["error"] == "access_denied"
    assert (await building.child(home)).status is GrantStatus.NEEDS_AUTHORIZATION
