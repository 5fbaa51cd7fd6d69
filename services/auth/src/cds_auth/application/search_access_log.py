"""Who read which objects when: one list over the data services' logs, for the operator."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.adapters.access_logs import SERVICES, AccessLogs
from cds_auth.domain.customer_errors import CustomerNotFound
from cds_auth.domain.errors import SearchRefused
from cds_auth.persistence.customer_copies import find_customer_by_number, resources_of_customer
from cds_auth.persistence.grants import Grants
from cds_common.ids import Environment

MAX_GRANTS = 500
MAX_OBJECTS = 500


@dataclass(frozen=True, slots=True)
class AccessQuestion:
    """What the operator asks; `customer_number` needs `environment` and stands for the customer's Grants and objects."""

    environment: Environment | None = None
    client_id: str | None = None
    grant_id: str | None = None
    customer_number: str | None = None
    object_id: UUID | None = None
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reads:
    """One page, newest first. `cursor` says where each service's next page begins; None at the end."""

    reads: list[dict[str, Any]]
    cursor: str | None


async def search_access_log(tx: AsyncSession, logs: AccessLogs, question: AccessQuestion, *, cursor: str | None, limit: int) -> Reads:
    """Merge the services' answers by time.

    Raises:
        SearchRefused: the filters do not go together, or the cursor is none of ours.
        CustomerNotFound: no customer has the number.
        TransientError: a service is not reachable.
    """
    query = await _query(tx, question)
    places = _places(cursor) if cursor else dict.fromkeys(SERVICES, "")
    asked = {name: query | {"limit": str(limit)} | ({"older_than": place} if place else {}) for name, place in places.items()}
    found = await logs.reads(asked)
    named = [[{"service": name} | one for one in own] for name, own in found.items()]
    # Each service's own order holds, so that its page ends at one place of its chain.
    page = list(islice(heapq.merge(*named, key=lambda one: datetime.fromisoformat(one["at"]), reverse=True), limit))
    return Reads(page, _next(places, found, page, limit))


async def _query(tx: AsyncSession, question: AccessQuestion) -> dict[str, str]:
    plain = {"environment": question.environment, "client_id": question.client_id, "after": question.after, "before": question.before}
    query = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in plain.items() if value is not None}
    if question.customer_number is None:
        if question.grant_id is not None and question.object_id is not None:
            raise SearchRefused("Ask for a Grant or for an object, not for both")
        subjects = {"grant_ids": question.grant_id, "object_ids": question.object_id}
        return query | {name: str(value) for name, value in subjects.items() if value is not None}
    if question.environment is None or question.grant_id is not None or question.object_id is not None:
        raise SearchRefused("A customer is named with the environment, and without a Grant or an object")
    customer = await find_customer_by_number(tx, question.customer_number, question.environment)
    if customer is None:
        raise CustomerNotFound("No customer of this environment has the number, or several have")
    grants = await Grants(tx).list_of_customer(customer.customer_id, MAX_GRANTS + 1)
    objects = await resources_of_customer(tx, customer.customer_id, question.environment)
    if len(grants) > MAX_GRANTS or len(objects) > MAX_OBJECTS:
        raise SearchRefused("The customer has too many Grants or objects for one search; ask for each of them")
    # An empty list finds nothing, which is right: nobody reads what is not there.
    return query | {
        "grant_ids": " ".join(grant.grant_id for grant in grants) or "-",
        "object_ids": " ".join(str(one.resource_id) for one in objects) or str(customer.customer_id),
    }


def _places(cursor: str) -> dict[str, str]:
    """`usage-12.billing-3`: the services that have more, with the place to go on from."""
    places = dict[str, str]()
    for part in cursor.split("."):
        service, _, place = part.partition("-")
        if service not in SERVICES or not (place.isascii() and (place.isdigit() or not place)) or len(place) > 18:
            raise SearchRefused("The cursor is not valid")
        places[service] = place
    return places


def _next(places: Mapping[str, str], found: Mapping[str, Sequence[Any]], page: Sequence[Mapping[str, Any]], limit: int) -> str | None:
    onward = list[str]()
    for service, own in found.items():
        shown = [one["no"] for one in page if one["service"] == service]
        if len(shown) < len(own) or len(own) == limit:
            onward.append(f"{service}-{min(shown) if shown else places[service]}")
    return ".".join(onward) or None
