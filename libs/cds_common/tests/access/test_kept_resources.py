"""A kept resource says what its event said."""

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec

from cds_common.access.relations import Relations
from cds_common.events.resources import KeptResource, ResourcePublishedV1, Tenure

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BEGUN = Tenure(id=UUID(int=4), start=datetime(2025, 1, 1, 8, 0, 0, 250_000, tzinfo=UTC))
OVER = Tenure(id=UUID(int=5), start=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2025, 1, 1, tzinfo=UTC))


def full() -> list[ResourcePublishedV1]:
    """One of each kind, with something in every member."""
    return [
        ResourcePublishedV1(
            environment="sandbox", kind=kind, resource_id=UUID(int=number), ref=f"R-{number}", version=7, customer_ids=[UUID(int=9)],
            customer_number="C-1", account_ids=[UUID(int=1)], parent_account_id=UUID(int=8), contracts=[OVER, BEGUN],
            current_contract_ids=[BEGUN.id], service_points=[OVER, BEGUN], meter_devices=[BEGUN], number="220-471", status="active",
            name="Ann\x1fe ü", address="14 Pier Road\nOak Town", types=["electric"], rateplan_code="TOD", rateplan_name="Time of day",
            program_numbers=["P1"], premise_numbers=["PR"], app_numbers=["A1"],
            contract_start=date(2024, 1, 1), contract_end=date(2027, 1, 1),
        )
        for number, kind in enumerate(("account", "service_contract", "service_point", "meter_device"), start=1)
    ]  # fmt: skip


def bare(kind: str) -> ResourcePublishedV1:
    """Nothing but what an event needs."""
    return ResourcePublishedV1.model_validate(
        {"environment": "sandbox", "kind": kind, "resource_id": UUID(int=2), "ref": "R", "version": 1, "customer_ids": []}
    )


def kept(event: ResourcePublishedV1) -> KeptResource:
    return msgspec.json.decode(event.model_dump_json(exclude_defaults=True), type=KeptResource)


def test_nothing_that_a_kept_resource_holds_differs_from_the_event() -> None:
    for event in [*full(), bare("account"), bare("service_contract")]:
        read = kept(event)
        for name in KeptResource.__struct_fields__:
            said, held = getattr(event, name), getattr(read, name)
            if said and isinstance(said, list) and isinstance(said[0], Tenure):
                assert [(each.id, each.start, each.end) for each in held] == [(each.id, each.start, each.end) for each in said]
            else:
                assert (list(held) if isinstance(held, tuple) else held) == said, name


def test_rules_see_the_same_relations() -> None:
    assert Relations.of([kept(each) for each in full()], at=NOW) == Relations.of(full(), at=NOW)
