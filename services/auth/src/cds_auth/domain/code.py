"""An authorization code and what its redemption must prove (RFC 6749 §4.1.3, RFC 7636 §4.6)."""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime

from authlib.oauth2.rfc7636 import create_s256_code_challenge

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")
"""An S256 challenge: BASE64URL of 32 bytes."""


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code as stored; `family_id` is set once it was redeemed."""

    code_hash: bytes
    client_id: str
    grant_id: str
    subject: str
    redirect_uri: str
    redirect_uri_sent: bool
    code_challenge: str | None
    expires: datetime
    family_id: str | None

    def fault(self, *, client_id: str, redirect_uri: str | None, verifier: str | None, now: datetime) -> str | None:
        """Why this redemption is refused, None when it is right. Whether the code was used before is asked apart."""
        if self.client_id != client_id:
            return "The code was issued to another client"
        if self.expires <= now:
            return "The code has expired"
        if redirect_uri is None and self.redirect_uri_sent:
            return "redirect_uri is missing"
        if redirect_uri is not None and redirect_uri != self.redirect_uri:
            return "redirect_uri differs from that of the authorization request"
        return self._verifier_fault(verifier)

    def _verifier_fault(self, verifier: str | None) -> str | None:
        if self.code_challenge is None:
            # A verifier without a challenge is the sign of a downgrade (RFC 9700 §2.1.1).
            return "code_verifier was sent but no code_challenge" if verifier is not None else None
        if verifier is None:
            return "code_verifier is missing"
        if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(create_s256_code_challenge(verifier), self.code_challenge):
            return "code_verifier does not fit the code_challenge"
        return None
