"""Customers with what they have, for forms: each builder shows only what matters to its test."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.customer_logins import create_login
from cds_auth.persistence.customer_copies import store_aggregation, store_customer, store_resource
from cds_common.events.resources import CustomerPublishedV1, ResourceKind, ResourcePublishedV1, Tenure
from cds_common.events.values import AggregationPublishedV1
from cds_common.ids import Environment, resource_id

LONG_AGO = datetime(2019, 5, 3, tzinfo=UTC)
PASSWORD = "a-long-test-password"  # of made-up customers only


@dataclass
class Household:
    """A customer with one account; services are added one by one. Every ref is of this household alone."""

    name: str = "R. Moss"
    environment: Environment = "sandbox"
    email: str | None = "r.moss@mail.example"
    account_number: str = "88-1203"
    tag: str = field(default_factory=lambda: uuid4().hex[:10])
    resources: list[ResourcePublishedV1] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.customer_id = self.id("customer", "c")
        self.login_name = f"login-{self.tag}"
        self.account_id = self.id("account", "a")
        self.add("account", "a", self.account_number, name=self.name, address="14 Pier Road\nPort Alder, WA 98000", types=["residential"])

    def id(self, kind: Any, ref: str) -> UUID:
        return resource_id(self.environment, kind, f"{self.tag}-{ref}")

    def add(self, kind: ResourceKind, ref: str, number: str | None, **members: Any) -> UUID:
        """Another object of this customer."""
        object_id = self.id(kind, ref)
        values: dict[str, Any] = {"account_ids": [self.account_id], "customer_ids": [self.customer_id], "status": "active"} | members
        self.resources.append(
            ResourcePublishedV1(
                environment=self.environment, kind=kind, resource_id=object_id, ref=f"{self.tag}-{ref}", version=1, number=number, **values
            )
        )
        return object_id

    def service(self, number: str, service_type: str = "electric", **members: Any) -> UUID:
        """A contract with its point and meter."""
        contract, point, meter = (self.id(kind, number) for kind in ("service_contract", "service_point", "meter_device"))
        address = members.pop("address", "14 Pier Road\nPort Alder, WA 98000")
        premises = members.pop("premises", [])
        own = Tenure(id=contract, start=LONG_AGO)
        self.add(
            "service_contract",
            number,
            number,
            address=address,
            types=[service_type, "residential", "metered"],
            contracts=[own],
            current_contract_ids=[contract],
            service_points=[Tenure(id=point, start=LONG_AGO)],
            contract_start=date(2019, 5, 3),
            **members,
        )
        self.add(
            "service_point",
            number,
            f"SP-{number}",
            address=address,
            types=[service_type, "physical"],
            contracts=[own],
            current_contract_ids=[contract],
            meter_devices=[Tenure(id=meter, start=LONG_AGO)],
            premise_numbers=premises,
        )
        self.add(
            "meter_device",
            number,
            f"M-{number}",
            types=[f"{service_type}_usage", "ami_meter"],
            contracts=[own],
            current_contract_ids=[contract],
            service_points=[Tenure(id=point, start=LONG_AGO)],
        )
        return contract

    async def store_resources(self, tx: AsyncSession) -> None:
        """What was added after the customer was made known."""
        for resource in self.resources:
            await store_resource(tx, resource)

    async def store(self, tx: AsyncSession, *, now: datetime) -> "Household":
        """Make the customer known, with a login."""
        customer = CustomerPublishedV1(
            environment=self.environment,
            customer_id=self.customer_id,
            version=1,
            customer_number=f"N-{self.tag}",
            name=self.name,
            email=self.email,
            login_name=None,
        )
        await store_customer(tx, customer)
        await self.store_resources(tx)
        await create_login(
            tx,
            environment=self.environment,
            customer_number=f"N-{self.tag}",
            login_name=self.login_name,
            password=PASSWORD,
            now=now,
        )
        return self


def a_home(**members: Any) -> Household:
    """Electricity and gas at one address."""
    home = Household(**members)
    home.service("220-471", "electric")
    home.service("220-472", "natural_gas")
    return home


async def a_building(tx: AsyncSession, *homes: Household, number: str = "B-204", premise: str = "P-9") -> UUID:
    """A group that counts the first service of each home."""
    tag = homes[0].tag
    building = resource_id(homes[0].environment, "aggregation", f"{tag}-building")
    points = [next(r.resource_id for r in home.resources if r.kind == "service_point") for home in homes]
    await store_aggregation(
        tx,
        AggregationPublishedV1(
            environment=homes[0].environment,
            aggregation_id=building,
            ref=f"{tag}-building",
            version=1,
            aggregation_number=number,
            name="Lantern Court",
            aggregation_types=["building"],
            member_count=len(points),
            premise_numbers=[premise],
            addresses=["200 Quay Street\nPort Alder, WA 98000"],
            service_point_ids=points,
            consent_requirement="always",
        ),
    )
    return building
