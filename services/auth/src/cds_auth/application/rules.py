"""What use cases must know besides their arguments: the offered scopes and the times of this installation."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from cds_auth.settings import Settings
from cds_common.access.offers import OfferedScope
from cds_common.keys import derive_key
from cds_common.utility import Utility
from cds_common.utility.offers import offered_scopes


@dataclass(frozen=True, slots=True)
class AuthRules:
    """Made once per process from the settings and `config/utility.yaml`; passed to every use case that decides something."""

    issuer: str
    offered: Mapping[str, OfferedScope]
    tz: ZoneInfo
    access_token_lifetime: timedelta
    refresh_token_lifetime: timedelta
    refresh_token_absolute_lifetime: timedelta
    code_lifetime: timedelta
    pushed_request_lifetime: timedelta
    grant_wait: timedelta
    grant_eta: timedelta
    subject_key: bytes
    credential_key: bytes
    strict: bool
    """Authorization requests come by PAR only, and no Client is exempt from PKCE."""

    @classmethod
    def of(cls, settings: Settings, utility: Utility) -> "AuthRules":
        """The rules of this installation."""
        return cls(
            issuer=settings.public_url,
            offered=offered_scopes(utility),
            tz=utility.tz,
            access_token_lifetime=settings.access_token_lifetime,
            refresh_token_lifetime=settings.refresh_token_lifetime,
            refresh_token_absolute_lifetime=settings.refresh_token_absolute_lifetime,
            code_lifetime=settings.code_lifetime,
            pushed_request_lifetime=settings.pushed_request_lifetime,
            grant_wait=settings.grant_wait,
            grant_eta=settings.grant_eta,
            subject_key=derive_key(settings.internal_key, "token-subject"),
            credential_key=settings.credential_key.get_secret_value().encode(),
            strict=settings.profile == "strict",
        )

    def subject(self, customer_id: UUID, client_id: str) -> str:
        """The `sub` of a customer's tokens: stable for one Client, different for the next, and nothing of the customer in it."""
        message = f"{client_id}\x1f{customer_id}".encode()
        return hmac.new(self.subject_key, message, hashlib.sha256).hexdigest()[:40]

    def scope_type(self, scope: str) -> str | None:
        """The type of an offered scope, None for an unknown one."""
        offer = self.offered.get(scope)
        return None if offer is None else offer.type
