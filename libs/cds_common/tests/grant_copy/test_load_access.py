"""What a token opens, by the copy alone and with the owners' help."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cds_common.errors import TransientError
from cds_common.events.grants import GrantEntry, GrantPublishedV1
from cds_common.events.resources import EntitlementsResolvedV1, Reached
from cds_common.grant_copy import TABLES, apply_entitlements, apply_grant, apply_heartbeats, load_access
from cds_common.grant_copy.readiness import answer_readiness
from cds_common.grant_copy.testing import NoPeers, a_token, an_entry, store_grant
from cds_common.oauth_errors import InsufficientScope, InvalidToken
from cds_common.settings import CommonSettings
from cds_common.testing.encryption import PUBLIC_JWK
from cds_common.testing.statements import statements_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


class Peers:
    """Owners that know exactly what a test gives them."""

    def __init__(self, grant: GrantPublishedV1 | None = None, resolved: EntitlementsResolvedV1 | None = None) -> None:
        self.known, self.resolved, self.asked = grant, resolved, list[str]()

    async def grant(self, grant_id: str) -> GrantPublishedV1 | None:
        self.asked.append("auth")
        return self.known

    async def entitlements(self, grant_id: str) -> EntitlementsResolvedV1 | None:
        self.asked.append("accounts")
        return self.resolved


class Unreachable(NoPeers):
    async def grant(self, grant_id: str) -> GrantPublishedV1 | None:
        raise TransientError("auth is not reachable")


def a_grant(grant_id: str = "g1", **changes: Any) -> GrantPublishedV1:
    members: dict[str, Any] = {
        "grant_id": grant_id, "version": 1, "entries_version": 1, "client_id": "client-1", "registration_id": "registration-1",
        "environment": "sandbox", "status": "active", "enabled_scope": "cds_usage_1", "created": NOW,
        "entries": [GrantEntry(entry_no=0, scope="cds_usage_1", scope_type="cds_usage", details={}, enabled=True)],
    }  # fmt: skip
    return GrantPublishedV1(**(members | changes))


def resolved_for(grant: GrantPublishedV1, *entries: Any) -> EntitlementsResolvedV1:
    return EntitlementsResolvedV1(
        environment=grant.environment, grant_id=grant.grant_id, entries_version=grant.entries_version, version=1, entries=list(entries)
    )


async def seen_ids(session: AsyncSession, statement: Any) -> set[UUID]:
    return set((await session.scalars(select(statement.c.object_id))).all())


class TestWarmCopy:
    async def test_one_round_trip_gives_the_open_entries(self, session: AsyncSession, settings: CommonSettings) -> None:
        entry = an_entry(
            flags=["include_meter_devices"], visible={"meter_device": [ONE]}, reach={"service_point": None},
            segment_start=NOW - timedelta(days=30), value_formats=["el-15min"],
        )  # fmt: skip
        token = await store_grant(session, entry, now=NOW)
        await session.flush()
        async with statements_of(await session.connection()) as statements:
            access = await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        assert len(statements) == 1
        (opened,) = access.entries
        assert opened.flags == {"include_meter_devices"}
        assert opened.segment_start == NOW - timedelta(days=30)
        assert opened.value_formats == ("el-15min",)
        assert access.all_slots("service_point", "reach") == (0,)
        assert access.all_slots("meter_device", "visible") == ()
        assert await seen_ids(session, access.seen("meter_device")) == {ONE}

    async def test_two_entries_give_the_union_of_their_flags(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await store_grant(
            session,
            an_entry(0, scope="a", flags=["include_account_numbers"], visible={"account": [ONE, TWO]}),
            an_entry(1, scope="b", flags=["include_account_details"], visible={"account": [ONE]}),
            now=NOW,
        )
        access = await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        seen = access.seen("account")
        rows = {row.object_id: row.slots for row in (await session.execute(select(seen))).all()}
        assert rows == {ONE: [0, 1], TWO: [0]}
        assert access.flags(rows[ONE]) == {"include_account_numbers", "include_account_details"}
        assert access.flags(rows[TWO]) == {"include_account_numbers"}

    async def test_times_of_an_object_stay_apart(self, session: AsyncSession, settings: CommonSettings) -> None:
        first = Reached(id=ONE, start=NOW - timedelta(days=300), end=NOW - timedelta(days=200))
        again = Reached(id=ONE, start=NOW - timedelta(days=100))
        token = await store_grant(session, an_entry(reach={"service_point": [first, again]}), now=NOW)
        access = await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        objects = access.objects("service_point", "reach")
        rows = (await session.execute(select(objects).order_by(objects.c.starts_at))).all()
        assert [(row.object_id, row.starts_at, row.ends_at) for row in rows] == [(ONE, first.start, first.end), (ONE, again.start, None)]

    async def test_a_relation_list_is_cut_in_its_order(self, session: AsyncSession, settings: CommonSettings) -> None:
        from sqlalchemy import ARRAY, Uuid, literal

        token = await store_grant(session, an_entry(visible={"service_contract": [ONE, THREE]}), now=NOW)
        access = await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        listed = literal([THREE, TWO, ONE], ARRAY(Uuid))
        assert await session.scalar(select(access.cut("service_contract", listed))) == [THREE, ONE]
        assert await session.scalar(select(access.cut("meter_device", listed))) == []
        assert await session.scalar(select(access.sees("service_contract", literal(TWO, Uuid)))) is False


class TestRefusals:
    @pytest.mark.req("WG3D-005", "WG102-235")
    @pytest.mark.parametrize("status", ["revoked", "closed", "expired", "disabled"])
    async def test_an_ended_grant_makes_the_token_invalid(self, session: AsyncSession, settings: CommonSettings, status: str) -> None:
        token = await store_grant(session, an_entry(visible={"account": None}), status=status, now=NOW)
        with pytest.raises(InvalidToken):
            await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())

    @pytest.mark.req("WG3D-005", "WG102-235")
    @pytest.mark.parametrize("status", ["future", "suspended"])
    async def test_a_grant_that_is_not_open_opens_nothing(self, session: AsyncSession, settings: CommonSettings, status: str) -> None:
        token = await store_grant(session, an_entry(visible={"account": None}), status=status, now=NOW)
        access = await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        assert access.entries == ()

    @pytest.mark.req("WG102-242")
    async def test_the_clock_ends_a_grant_without_any_event(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await store_grant(session, an_entry(visible={"account": None}), not_after=NOW + timedelta(seconds=1), now=NOW)
        assert (await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())).entries
        with pytest.raises(InvalidToken):
            await load_access(session, token, now=NOW + timedelta(seconds=1), settings=settings, peers=NoPeers())

    @pytest.mark.req("WG102-237")
    async def test_a_pending_grant_opens_what_is_enabled(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await store_grant(session, an_entry(visible={"account": [ONE]}), status="pending", now=NOW)
        assert len((await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())).entries) == 1

    @pytest.mark.req("WG3D-003")
    async def test_a_token_without_customer_data_is_refused(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await store_grant(session, an_entry(scope="cds_client_admin", scope_type="cds_client_admin"), now=NOW)
        with pytest.raises(InsufficientScope):
            await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())

    async def test_a_narrowed_token_opens_only_its_own_scopes(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await store_grant(session, an_entry(0, scope="a"), an_entry(1, scope="b"), now=NOW)
        access = await load_access(session, token.model_copy(update={"scope": "b"}), now=NOW, settings=settings, peers=NoPeers())
        assert [entry.scope for entry in access.entries] == ["b"]

    @pytest.mark.parametrize(
        "change",
        [{"environment": "production"}, {"registration_id": "other"}, {"client_id": "other"}],
        ids=["other environment", "other registration", "other client"],
    )
    async def test_another_clients_grant_opens_nothing(
        self, session: AsyncSession, settings: CommonSettings, change: dict[str, Any]
    ) -> None:
        token = await store_grant(session, an_entry(visible={"account": None}), now=NOW)
        with pytest.raises(InvalidToken):
            await load_access(session, token.model_copy(update=change), now=NOW, settings=settings, peers=NoPeers())

    @pytest.mark.parametrize("part", ["credential", "family"])
    async def test_a_revoked_credential_or_family_kills_its_tokens(
        self, session: AsyncSession, settings: CommonSettings, part: str
    ) -> None:
        token = await store_grant(session, an_entry(), revoked_token_parts=[part], now=NOW)
        with pytest.raises(InvalidToken):
            await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())

    async def test_tokens_from_before_a_moment_are_dead(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await store_grant(session, an_entry(), tokens_not_before=NOW + timedelta(minutes=1), now=NOW)
        with pytest.raises(InvalidToken):
            await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        younger = token.model_copy(update={"iat": int(NOW.timestamp()) + 60})
        assert (await load_access(session, younger, now=NOW, settings=settings, peers=NoPeers())).entries


class TestGrantAdmin:
    async def both(self, session: AsyncSession, **opened: Any) -> Any:
        admin = await store_grant(
            session, an_entry(scope="cds_grant_admin_1", scope_type="cds_grant_admin"), client_id="admin-client", now=NOW
        )
        data = await store_grant(session, an_entry(visible={"account": [ONE]}), client_id="other-client", now=NOW, **opened)
        return admin.model_copy(update={"cds_opens_grant_ids": data.cds_grant_ids})

    async def test_it_opens_the_grants_it_was_made_for(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await self.both(session)
        access = await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        assert access.grant_ids == token.cds_opens_grant_ids
        assert await seen_ids(session, access.seen("account")) == {ONE}

    async def test_not_those_of_another_registration(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await self.both(session, registration_id="somebody else")
        with pytest.raises(InvalidToken):
            await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())

    @pytest.mark.req("WG102-235")
    async def test_not_one_that_has_ended(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await self.both(session, status="revoked")
        with pytest.raises(InvalidToken):
            await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())


class TestEncryptionKey:
    @pytest.mark.req("WG3B-271", "WG3B-272")
    async def test_it_follows_the_grant(self, session: AsyncSession, settings: CommonSettings) -> None:
        with_key = await store_grant(session, an_entry(0, scope="a"), an_entry(1, scope="b"), details={"jwk": PUBLIC_JWK}, now=NOW)
        without = await store_grant(session, an_entry(), details={"jwk": None}, now=NOW)
        refreshed = with_key.model_copy(update={"jti": "credential.family.other", "scope": "b"})
        keys = [
            (await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())).encryption_key
            for token in (with_key, refreshed, without)
        ]
        assert keys == [PUBLIC_JWK, PUBLIC_JWK, None]

    @pytest.mark.req("WG3B-272")
    async def test_a_grant_admin_token_gets_the_key_of_what_it_opens(self, session: AsyncSession, settings: CommonSettings) -> None:
        admin = await store_grant(session, an_entry(scope="admin", scope_type="cds_grant_admin"), client_id="admin", now=NOW)
        data = await store_grant(session, an_entry(), client_id="other", details={"jwk": PUBLIC_JWK}, now=NOW)
        token = admin.model_copy(update={"cds_opens_grant_ids": data.cds_grant_ids})
        access = await load_access(session, token, now=NOW, settings=settings, peers=NoPeers())
        assert access.encryption_key == PUBLIC_JWK

    async def test_a_plain_grant_beside_an_encrypted_one_is_encrypted(self, session: AsyncSession, settings: CommonSettings) -> None:
        tokens = [await store_grant(session, an_entry(), details={"jwk": jwk}, now=NOW) for jwk in (None, PUBLIC_JWK)]
        both = tokens[0].model_copy(update={"cds_grant_ids": tuple(one for token in tokens for one in token.cds_grant_ids)})
        access = await load_access(session, both, now=NOW, settings=settings, peers=NoPeers())
        assert access.encryption_key == PUBLIC_JWK

    async def test_grants_with_different_keys_do_not_share_an_answer(self, session: AsyncSession, settings: CommonSettings) -> None:
        keys = (PUBLIC_JWK, PUBLIC_JWK | {"kid": "another"})
        tokens = [await store_grant(session, an_entry(), details={"jwk": jwk}, now=NOW) for jwk in keys]
        both = tokens[0].model_copy(update={"cds_grant_ids": tuple(one for token in tokens for one in token.cds_grant_ids)})
        with pytest.raises(InsufficientScope, match="different encryption keys"):
            await load_access(session, both, now=NOW, settings=settings, peers=NoPeers())


class TestReadThrough:
    async def test_an_unknown_grant_is_read_from_its_owners(self, session: AsyncSession, settings: CommonSettings) -> None:
        grant = a_grant()
        peers = Peers(grant, resolved_for(grant, an_entry(visible={"account": [TWO]})))
        token = a_token(grant, now=NOW)
        access = await load_access(session, token, now=NOW, settings=settings, peers=peers)
        assert await seen_ids(session, access.seen("account")) == {TWO}
        assert peers.asked == ["auth", "accounts"]
        again = await load_access(session, token, now=NOW + timedelta(seconds=4), settings=settings, peers=NoPeers())
        assert len(again.entries) == 1

    async def test_a_grant_that_auth_does_not_know_opens_nothing(self, session: AsyncSession, settings: CommonSettings) -> None:
        with pytest.raises(InvalidToken):
            await load_access(session, a_token(a_grant(), now=NOW), now=NOW, settings=settings, peers=Peers())

    async def test_a_stale_copy_asks_auth_again_and_sees_the_end(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await store_grant(session, an_entry(visible={"account": None}), grant_id="g1", now=NOW)
        later = NOW + settings.staleness_limit + timedelta(seconds=1)
        peers = Peers(a_grant(version=2, status="revoked"))
        with pytest.raises(InvalidToken):
            await load_access(session, token, now=later, settings=settings, peers=peers)
        assert peers.asked == ["auth"]

    async def test_a_stale_copy_is_refused_while_auth_is_away(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await store_grant(session, an_entry(visible={"account": None}), now=NOW)
        later = NOW + settings.staleness_limit + timedelta(seconds=1)
        with pytest.raises(TransientError):
            await load_access(session, token, now=later, settings=settings, peers=Unreachable())

    async def test_only_the_heartbeat_of_its_own_partition_keeps_a_grant_fresh(
        self, session: AsyncSession, settings: CommonSettings
    ) -> None:
        token = await store_grant(session, an_entry(visible={"account": None}), now=NOW)
        later = NOW + settings.staleness_limit + timedelta(seconds=1)
        await apply_heartbeats(session, {1: later})
        with pytest.raises(TransientError):
            await load_access(session, token, now=later, settings=settings, peers=Unreachable())
        await apply_heartbeats(session, {0: later})
        assert (await load_access(session, token, now=later, settings=settings, peers=Unreachable())).entries

    @pytest.mark.parametrize("status", ["pending", "needs_sub_grants"])
    async def test_a_waiting_copy_asks_whether_the_grant_is_active_by_now(
        self, session: AsyncSession, settings: CommonSettings, status: str
    ) -> None:
        entry = an_entry(visible={"account": [ONE]})
        token = await store_grant(session, entry, grant_id="g1", status=status, enabled=False, now=NOW)
        waiting = a_grant(status=status, entries=[a_grant().entries[0].model_copy(update={"enabled": False})])
        assert (await load_access(session, token, now=NOW, settings=settings, peers=Peers(waiting))).entries == ()
        peers = Peers(a_grant(version=2))
        access = await load_access(session, token, now=NOW, settings=settings, peers=peers)
        assert await seen_ids(session, access.seen("account")) == {ONE}
        assert peers.asked == ["auth"]

    async def test_a_copy_with_some_entries_enabled_asks_about_the_others(self, session: AsyncSession, settings: CommonSettings) -> None:
        first, second = an_entry(0, scope="a", visible={"account": [ONE]}), an_entry(1, scope="b", visible={"account": [TWO]})
        token = await store_grant(session, first, second, grant_id="g1", now=NOW)
        whole = GrantPublishedV1.model_validate(await session.scalar(select(TABLES.grant_copy.c.body)))
        waiting = [whole.entries[0], whole.entries[1].model_copy(update={"enabled": False})]
        part = whole.model_copy(update={"version": 2, "status": "pending", "entries": waiting})
        await apply_grant(session, part, partition=0)
        access = await load_access(session, token, now=NOW, settings=settings, peers=Peers(part))
        assert await seen_ids(session, access.seen("account")) == {ONE}
        peers = Peers(whole.model_copy(update={"version": 3}))
        access = await load_access(session, token, now=NOW, settings=settings, peers=peers)
        assert await seen_ids(session, access.seen("account")) == {ONE, TWO}
        assert peers.asked == ["auth"]

    @pytest.mark.req("WG102-237")
    async def test_a_waiting_copy_answers_alone_while_auth_is_away(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await store_grant(session, an_entry(visible={"account": [ONE]}), status="pending", enabled=False, now=NOW)
        assert (await load_access(session, token, now=NOW, settings=settings, peers=Unreachable())).entries == ()

    async def test_entitlements_of_older_entries_are_not_used(self, session: AsyncSession, settings: CommonSettings) -> None:
        token = await store_grant(session, an_entry(visible={"account": [ONE]}), grant_id="g1", now=NOW)
        newer = a_grant(version=2, entries_version=2)
        await apply_grant(session, newer, partition=0)
        peers = Peers(newer, resolved_for(newer, an_entry(visible={"account": [TWO]})).model_copy(update={"version": 2}))
        access = await load_access(session, token, now=NOW, settings=settings, peers=peers)
        assert await seen_ids(session, access.seen("account")) == {TWO}
        assert peers.asked == ["accounts"]

    async def test_entries_changed_again_on_the_way_are_read_with_their_grant(
        self, session: AsyncSession, settings: CommonSettings
    ) -> None:
        token = await store_grant(session, an_entry(visible={"account": [ONE]}), grant_id="g1", now=NOW)
        await apply_grant(session, a_grant(version=2, entries_version=2), partition=0)
        newest = a_grant(version=3, entries_version=3)
        peers = Peers(newest, resolved_for(newest, an_entry(visible={"account": [TWO]})).model_copy(update={"version": 3}))
        access = await load_access(session, token, now=NOW, settings=settings, peers=peers)
        assert await seen_ids(session, access.seen("account")) == {TWO}
        assert peers.asked == ["accounts", "auth"]

    async def test_unresolved_entries_are_a_wait_not_an_empty_list(self, session: AsyncSession, settings: CommonSettings) -> None:
        grant = a_grant()
        await apply_grant(session, grant, partition=0)
        await apply_heartbeats(session, {0: NOW})
        with pytest.raises(TransientError):
            await load_access(session, a_token(grant, now=NOW), now=NOW, settings=settings, peers=Peers(grant, None))


async def test_an_ended_grant_leaves_no_entitlements_behind(session: AsyncSession) -> None:
    await store_grant(session, an_entry(visible={"account": [uuid4()]}), grant_id="g1", now=NOW)
    await apply_grant(session, a_grant(version=2, status="closed"))
    assert (await session.scalars(select(TABLES.entitlement_object.c.object_id))).all() == []


async def test_a_read_through_and_a_consumer_do_not_wait_for_each_other(engine: AsyncEngine) -> None:
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    grant = a_grant("grant-read-and-consumed")
    resolved = resolved_for(grant)

    async def consume() -> None:
        async with sessions.begin() as session:
            await apply_entitlements(session, resolved)
            await answer_readiness(session, grant.grant_id, service="usage")

    try:
        async with sessions.begin() as session:
            await apply_grant(session, grant, partition=0)
        async with sessions.begin() as session:
            await apply_grant(session, grant, checked_at=NOW)
            consuming = asyncio.create_task(consume())
            await asyncio.wait([consuming], timeout=0.5)
            await apply_entitlements(session, resolved)
        await consuming
    finally:
        async with sessions.begin() as session:
            await session.execute(delete(TABLES.grant_copy).where(TABLES.grant_copy.c.grant_id == grant.grant_id))
            await session.execute(delete(TABLES.entitlement).where(TABLES.entitlement.c.grant_id == grant.grant_id))
            await session.execute(text("DELETE FROM outbox"))
