"""`cds.clients`: the Client Objects as auth needs them (CDS-WG1-02 §5); whole snapshots, newest version wins."""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from cds_common.events.envelope import Contract, IntegrationEvent
from cds_common.ids import Environment

ClientStatus = Literal["production", "sandbox", "disabled"]


class CredentialVerifier(Contract):
    """Lets auth check a Credential without knowing it: HMAC-SHA-256 of a 256-bit secret under the shared credential key."""

    credential_id: str
    secret_hmac: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    expires_at: AwareDatetime | None = None
    """None = never (client_secret_expires_at 0)."""


class ClientPurpose(Contract):
    """A Purpose as the customer will read it (CDS-WG3-01 §8)."""

    id: str
    name: str
    content: str
    related_uri: str | None = None
    related_name: str | None = None
    scopes_supported: list[str]
    written_by_client: bool
    reviewed: bool


class DirectPermission(Contract):
    """What a Client may see without a customer's consent; the Grant's preselection fields can only cut it further.

    `everything` is a predicate over the environment. Otherwise an account is covered when its ref is listed, it has one of
    the account types, or it is one of the customers' (self-access: what they have now, and what they get later); an
    aggregation when its number is listed.

    Whatever is covered, `withheld_fields` are the authorization details fields without effect for the Client: an include_* one
    opens nothing, not even where the scope implies it, a preselection one matches nothing (CDS-WG3-01 §7.1, §7.2). Bills and usage
    before `data_from` stay hidden whatever a duration field says (§7.3). `named_only`: a token request must name what it wants.
    """

    everything: bool = False
    account_refs: list[str] = Field(default_factory=list, max_length=10_000)
    account_types: list[str] = Field(default_factory=list, max_length=13)
    customer_ids: list[UUID] = Field(default_factory=list, max_length=1000)
    aggregation_numbers: list[str] = Field(default_factory=list, max_length=10_000)
    all_aggregations: bool = False
    withheld_fields: list[str] = Field(default_factory=list, max_length=60)
    data_from: AwareDatetime | None = None
    named_only: bool = False

    @property
    def sees_accounts(self) -> bool:
        """Whether it can cover accounts at all, beside sums."""
        return self.everything or bool(self.account_refs or self.account_types or self.customer_ids)

    @property
    def sees_aggregations(self) -> bool:
        """Whether it can cover sums."""
        return self.everything or self.all_aggregations or bool(self.aggregation_numbers)


class ClientPublishedV1(IntegrationEvent):
    """A Client Object after a change. `environment` follows from the status; a disabled one keeps its last environment."""

    topic: ClassVar[str] = "cds.clients"
    event_type: Literal["client.published.v1"] = "client.published.v1"
    client_id: str
    registration_id: str
    version: int
    environment: Environment
    status: ClientStatus
    client_name: str
    client_uri: str | None = None
    client_uri_verified: bool = False
    logo_uri: str | None = None
    scope: str
    scope_types: dict[str, str]
    """scope id -> scope type, for every id in `scope`."""
    grant_types: list[str]
    response_types: list[str]
    token_endpoint_auth_method: str
    redirect_uris: list[str]
    authorization_details_types: list[str]
    default_scope: str | None = None
    default_redirect_uri: str | None = None
    server_redirect_uri: str | None = None
    """The redirect URI that this server made for the Client; it ends on the receipt page."""
    default_authorization_details: list[dict[str, Any]] | None = None
    purposes: list[ClientPurpose] = Field(default_factory=list)
    credentials: list[CredentialVerifier] = Field(default_factory=list)
    jwks: dict[str, Any] | None = None
    pkce_exempt: bool = False
    direct_permission: DirectPermission | None = None

    def key(self) -> str:
        return self.client_id


class MessagePublishedV1(IntegrationEvent):
    """A Message was created or changed (CDS-WG1-02 §6); its text stays with registry."""

    topic: ClassVar[str] = "cds.messages"
    event_type: Literal["message.published.v1"] = "message.published.v1"
    message_id: str
    registration_id: str
    version: int
    type: str
    status: str
    created_by_client: bool

    def key(self) -> str:
        return self.message_id
