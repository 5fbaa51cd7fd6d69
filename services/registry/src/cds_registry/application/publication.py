"""The public documents with the times of their content (CDS-WG1-01 §3, §4; CDS-WG1-02 §3)."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.clients import ClientPurpose
from cds_common.utility import wire as utility_wire
from cds_registry.application.documents import moment
from cds_registry.application.offer import Offer
from cds_registry.domain.client import Client
from cds_registry.persistence.published_documents import Times, note_documents

SERVER_METADATA = "server-metadata"
_TIMES = ("created", "updated")


class Publication:
    """Builds the public documents once per process: their content is the configuration, only their times are stored."""

    def __init__(self, offer: Offer, *, only_pushed: bool = False) -> None:
        """`only_pushed`: auth takes authorization requests by PAR alone."""
        self._offer, self._only_pushed = offer, only_pushed
        self._server = _without_times(utility_wire.server_metadata(offer.utility, offer.public_url))
        self._entries = [_without_times(entry) for entry in utility_wire.coverage_entries(offer.utility, offer.public_url)]
        self.authorization_server = self._with_profile(utility_wire.authorization_server_metadata(offer.utility, offer.public_url))
        self._times: dict[str, Times] | None = None
        self._lock = asyncio.Lock()

    async def server_metadata(self, session: AsyncSession, now: datetime) -> dict[str, Any]:
        """The server metadata object (CDS-WG1-01 §3.2)."""
        return self._server | _shown((await self._known_times(session, now))[SERVER_METADATA])

    async def coverage_entries(self, session: AsyncSession, now: datetime) -> list[dict[str, Any]]:
        """All coverage entries, last updated first, ties by id (CDS-WG1-01 §4.1)."""
        times = await self._known_times(session, now)
        entries = sorted(self._entries, key=lambda entry: str(entry["id"]))
        entries.sort(key=lambda entry: times[_coverage(entry)].updated, reverse=True)
        return [entry | _shown(times[_coverage(entry)]) for entry in entries]

    async def client_server_metadata(self, session: AsyncSession, client: Client, now: datetime) -> dict[str, Any]:
        """The server metadata of one Client Object (CDS-WG1-02 §5.1): it leads to the object's own oauth_metadata."""
        public = (await self._known_times(session, now))[SERVER_METADATA]
        return self._server | {
            "cds_metadata_url": self._offer.metadata_uri(client.client_id),
            "oauth_metadata": client_oauth_metadata_uri(client.client_id, self._offer),
            "created": moment(client.created),
            "updated": moment(max(client.modified, public.updated)),
        }

    def client_authorization_server_metadata(self, client: Client) -> dict[str, Any]:
        """The authorization server metadata of one Client Object: its scopes, and its Purposes as choices."""
        scopes = list(dict.fromkeys((*client.scopes, *self._offer.catalogue.grant_admins(client.scopes))))
        return self._with_profile(
            utility_wire.authorization_server_metadata(
                self._offer.utility, self._offer.public_url, scopes=scopes, purposes=self._purposes(client)
            )
        )

    def _with_profile(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """RFC 9126 §5, where the profile forces it."""
        pushes = self._only_pushed and "pushed_authorization_request_endpoint" in metadata
        return metadata | {"require_pushed_authorization_requests": True} if pushes else metadata

    def _purposes(self, client: Client) -> dict[str, list[ClientPurpose]]:
        known = (*self._offer.default_purposes(client.scopes), *client.purposes)
        found: dict[str, list[ClientPurpose]] = {}
        for scope in client.scopes:
            found[scope] = [
                ClientPurpose(
                    id=purpose.id, name=purpose.name, content=purpose.content, related_uri=purpose.related_uri,
                    related_name=purpose.related_name, scopes_supported=list(purpose.scopes_supported),
                    written_by_client=not purpose.default, reviewed=purpose.reviewed,
                )
                for purpose in known
                if scope in purpose.scopes_supported
            ]  # fmt: skip
        return found

    async def _known_times(self, session: AsyncSession, now: datetime) -> Mapping[str, Times]:
        """Noted at the first read of the process; the configuration of a process does not change."""
        async with self._lock:
            if self._times is None:
                # The authorization server's metadata belongs to what the server metadata object leads to, and moves its time.
                contents: dict[str, Any] = {_coverage(entry): entry for entry in self._entries}
                contents[SERVER_METADATA] = [self._server, self.authorization_server]
                self._times = await note_documents(session, contents, self._declared(), now)
            return self._times

    def _declared(self) -> dict[str, Times]:
        utility = self._offer.utility
        entries = {f"coverage:{entry.id}": Times(entry.created, entry.updated) for entry in utility.coverage}
        return entries | {SERVER_METADATA: Times(utility.created, utility.updated)}


def client_oauth_metadata_uri(client_id: str, offer: Offer) -> str:
    """oauth_metadata of a Client Object."""
    return f"{offer.public_url}/cds/v1/metadata/{client_id}/oauth-authorization-server"


def union_of_capabilities(entries: Sequence[Mapping[str, Any]]) -> set[str]:
    """Every capability that any coverage entry names (WG101-013)."""
    return {capability for entry in entries for capability in entry["capabilities"]}


def _without_times(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in _TIMES}


def _shown(times: Times) -> dict[str, str]:
    return {"created": moment(times.created), "updated": moment(times.updated)}


def _coverage(entry: Mapping[str, Any]) -> str:
    return f"coverage:{entry['id']}"
