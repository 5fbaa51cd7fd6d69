"""What this server offers, read once from the utility's configuration and shared by all use cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cds_common.access.details import ClientLimits, Flow, RequestedAccess, validate_request
from cds_common.access.errors import AccessRefused
from cds_common.access.offers import OfferedScope
from cds_common.events.clients import ClientPublishedV1
from cds_common.utility import Utility
from cds_common.utility import offers as utility_offers
from cds_common.utility import wire as utility_wire
from cds_registry.domain.purposes import Purpose
from cds_registry.domain.scopes import Catalogue, RegistrationField, Scope


@dataclass(frozen=True, slots=True)
class Offer:
    """The utility, its scopes and fields as registration needs them, and the addresses of our objects."""

    public_url: str
    utility: Utility
    catalogue: Catalogue
    offered: Mapping[str, OfferedScope]
    server_purposes: tuple[Purpose, ...]
    """The server's default Purposes with every scope that offers them."""

    def default_purposes(self, scopes: Sequence[str]) -> tuple[Purpose, ...]:
        """The default Purposes of a Client Object with these scopes (WG3C-003)."""
        narrowed = (
            replace(purpose, scopes_supported=tuple(scope for scope in scopes if scope in purpose.scopes_supported))
            for purpose in self.server_purposes
        )
        return tuple(purpose for purpose in narrowed if purpose.scopes_supported)

    def details_fault(
        self, snapshot: ClientPublishedV1, scope: str, details: Sequence[Mapping[str, Any]], *, flow: Flow, now: datetime
    ) -> str | None:
        """Why this Client could not get these authorization details, or None."""
        try:
            validate_request(
                RequestedAccess(scope, list(details), flow),
                limits=ClientLimits.of(snapshot),
                offered=self.offered,
                now=now,
                tz=self.utility.tz,
            )
        except AccessRefused as refused:
            return refused.detail
        return None

    def client_uri(self, client_id: str) -> str:
        """cds_client_uri."""
        return f"{self.public_url}/cds/v1/clients/{client_id}"

    def message_uri(self, message_id: str) -> str:
        """`uri` of a Message."""
        return f"{self.public_url}/cds/v1/messages/{message_id}"

    def credential_uri(self, credential_id: str) -> str:
        """`uri` of a Credential."""
        return f"{self.public_url}/cds/v1/credentials/{credential_id}"

    def metadata_uri(self, client_id: str) -> str:
        """cds_server_metadata of a Client Object."""
        return f"{self.public_url}/cds/v1/metadata/{client_id}/cds-server-metadata.json"

    def server_redirect_uri(self, client_id: str) -> str:
        """The redirect address that ends on a receipt; auth serves it (CDS-WG1-02 §4.2)."""
        return f"{self.public_url}/consent/done/{client_id}"


def build_offer(utility: Utility, public_url: str) -> Offer:
    """Read the configuration into what the use cases need."""
    descriptions: dict[str, Any] = utility_wire.scope_descriptions(utility, public_url)
    fields: dict[str, Any] = utility_wire.registration_fields(utility, public_url)
    return Offer(
        public_url=public_url,
        utility=utility,
        catalogue=Catalogue(
            {name: Scope.from_description(description) for name, description in descriptions.items()},
            {name: RegistrationField.from_wire(field) for name, field in fields.items()},
        ),
        offered=utility_offers.offered_scopes(utility),
        server_purposes=_server_purposes(utility, descriptions),
    )


def _server_purposes(utility: Utility, descriptions: Mapping[str, Any]) -> tuple[Purpose, ...]:
    choices: dict[str, list[str]] = {}
    for scope, description in descriptions.items():
        for field in description["authorization_details_fields_supported"]:
            if field["id"] == "purpose":
                for choice in field["choices"]:
                    choices.setdefault(choice["id"], []).append(scope)
    return tuple(
        Purpose(
            id=purpose.id,
            name=purpose.name,
            content=purpose.content,
            related_uri=purpose.related_uri,
            related_name=purpose.related_name,
            scopes_supported=tuple(choices.get(purpose.id, ())),
            default=True,
            reviewed=True,
        )
        for purpose in utility.purposes
    )
