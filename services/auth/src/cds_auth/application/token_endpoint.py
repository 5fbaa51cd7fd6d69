"""The token endpoint (RFC 6749 §3.2, §5): who asks, on what ground, and which Grant the answer belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.access_tokens import AccessTokens, Holder
from cds_auth.application.await_grant import await_grant
from cds_auth.application.client_authentication import ClientAuthenticator, Proof
from cds_auth.application.client_credentials import grant_for_client
from cds_auth.application.direct_preselections import Preselections
from cds_auth.application.oauth_refusals import oauth_refusals
from cds_auth.application.rate_limit import RateLimiter
from cds_auth.application.redeem_code import CodeReplayed, redeem_code
from cds_auth.application.refresh_tokens import RefreshReplayed, new_refresh_token, rotate
from cds_auth.application.repeated_requests import RepeatedRequests
from cds_auth.application.revoke_tokens import revoke_family
from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import touched
from cds_auth.domain.grant import Grant
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.domain.token import Caller, GrantType
from cds_common.db import Sessions
from cds_common.events.clients import ClientPublishedV1
from cds_common.oauth_errors import InvalidGrant, InvalidRequest, UnauthorizedClient, UnsupportedGrantType

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Granted:
    """An answer, and the Grant that it may be worth waiting for."""

    answer: Answer
    wait_for: Grant | None = None


class TokenEndpoint:
    """One per process."""

    def __init__(
        self,
        authenticator: ClientAuthenticator,
        tokens: AccessTokens,
        rules: AuthRules,
        limiter: RateLimiter,
        repeated: RepeatedRequests,
        preselections: Preselections,
    ) -> None:
        self._authenticator, self._tokens, self._rules = authenticator, tokens, rules
        self._limiter, self._repeated, self._preselections = limiter, repeated, preselections

    async def answer(self, sessions: Sessions, proof: Proof, now: datetime) -> Answer:
        """The members of the token response (RFC 6749 §5.1, RFC 9396 §7, CDS-WG1-02 §8.4). It has its own transactions.

        Raises:
            OAuthError: the request is refused.
        """
        await self._tokens.warm()
        repeated = await self._answer_again(proof, now)
        if repeated is not None:
            return repeated
        try:
            with oauth_refusals():
                async with sessions.begin() as tx:
                    client, caller = await self._authenticator.authenticate(tx, proof, now)
                    self._limiter.take(client.client_id)
                    granted = await self._grant(tx, client, caller, proof, now)
        except (CodeReplayed, RefreshReplayed) as replay:
            # Own transaction: the request is refused, yet what the thief or the owner holds must stop (RFC 6749 §4.1.2, RFC 9700 §4.14).
            async with sessions.begin() as tx:
                await revoke_family(tx, replay.family_id, reason="replay", rules=self._rules, now=now)
            raise InvalidGrant("It has been used before; its tokens are revoked") from replay
        if granted.wait_for is not None:
            await await_grant(sessions, granted.wait_for.grant_id, self._rules.grant_wait)
        return granted.answer

    async def _answer_again(self, proof: Proof, now: datetime) -> Answer | None:
        recognised = self._authenticator.recognise(proof, now)
        if recognised is None or "client_credentials" not in recognised[0].grant_types:
            return None
        self._limiter.check(recognised[0].client_id)
        answer = await self._repeated.answer(*recognised, proof, now)
        if answer is not None:
            self._limiter.take(recognised[0].client_id)
        return answer

    async def _grant(self, tx: AsyncSession, client: ClientPublishedV1, caller: Caller, proof: Proof, now: datetime) -> _Granted:
        form = proof.form
        if "grant_type" not in form:
            raise InvalidRequest("grant_type is missing")
        try:
            grant_type = GrantType(form["grant_type"])
        except ValueError:
            raise UnsupportedGrantType("This grant_type is not supported") from None
        if grant_type.value not in client.grant_types:
            raise UnauthorizedClient("The client may not use this grant_type")
        if grant_type is GrantType.CLIENT_CREDENTIALS:
            return await self._client_credentials(tx, client, caller, proof, now)
        if grant_type is GrantType.AUTHORIZATION_CODE:
            return await self._code(tx, client, caller, form, now)
        return await self._refresh(tx, caller, form, now)

    async def _client_credentials(
        self, tx: AsyncSession, client: ClientPublishedV1, caller: Caller, proof: Proof, now: datetime
    ) -> _Granted:
        form = proof.form
        found = await grant_for_client(
            tx,
            client,
            form.get("scope"),
            form.get("authorization_details"),
            rules=self._rules,
            preselections=self._preselections,
            now=now,
        )
        grant = found.grant
        holder = Holder(caller, GrantType.CLIENT_CREDENTIALS, client.client_id, opens=found.opens)
        answer = await self._tokens.issue(tx, grant, holder, now)
        if found.made:
            answer["cds_grant_ids"] = [grant.grant_id]
        elif found.opens is None:  # what a Grant Admin token opens must be looked at every time
            self._repeated.remember(client, proof, grant)
        # Consents may take weeks: a Grant that asks the aggregation service answers at once, as pending (CDS-WG3-01 §4.11).
        worth_waiting = (
            found.made and grant.status is GrantStatus.PENDING and not any("aggregation" in touched(entry) for entry in grant.asked)
        )
        return _Granted(answer, grant if worth_waiting else None)

    async def _code(self, tx: AsyncSession, client: ClientPublishedV1, caller: Caller, form: Mapping[str, str], now: datetime) -> _Granted:
        grant, family = await redeem_code(tx, caller.client_id, form, now=now)
        answer = await self._tokens.issue(tx, grant, Holder(caller, GrantType.AUTHORIZATION_CODE, family.subject, family.family_id), now)
        if "refresh_token" in client.grant_types:
            answer["refresh_token"] = await new_refresh_token(tx, family, caller, grant, rules=self._rules, now=now)
        answer["cds_grant_ids"] = [grant.grant_id]
        return _Granted(answer, grant if grant.status is GrantStatus.PENDING else None)

    async def _refresh(self, tx: AsyncSession, caller: Caller, form: Mapping[str, str], now: datetime) -> _Granted:
        grant, family, scopes = await rotate(tx, caller.client_id, form, now=now)
        holder = Holder(caller, GrantType.REFRESH_TOKEN, family.subject, family.family_id, scopes=scopes)
        answer = await self._tokens.issue(tx, grant, holder, now)
        answer["refresh_token"] = await new_refresh_token(tx, family, caller, grant, rules=self._rules, now=now)
        return _Granted(answer)
