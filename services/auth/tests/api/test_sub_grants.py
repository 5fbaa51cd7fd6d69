"""Whole-building data: one sub-Grant per needed consent, and what each answer does to the parent (CDS-WG3-01 §4.11)."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from cds_auth.domain.errors import AuthorizationRefused
from cds_auth.domain.grant import Grant
from cds_auth.domain.grant_status import GrantStatus
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import NeededConsent
from cds_common.testing.schemas import first_fault
from services.auth.tests.core_builders import AClient, a_consent_client, a_direct_client, an_admin_client
from services.auth.tests.core_driver import Core

CONSENT = "cds_aggregation_consent_hlp"


class Building:
    """A building with tenants, asked for by a direct Client."""

    def __init__(self, core: Core, tenants: int = 2) -> None:
        self.core = core
        self.admin, self.consent = an_admin_client(), a_consent_client()
        self.direct = a_direct_client(direct_permission=DirectPermission(aggregation_numbers=["B-1"]))
        self.aggregation_id = uuid4()
        self.tenants = [uuid4() for _ in range(tenants)]
        self.parent_id = ""

    async def ask(self, *, with_consent_client: bool = True) -> None:
        clients: list[AClient] = [self.admin, self.direct, *([self.consent] if with_consent_client else [])]
        registration = f"registration-{uuid4().hex}"
        await self.core.knows(*clients, registration_id=registration)
        self.consent.snapshot = self.consent.snapshot.model_copy(update={"registration_id": registration})
        details = [{"type": "cds_query_usage_hlp", "aggregation_numbers": ["B-1"]}]
        found = await self.core.client_credentials(self.direct, None, details)
        self.parent_id = found["cds_grant_ids"][0]
        await self.core.ready(self.parent_id, ("accounts", "usage", "billing"))

    async def needs(self, tenants: list[UUID] | None = None) -> None:
        needed = [
            NeededConsent(
                customer_id=tenant,
                aggregation_id=self.aggregation_id,
                aggregation_number="B-1",
                premise_numbers=[f"premise-{tenant}"],
                service_point_ids=[uuid4()],
            )
            for tenant in (self.tenants if tenants is None else tenants)
        ]
        await self.core.needs(self.parent_id, needed)

    async def children(self) -> list[Grant]:
        bearer = await self.core.bearer(self.admin)
        listed = (await self.core.http.get("/cds/v1/grants", params={"parents": self.parent_id}, headers=bearer)).json()["grants"]
        return [await self.core.grant(grant["grant_id"]) for grant in listed]

    async def child_of(self, tenant: UUID) -> Grant:
        return next(child for child in await self.children() if child.customer_ids == (tenant,) and not child.is_ended)

    async def approve(self, tenant: UUID) -> Grant:
        child = await self.child_of(tenant)
        return (
            await self.core.consent(
                self.consent,
                CONSENT,
                customer_id=tenant,
                ready=False,
                cds_grant_id=child.grant_id,
                authorization_details=[
                    {"type": CONSENT, "aggregation_numbers": ["B-1"], "premise_numbers": [f"premise-{tenant}"]},
                ],
            )
        ).grant

    async def parent(self) -> Grant:
        return await self.core.grant(self.parent_id)


class TestWholeBuilding:
    @pytest.mark.req("WG3A-089", "WG3A-090", "WG3A-245", "WG3D-169")
    async def test_needed_consents_become_sub_grants(self, core: Core) -> None:
        building = Building(core)
        await building.ask()
        await building.needs()
        bearer = await core.bearer(building.admin)
        parent = (await core.http.get(f"/cds/v1/grants/{building.parent_id}", headers=bearer)).json()
        for schema in ("grant.json", "customer-data-consent-parent-grant.json"):
            assert first_fault(schema, parent) is None, schema
        children = (await core.http.get("/cds/v1/grants", params={"parents": building.parent_id}, headers=bearer)).json()["grants"]
        assert sorted(child["grant_id"] for child in children) == parent["children"]
        for child in children:
            for schema in ("grant.json", "customer-data-consent-sub-grant.json"):
                assert first_fault(schema, child) is None, schema
            assert (child["parent"], child["client_id"], child["scope"]) == (building.parent_id, building.consent.client_id, CONSENT)
            assert child["authorization_details"][0]["aggregation_numbers"] == ["B-1"]
            assert child["status"] == "needs_authorization"
        assert (parent["status"], parent["enabled_scope"], parent["enabled_authorization_details"]) == ("needs_sub_grants", "", [])
        premises = sorted(child["authorization_details"][0]["premise_numbers"] for child in children)
        assert premises == sorted([f"premise-{tenant}"] for tenant in building.tenants)

    @pytest.mark.req("WG3A-091", "WG3A-094", "WG3A-244", "WG102-240", "WG102-252")
    async def test_parent_opens_with_the_last_consent(self, core: Core) -> None:
        building = Building(core)
        await building.ask()
        await building.needs()
        first = await building.approve(building.tenants[0])
        assert first.status == "active"
        assert (await building.parent()).status == "needs_sub_grants"
        await building.approve(building.tenants[1])
        parent = await building.parent()
        assert (parent.status, parent.enabled_scope) == ("active", "cds_query_usage_hlp")
        assert (await core.published(building.parent_id))[-1].entries[0].enabled

    async def test_two_consents_at_the_same_moment_open_it_too(self, core: Core) -> None:
        building = Building(core, tenants=4)
        await building.ask()
        await building.needs()
        await asyncio.gather(*(building.approve(tenant) for tenant in building.tenants))
        assert (await building.parent()).status == "active"

    @pytest.mark.req("WG3D-170")
    async def test_lost_consent_closes_the_parent_and_asks_again(self, core: Core) -> None:
        building = Building(core)
        await building.ask()
        await building.needs()
        for tenant in building.tenants:
            await building.approve(tenant)
        lost = await building.child_of(building.tenants[0])
        await core.change(lost.grant_id, lambda grant: grant.end(GrantStatus.REVOKED, datetime.now(UTC)))
        parent = await building.parent()
        assert (parent.status, parent.enabled_scope) == ("needs_sub_grants", "")
        assert not (await core.published(building.parent_id))[-1].entries[0].enabled
        assert (await building.child_of(building.tenants[0])).status == "needs_authorization"
        await building.approve(building.tenants[0])
        assert (await building.parent()).status == "active"

    @pytest.mark.req("WG3A-103", "WG3A-088")
    async def test_no_consent_needed(self, core: Core) -> None:
        building = Building(core)
        await building.ask()
        waiting = await building.parent()
        assert (waiting.status, waiting.enabled_scope) == ("pending", "")
        await core.ready(building.parent_id, ("aggregation",))
        parent = await building.parent()
        assert (parent.status, await building.children()) == ("active", [])

    @pytest.mark.req("WG3A-093")
    async def test_tenant_who_moved_out_need_not_consent(self, core: Core) -> None:
        building = Building(core)
        await building.ask()
        await building.needs()
        await building.approve(building.tenants[0])
        waiting = await building.child_of(building.tenants[1])
        await building.needs(building.tenants[:1])
        assert (await core.grant(waiting.grant_id)).status == "disabled"
        assert (await building.parent()).status == "active"

    @pytest.mark.req("WG3D-168", "WG102-240")
    async def test_without_a_client_to_ask_it_waits_until_there_is_one(self, core: Core) -> None:
        building = Building(core)
        await building.ask(with_consent_client=False)
        await building.needs()
        parent = await building.parent()
        assert (parent.status, parent.eta, await building.children()) == ("needs_sub_grants", None, [])
        await core.apply(building.consent.snapshot)
        assert (await building.parent()).status == "needs_sub_grants"
        assert len(await building.children()) == len(building.tenants)

    async def test_closing_the_parent_ends_its_questions(self, core: Core) -> None:
        building = Building(core)
        await building.ask()
        await building.needs()
        await building.approve(building.tenants[0])
        await core.change(building.parent_id, lambda grant: grant.end(GrantStatus.CLOSED, datetime.now(UTC)))
        assert {child.status for child in await building.children()} == {GrantStatus.CLOSED}

    @pytest.mark.req("WG102-246", "WG102-251")
    async def test_grant_id_must_fit_request_and_customer(self, core: Core) -> None:
        from cds_auth.application.authorization_requests import revalidate_for_customer

        building = Building(core)
        await building.ask()
        await building.needs()
        tenant, other = building.tenants
        child = await building.child_of(tenant)
        with pytest.raises(AuthorizationRefused) as wrong_scope:
            await core.request(building.consent, "cds_usage_hlp", cds_grant_id=child.grant_id)
        assert wrong_scope.value.error == "cds_grant_id_invalid_value"
        details = [{"type": CONSENT, "aggregation_numbers": ["B-1"], "premise_numbers": ["p"]}]
        with pytest.raises(AuthorizationRefused) as wrong_grant:
            await core.request(building.consent, CONSENT, cds_grant_id=building.parent_id, authorization_details=details)
        assert wrong_grant.value.error == "cds_grant_id_invalid_value"
        request, _ = await core.request(building.consent, CONSENT, cds_grant_id=child.grant_id, authorization_details=details)

        async def check(customer: UUID) -> Grant | None:
            async with core.sessions.begin() as tx:
                _, grant = await revalidate_for_customer(
                    tx,
                    request,
                    customer_id=customer,
                    customer_environment="sandbox",
                    rules=core.rules,
                    clients=core.directory,
                    now=datetime.now(UTC),
                )
                return grant

        with pytest.raises(AuthorizationRefused) as wrong_user:
            await check(other)
        assert wrong_user.value.error == "cds_grant_id_invalid_user"
        found = await check(tenant)
        assert found is not None
        assert found.grant_id == child.grant_id
