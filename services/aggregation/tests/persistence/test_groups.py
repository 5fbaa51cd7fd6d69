"""Groups at work: sums with corrections, evaluation, division, Grants that need consents."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from cds_aggregation.application import sum_days
from cds_aggregation.application.answer_grants import answer_grant
from cds_aggregation.application.ingest import ingest_usage
from cds_aggregation.application.record_resources import record_resources
from cds_aggregation.application.record_usage import record_usage
from cds_common.grant_copy.testing import an_entry, store_grant
from services.aggregation.tests.builders import TIMEZONE, Stage, a_day, a_flat, a_group, days_changed, rid

FOUR = ("P-1", "P-2", "P-3", "P-4")


async def a_house(stage: Stage, *values: int) -> None:
    """Four flats with a first day of usage each."""
    await stage.know(*(a_flat(number) for number in (1, 2, 3, 4)))
    await stage.group(a_group(*FOUR))
    await stage.use(*(a_day(number, value, value) for number, value in enumerate(values or (1, 2, 3, 4), start=1)))


class TestSums:
    async def test_the_sum_of_all_members_is_published(self, stage: Stage) -> None:
        await a_house(stage)
        assert await stage.sums() == [[10, 10]]
        (event, *_) = (await stage.published("aggregate.day.v1"))[-1:]
        assert (event["decimals"], event["start"], event["source_time"]) == (3, "2026-03-10T07:00:00Z", "2026-03-11T00:00:00Z")

    async def test_a_correction_is_summed_anew(self, stage: Stage) -> None:
        await a_house(stage)
        await stage.use(a_day(2, 20, 2, version=2, decimals=[2, 3]))
        assert await stage.sums() == [[208, 10]]
        versions = [body["version"] for body in await stage.published("aggregate.day.v1")]
        assert versions == sorted(set(versions))

    async def test_an_older_day_changes_nothing(self, stage: Stage) -> None:
        await a_house(stage)
        await stage.use(a_day(2, 7, 7, version=5))
        published = len(await stage.published("aggregate.day.v1"))
        await stage.use(a_day(2, 1, 1, version=4))
        assert await stage.sums() == [[15, 15]]
        assert len(await stage.published("aggregate.day.v1")) == published

    async def test_a_day_is_open_until_the_last_member_has_sent_it(self, stage: Stage) -> None:
        await a_house(stage)
        await stage.use(*(a_day(number, 1, day="2026-03-11") for number in (1, 2, 3)))
        assert (await stage.sums())[-1] == [None]
        await stage.use(a_day(4, 1, day="2026-03-11"))
        assert (await stage.sums())[-1] == [4]

    async def test_many_days_are_summed_in_several_rounds(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sum_days, "_IN_A_ROUND", 8)
        await stage.know(*(a_flat(number) for number in (1, 2, 3, 4)))
        await stage.group(a_group(*FOUR))
        days = [a_day(number, number, day=f"2026-03-{day:02d}") for day in range(1, 8) for number in (1, 2, 3, 4)]
        await ingest_usage(stage.sessions, stage.partitions, stage.rules, [days_changed(*days).model_dump()])
        async with stage.sessions.begin() as session:
            assert await sum_days.sum_dirty_days(session, stage.rules, stage.now) == 2
        await stage.work()
        assert await stage.sums() == [[10]] * 7

    async def test_other_kinds_of_values_have_sums_of_their_own(self, stage: Stage) -> None:
        await a_house(stage)
        gas = {"value_type": "natural_gas_usage", "units": "therm"}
        await stage.use(*(a_day(number, 5, shape=gas, series_id=rid("series", f"gas {number}")) for number in (1, 2, 3, 4)))
        shapes = {body["shape"]["value_type"]: body["values"] for body in await stage.published("aggregate.day.v1")}
        assert shapes == {"electric_usage": [10, 10], "natural_gas_usage": [20]}

    async def test_a_group_that_is_made_later_is_summed_from_what_is_known(self, stage: Stage) -> None:
        await stage.know(*(a_flat(number) for number in (1, 2, 3, 4)))
        await stage.use(*(a_day(number, number) for number in (1, 2, 3, 4)))
        await stage.group(a_group(*FOUR))
        assert await stage.sums() == [[10]]

    async def test_a_member_that_leaves_is_taken_out_of_every_day(self, stage: Stage) -> None:
        await a_house(stage)
        await stage.group(a_group("P-1", "P-2", "P-3", source_time=datetime(2026, 2, 1, tzinfo=UTC)))
        assert await stage.sums() == [[6, 6]]
        await stage.group(a_group(source_time=datetime(2026, 2, 2, tzinfo=UTC)))
        assert await stage.sums() == [[None, None]]

    async def test_groups_of_groups_count_every_point_once(self, stage: Stage) -> None:
        await stage.know(*(a_flat(number) for number in (1, 2, 3, 4)))
        await stage.group(a_group("P-1", "P-2", ref="G-2"), a_group("P-2", "P-3", "P-4", member_aggregation_refs=["G-2"]))
        await stage.use(*(a_day(number, number) for number in (1, 2, 3, 4)))
        assert await stage.sums() == [[10]]
        await stage.group(a_group("P-2", ref="G-2", source_time=datetime(2026, 2, 1, tzinfo=UTC)))
        assert await stage.sums() == [[9]]

    async def test_one_household_alone_is_never_published_as_a_sum(self, stage: Stage) -> None:
        await stage.know(*(a_flat(number) for number in (1, 2, 3, 4)))
        await stage.group(a_group(*FOUR))
        await stage.use(a_day(1, 9, day="2026-01-05"))
        await stage.use(*(a_day(number, 1) for number in (1, 2, 3, 4)))
        assert await stage.sums() == [[None], [4]]

    async def test_a_member_that_comes_back_after_a_gap_opens_the_days_between(self, stage: Stage) -> None:
        stage.demand(min_customers=3)
        await a_house(stage)
        await stage.use(*(a_day(number, 1, day="2026-03-19") for number in (1, 2, 3)))
        assert (await stage.sums())[-1] == [3]
        await stage.use(a_day(4, 1, day="2026-03-20"))
        assert (await stage.sums())[-2:] == [[None], [None]]

    async def test_billing_months_of_different_length_do_not_leak_one_household(self, stage: Stage) -> None:
        await a_house(stage)
        month = {"interval_seconds": 30 * 86_400, "series_id": rid("series", "months")}
        await stage.use(a_day(1, 777, day="2026-01-10", **month))
        assert all(777 not in values for values in await stage.sums())


async def test_values_that_are_being_stored_meanwhile_are_not_missed(committed_stage: Stage) -> None:
    stage = committed_stage
    await a_house(stage)
    await ingest_usage(stage.sessions, stage.partitions, stage.rules, [days_changed(a_day(2, 3, 3, version=2)).model_dump()])
    async with stage.sessions.begin() as storing:
        await record_usage(storing, [a_day(2, 9, 9, version=3)], TIMEZONE)
        await stage.work()
    await stage.work()
    assert await stage.sums() == [[17, 17]]


async def contracts_shown(stage: Stage) -> int:
    async with stage.sessions() as session:
        return int(await session.scalar(text("SELECT cardinality(contract_ids) FROM aggregation_version WHERE newest")) or 0)


async def test_a_group_that_is_made_while_its_points_are_stored_waits_for_them(committed_stage: Stage) -> None:
    stage = committed_stage
    async with stage.sessions.begin() as storing:
        await record_resources(storing, [event for number in (1, 2, 3, 4) for event in a_flat(number)])
        making = asyncio.create_task(stage.group(a_group(*FOUR)))
        await asyncio.sleep(0.3)
    await making
    assert await contracts_shown(stage) == 4


async def test_values_that_are_stored_while_their_group_is_made_are_summed(committed_stage: Stage) -> None:
    stage = committed_stage
    await stage.know(*(a_flat(number) for number in (1, 2, 3, 4)))
    async with stage.sessions.begin() as storing:
        await stage.partitions.ensure([date(2026, 3, 10)])
        await record_usage(storing, [a_day(number, number) for number in (1, 2, 3, 4)], TIMEZONE)
        making = asyncio.create_task(stage.group(a_group(*FOUR)))
        await asyncio.sleep(0.3)
    await making
    assert await stage.sums() == [[10]]


async def test_what_comes_while_a_group_is_due_is_not_missed_by_its_evaluation(committed_stage: Stage) -> None:
    stage = committed_stage
    await stage.group(a_group(*FOUR))
    async with stage.sessions.begin() as stored:
        await record_resources(stored, a_flat(1))
    async with stage.sessions.begin() as storing:
        await record_resources(storing, [event for number in (2, 3, 4) for event in a_flat(number)])
        evaluating = asyncio.create_task(stage.work())
        await asyncio.sleep(0.3)
    await evaluating
    await stage.work()
    assert await contracts_shown(stage) == 4


class TestEvaluation:
    @pytest.mark.req("WG3D-165")
    async def test_the_requirement_follows_members_values_and_time(self, stage: Stage) -> None:
        await stage.group(a_group(*FOUR))
        assert await stage.requirement() == "sometimes"
        await stage.know(*(a_flat(number) for number in (1, 2, 3, 4)))
        assert await stage.requirement() == "sometimes"
        await stage.use(*(a_day(number, 1) for number in (1, 2, 3, 4)))
        assert await stage.requirement() == "never"
        versions = [(body["version"], body["consent_requirement"]) for body in await stage.published("aggregation.published.v1")]
        assert (versions[0][1], versions[-1][1]) == ("sometimes", "never")
        numbers = [version for version, _ in versions]
        assert numbers == sorted(set(numbers))

    @pytest.mark.req("WG3D-166")
    async def test_two_flats_of_one_customer_are_one_customer(self, stage: Stage) -> None:
        await stage.know(a_flat(1, "K"), a_flat(2, "K"), a_flat(3), a_flat(4))
        await stage.group(a_group(*FOUR))
        await stage.use(*(a_day(number, 1) for number in (1, 2, 3, 4)))
        assert await stage.requirement() == "always"

    @pytest.mark.req("WG3D-166")
    async def test_a_customer_who_uses_too_much_makes_consents_necessary(self, stage: Stage) -> None:
        await a_house(stage, 1, 1, 1, 3)
        assert await stage.requirement() == "never"
        stage.now += timedelta(days=2)
        await stage.use(a_day(4, 4, 4, version=2))
        await stage.work()
        assert await stage.requirement() == "always"

    async def test_values_that_come_one_home_after_the_other_are_judged_together(self, stage: Stage) -> None:
        await a_house(stage, 9, 1, 1, 1)
        assert await stage.requirement() == "always"
        await stage.use(*(a_day(number, 9, 9, version=2) for number in (2, 3, 4)))
        stage.now += timedelta(seconds=11)
        await stage.work()
        assert await stage.requirement() == "never"

    async def test_a_group_can_be_asked_for_its_usage_as_soon_as_there_is_a_sum(self, stage: Stage) -> None:
        await stage.know(*(a_flat(number) for number in (1, 2, 3, 4)))
        await stage.group(a_group(*FOUR))
        days = [a_day(number, 1, 1).model_dump() for number in (1, 2, 3, 4)]
        await ingest_usage(stage.sessions, stage.partitions, stage.rules, [days_changed(*days).model_dump()])
        await stage.evaluate()
        assert not await stage.has_data()
        await stage.work()
        assert await stage.has_data()

    async def test_a_move_out_is_evaluated_at_once(self, stage: Stage) -> None:
        await a_house(stage, 1, 1, 1, 1)
        await stage.know(a_flat(4, None, version=2))
        assert await stage.requirement() == "always"

    async def test_a_second_group_that_differs_by_one_flat_closes_both(self, stage: Stage) -> None:
        await stage.know(*(a_flat(number) for number in range(1, 10)))
        await stage.use(*(a_day(number, 1) for number in range(1, 10)))
        await stage.group(a_group(*(f"P-{number}" for number in range(1, 9))))
        assert await stage.requirement() == "never"
        await stage.group(a_group(*(f"P-{number}" for number in range(1, 10)), ref="G-2"))
        assert (await stage.requirement(), await stage.requirement("G-2")) == ("always", "always")


class TestDivision:
    @pytest.mark.req("WG3D-153")
    async def test_a_large_group_names_parts_that_together_hold_all_its_points(self, stage: Stage) -> None:
        names = [f"P-{number}" for number in range(1, 1102)]
        await stage.group(a_group(*names))
        events = {body["ref"]: body for body in await stage.published("aggregation.published.v1")}
        whole = events.pop("G-1")
        assert (whole["service_point_ids"], whole["member_count"]) == ([], 1101)
        assert sorted(whole["member_aggregation_ids"]) == sorted(body["aggregation_id"] for body in events.values())
        assert max(len(body["service_point_ids"]) for body in events.values()) <= 1000
        held = [point for body in events.values() for point in body["service_point_ids"]]
        assert sorted(held) == sorted(str(rid("service_point", name)) for name in names)

    async def test_a_group_that_shrinks_holds_its_points_itself_again(self, stage: Stage) -> None:
        await stage.group(a_group(*(f"P-{number}" for number in range(1, 102)), aggregation_types=["listed", "servicepoint_number"]))
        await stage.group(a_group("P-1", aggregation_types=["listed", "servicepoint_number"], source_time=datetime(2026, 2, 1, tzinfo=UTC)))
        last = [body for body in await stage.published("aggregation.published.v1") if body["ref"] == "G-1"][-1]
        assert (last["service_point_ids"], last["member_aggregation_ids"]) == ([str(rid("service_point", "P-1"))], [])
        async with stage.sessions() as session:
            assert await session.scalar(text("SELECT count(*) FROM aggregation")) == 1


class TestGrants:
    async def _ask(self, stage: Stage, *refs: str, **grant: Any) -> None:
        groups = [rid("aggregation", ref) for ref in refs]
        entry = an_entry(
            scope="cds_query_usage_hlp", scope_type="cds_query_usage", flags=["include_usage_segments"], reach={"aggregation": groups}
        )
        async with stage.sessions.begin() as session:
            await store_grant(session, entry, grant_id="grant-1", status="pending", enabled=False, now=stage.now, **grant)
            details = '{"aggregation_numbers": ["B-G-1"]}'
            await session.execute(text(f"UPDATE grant_copy SET body = jsonb_set(body, '{{entries,0,details}}', '{details}')"))
            await answer_grant(session, "grant-1")

    async def _answers(self, stage: Stage) -> list[tuple[str, list[str]]]:
        bodies = await stage.published("grant.readiness.v1")
        return [(body["outcome"], [need["customer_id"] for need in body["needed_consents"]]) for body in bodies]

    @pytest.mark.req("WG3D-168")
    async def test_a_large_enough_group_is_ready(self, stage: Stage) -> None:
        await a_house(stage)
        await self._ask(stage, "G-1")
        assert await self._answers(stage) == [("ready", [])]

    @pytest.mark.req("WG3D-168", "WG3C-280")
    async def test_the_twelve_flats_need_one_consent_of_each_customer(self, stage: Stage) -> None:
        stage.demand(min_customers=15)
        flats = range(1, 13)
        await stage.know(*(a_flat(number) for number in flats))
        await stage.group(a_group(*(f"P-{number}" for number in flats)))
        await stage.use(*(a_day(number, 1) for number in flats))
        await self._ask(stage, "G-1")
        (answer,) = await stage.published("grant.readiness.v1")
        assert answer["outcome"] == "needs_consents"
        assert sorted(need["customer_id"] for need in answer["needed_consents"]) == sorted(str(rid("customer", f"K-{n}")) for n in flats)
        by_customer = {need["customer_id"]: need for need in answer["needed_consents"]}
        assert by_customer[str(rid("customer", "K-7"))] == {
            "customer_id": str(rid("customer", "K-7")), "aggregation_id": str(rid("aggregation", "G-1")), "aggregation_number": "B-G-1",
            "premise_numbers": ["FLAT 7"], "service_point_ids": [str(rid("service_point", "P-7"))],
        }  # fmt: skip
        assert await stage.sums() == [[12]]

    async def test_nothing_is_answered_before_the_group_is_known_and_evaluated(self, stage: Stage) -> None:
        await self._ask(stage, "G-1")
        assert await self._answers(stage) == []
        await stage.know(*(a_flat(number) for number in (1, 2, 3, 4)))
        await stage.group(a_group(*FOUR))
        assert await self._answers(stage) == []
        await stage.use(*(a_day(number, 1) for number in (1, 2, 3, 4)))
        assert await self._answers(stage) == [("ready", [])]

    async def test_the_same_answer_is_given_once_and_a_new_tenant_is_asked_for(self, stage: Stage) -> None:
        await a_house(stage)
        stage.demand(max_share=Decimal("0.1"))
        stage.now += timedelta(days=2)
        await stage.work()
        await self._ask(stage, "G-1")
        stage.now += timedelta(days=2)
        await stage.work()
        assert [outcome for outcome, _ in await self._answers(stage)] == ["needs_consents"]
        await stage.know(a_flat(4, "K-new", version=2))
        answers = await self._answers(stage)
        assert len(answers) == 2
        assert str(rid("customer", "K-new")) in answers[1][1]
        assert str(rid("customer", "K-4")) not in answers[1][1]

    async def test_the_last_word_bears_the_latest_moment_also_from_a_round_that_began_before(self, stage: Stage) -> None:
        await a_house(stage)
        stage.demand(max_share=Decimal("0.1"))
        stage.now += timedelta(days=2)
        await stage.work()
        await self._ask(stage, "G-1")
        stage.now -= timedelta(days=1)
        stage.demand(max_share=Decimal("0.9"))
        async with stage.sessions.begin() as session:
            await session.execute(text("UPDATE aggregation SET evaluate_at = 'epoch'"))
        await stage.work()
        said = await stage.published("grant.readiness.v1")
        assert [body["outcome"] for body in said] == ["needs_consents", "ready"]
        assert datetime.fromisoformat(said[0]["occurred_at"]) < datetime.fromisoformat(said[1]["occurred_at"])

    async def test_a_grant_that_has_ended_is_not_answered(self, stage: Stage) -> None:
        await a_house(stage)
        entry = an_entry(flags=["include_usage_segments"], reach={"aggregation": [rid("aggregation", "G-1")]})
        async with stage.sessions.begin() as session:
            await store_grant(session, entry, grant_id="grant-2", status="closed", now=stage.now)
            await answer_grant(session, "grant-2")
        assert await self._answers(stage) == []


async def test_a_message_about_types_without_their_fields_is_refused(stage: Stage) -> None:
    for faulty in (
        a_group("P-1", aggregation_types=["public", "listed"]), a_group("P-1", aggregation_types=["building"]),
        a_group("P-1", aggregation_types=["public", "country"]), a_group("P-1", aggregation_types=["public", "rateplan_code"]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="aggregation"):
            await stage.group(faulty)
