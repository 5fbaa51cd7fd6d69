"""List the objects of one kind that a token sees: one query, then masks (CDS-WG3-01 §10.1-§10.4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.persistence.conditions import Condition
from cds_accounts.persistence.listings import ListingQuery
from cds_common import exact_json
from cds_common.access.masks import visible_properties
from cds_common.events.resources import ResourceKind
from cds_common.grant_copy import Access, OpenEntry, log_access
from cds_common.paging import PageRequest, Turn


@dataclass(frozen=True, slots=True)
class Shape:
    """What the answer of one listing looks like. `relations` are columns that are answered as they are, beside the document."""

    kind: ResourceKind
    endpoint: str
    array: str
    id_name: str
    relations: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    """Columns that are left out when they are not known."""
    programs: str | None = None
    """The member with programs, of which an entry may show some only (§6.1.2, §6.1.3)."""


ACCOUNTS = Shape("account", "accounts", "accounts", "cds_account_id", ("cds_account_parent",), programs="account_programs")
SERVICE_CONTRACTS = Shape(
    "service_contract",
    "service-contracts",
    "service_contracts",
    "cds_servicecontract_id",
    ("cds_account_id",),
    ("account_number",),
    "service_programs",
)
SERVICE_POINTS = Shape(
    "service_point",
    "service-points",
    "service_points",
    "cds_servicepoint_id",
    ("current_servicecontracts", "previous_servicecontracts"),
)
METER_DEVICES = Shape(
    "meter_device", "meter-devices", "meter_devices", "cds_meterdevice_id", ("current_servicepoints", "previous_servicepoints")
)


class _Numbered(msgspec.Struct):
    program_number: str


_documents = msgspec.json.Decoder(dict[str, msgspec.Raw])
_programs = msgspec.json.Decoder(list[msgspec.Raw])
_numbered = msgspec.json.Decoder(_Numbered)


async def list_objects(
    session: AsyncSession, shape: Shape, access: Access, conditions: Sequence[Condition], paging: PageRequest, *, now: datetime
) -> bytes:
    """The JSON of one page, newest change first; who read it is logged in the same transaction.

    Raises:
        ProblemError: 400, the page link was made for another list, caller or filter.
    """
    turn = Turn(paging, name=shape.endpoint, identity=_identity(access), length=2)
    if not access.entries:
        return exact_json.encode({shape.array: [], "next": None, "previous": None})
    query = ListingQuery(shape.kind, access, now, conditions)
    page = turn.page(await query.page(session, turn), lambda row: (row.cds_modified, row.object_id))
    older = await _older_views(session, query, page.rows)
    objects = [_object(shape, access, row, older.get(row.object_id, ())) for row in page.rows]
    await log_access(session, access, endpoint=shape.endpoint, object_ids=[row.object_id for row in page.rows])
    return exact_json.encode({shape.array: objects, "next": page.next, "previous": page.previous})


def _identity(access: Access) -> str:
    """Page links outlive an access token, not its Grants."""
    return " ".join((access.environment, access.client_id, *sorted(access.grant_ids)))


async def _older_views(session: AsyncSession, query: ListingQuery, rows: Iterable[Any]) -> Mapping[UUID, Sequence[Any]]:
    """The other views of objects that are shown in several ways (a frozen entry beside a running one): rare."""
    several = [row.object_id for row in rows if row.views > 1]
    if not several:
        return {}
    found: dict[UUID, list[Any]] = {}
    for row in await query.all_views(session, several):
        found.setdefault(row.object_id, []).append(row)
    return {object_id: each[1:] for object_id, each in found.items()}


def _object(shape: Shape, access: Access, row: Any, older: Sequence[Any]) -> dict[str, Any]:
    """The object under the masks of the entries that show it.

    What only frozen entries open is taken from the version that they froze: a running entry without it opens no newer value.
    """
    answer: dict[str, Any] = {
        shape.id_name: str(row.object_id),
        "cds_created": row.cds_created,
        "cds_modified": row.cds_modified,
        "cds_synced": row.cds_synced,
        **{name: _as_text(getattr(row, name)) for name in shape.relations},
    }
    for view in (row, *older):
        opened = visible_properties(shape.kind, access.flags(view.slots))
        document = _documents.decode(view.document)
        answer |= {name: value for name, value in document.items() if name in opened and name not in answer}
        for name in shape.copied:
            if name in opened and name not in answer and getattr(view, name) is not None:
                answer[name] = getattr(view, name)
    if shape.programs in answer and not shows_every_program(access, shape.programs):
        answer[shape.programs] = _some_programs(shape.programs, access, (row, *older))
    return answer


def _some_programs(member: str, access: Access, views: Iterable[Any]) -> list[msgspec.Raw]:
    """The programs that an entry opening `member` shows, in the newest form that is open."""
    found: dict[str, msgspec.Raw] = {}
    for view in views:
        lists = [_shown(entry, member) for entry in map(access.entries.__getitem__, view.slots) if f"include_{member}" in entry.flags]
        every, wanted = None in lists, {number for shown in lists for number in shown or ()}
        for program in _programs.decode(_documents.decode(view.document).get(member, msgspec.Raw(b"[]"))):
            number = _numbered.decode(program).program_number
            if every or number in wanted:
                found.setdefault(number, program)
        if every:
            break
    return list(found.values())


def shows_every_program(access: Access, member: str) -> bool:
    """Whether no entry shows some programs only."""
    return all(_shown(entry, member) is None for entry in access.entries)


def _shown(entry: OpenEntry, member: str) -> tuple[str, ...] | None:
    return entry.shown_account_programs if member == "account_programs" else entry.shown_service_programs


def _as_text(ids: UUID | list[UUID] | None) -> str | list[str] | None:
    if isinstance(ids, list):
        return [str(one) for one in ids]
    return None if ids is None else str(ids)
