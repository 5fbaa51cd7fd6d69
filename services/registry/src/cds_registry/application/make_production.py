"""The production twin of a sandbox Client Object, with a Credential; the sandbox object stays (CDS-WG1-02 §6.2)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.clients import DirectPermission
from cds_registry.application.make_client import new_client, store_client
from cds_registry.application.modify_client import ClientTools
from cds_registry.application.notify import tell_client_change, tell_credential_change
from cds_registry.application.publish_client import publish_client
from cds_registry.domain.client import Client
from cds_registry.domain.grouping import PlannedClient
from cds_registry.domain.purposes import Purpose


async def make_production(
    session: AsyncSession,
    sandbox: Client,
    *,
    purposes: Sequence[Purpose] = (),
    permission: DirectPermission | None,
    tools: ClientTools,
    now: datetime,
) -> Client:
    """Make the twin and tell the registration; it sees what `permission` opens."""
    planned = PlannedClient(
        sandbox.kind, sandbox.registered_scopes, sandbox.response_types, sandbox.grant_types, sandbox.auth_method, "production"
    )
    client = new_client(
        planned,
        registration_id=sandbox.registration_id,
        metadata=sandbox.metadata,
        fields=sandbox.fields,
        purposes=tuple(purposes),
        permission=permission,
        offer=tools.offer,
        now=now,
    )
    client = replace(client, made_from=sandbox.client_id, client_uri_verified=sandbox.client_uri_verified)
    made = await store_client(session, client, tools.box, now)
    await publish_client(session, client, tools.offer)
    await tell_client_change(session, client, "added", tools.offer, now)
    if made is not None:
        await tell_credential_change(session, made[0], "added", tools.offer, now)
    return client
