"""Wire models of the Grants API (CDS-WG1-02 §8.1)."""

from typing import Any

from pydantic import Field

from cds_auth.domain.grant import Grant
from cds_common.wire import CdsDateTime, CdsModel


class GrantOut(CdsModel):
    """A Grant Object; all twenty members are always there."""

    grant_id: str
    uri: str
    replacing: list[str]
    replaced_by: list[str]
    parent: str | None
    children: list[str]
    created: CdsDateTime
    modified: CdsDateTime
    not_before: CdsDateTime | None
    not_after: CdsDateTime | None
    eta: CdsDateTime | None
    expires: CdsDateTime | None
    status: str
    client_id: str
    scope: str
    authorization_details: list[dict[str, Any]]
    states: list[str]
    receipt_confirmations: list[str]
    enabled_scope: str
    enabled_authorization_details: list[dict[str, Any]]

    @classmethod
    def of(cls, grant: Grant, children: list[str], public_url: str) -> "GrantOut":
        """The wire form of a Grant."""
        return cls(
            grant_id=grant.grant_id,
            uri=grant_uri(public_url, grant.grant_id),
            replacing=[grant_uri(public_url, one) for one in grant.replacing],
            replaced_by=[grant_uri(public_url, one) for one in grant.replaced_by],
            parent=grant.parent,
            children=children,
            created=grant.created,
            modified=grant.modified,
            not_before=grant.not_before,
            not_after=grant.not_after,
            eta=grant.eta,
            expires=grant.expires,
            status=grant.status.value,
            client_id=grant.client_id,
            scope=grant.scope,
            authorization_details=grant.authorization_details,
            states=list(grant.states),
            receipt_confirmations=list(grant.receipt_confirmations),
            enabled_scope=grant.enabled_scope,
            enabled_authorization_details=grant.enabled_authorization_details,
        )


def grant_uri(public_url: str, grant_id: str) -> str:
    """Where a Grant is read and changed."""
    return f"{public_url}/cds/v1/grants/{grant_id}"


class GrantListOut(CdsModel):
    """A page of Grants (CDS-WG1-02 §8.5)."""

    grants: list[GrantOut]
    next: str | None
    previous: str | None


class GrantChangeIn(CdsModel):
    """Members of a PATCH that a Client may change; all others are ignored (CDS-WG1-02 §8.7)."""

    status: Any = None
    scope: Any = None
    authorization_details: Any = None


class ServerGrantIn(CdsModel):
    """A Grant that the utility approved on a Client's request (CDS-WG1-02 §6.6)."""

    client_id: str = Field(max_length=200)
    scope: str = Field(max_length=10_000)
    authorization_details: list[Any] = Field(default_factory=list, max_length=1000)
    requested_by_message: str | None = Field(default=None, max_length=500)
    not_before: CdsDateTime | None = None
    not_after: CdsDateTime | None = None


class ClosedFileIn(CdsModel):
    """A file that the utility shares no longer (CDS-WG1-02 §9)."""

    client_id: str = Field(max_length=200)
    file_id: str = Field(max_length=200)


class GrantIdsOut(CdsModel):
    """Ids of Grants that were made or changed."""

    grant_ids: list[str]


class KeyOrderIn(CdsModel):
    """A new signing key, and who of registry's operators wants it."""

    at_once: bool = False
    note: str = Field(default="", max_length=500)
    operator: str = Field(min_length=1, max_length=100)


class NewKeyOut(CdsModel):
    """The new key's id."""

    kid: str
