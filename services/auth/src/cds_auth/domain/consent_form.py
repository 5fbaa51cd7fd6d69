"""The authorization form as data (CDS-WG3-01 §9.2): who asks, for what, for how long, from which list, to what end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from msgspec.structs import replace as changed

from cds_auth.domain.closing import Closing
from cds_auth.domain.data_component import CONSENT_SCOPE, DataCategory, OpenedScope, describe_data
from cds_auth.domain.duration_component import TimedScope, describe_durations
from cds_auth.domain.duration_words import Clock
from cds_auth.domain.editing import EditControls
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.plain_text import mixes_alphabets, safe_block, safe_line
from cds_auth.domain.selection_list import SelectionList, list_entries, through_words
from cds_auth.domain.usage_words import UsageKind
from cds_common.access.catalogue import selection_kind
from cds_common.access.details import EffectiveEntry
from cds_common.access.flags import effective_flags
from cds_common.access.relations import Relations
from cds_common.access.selection import preselected, related_to_aggregations, selectable
from cds_common.events.clients import ClientPublishedV1, ClientPurpose
from cds_common.events.resources import Resource
from cds_common.events.values import AggregationPublishedV1


@dataclass(frozen=True, slots=True)
class Requester:
    """The Client as the page names it; the link only when the operator verified the site."""

    name: str
    uri: str | None
    mixed_alphabets: bool


@dataclass(frozen=True, slots=True)
class PurposeText:
    """A Purpose as shown: text only, its link at the end."""

    purpose_id: str
    content: str
    link: str | None
    link_text: str | None
    written_by_client: bool
    reviewed: bool


@dataclass(frozen=True, slots=True)
class RequestSection:
    """One block of the form; several scopes when they are merged (§7.4.2)."""

    number: int
    scopes: tuple[str, ...]
    data: tuple[DataCategory, ...]
    durations: tuple[str, ...]
    selection: SelectionList
    purpose: PurposeText | None
    controls: EditControls | None = None
    """None where the Client does not let the customer change anything (§7.4.5)."""
    error: bool = False

    @property
    def removed(self) -> bool:
        """Whether the customer took the whole section out of the request."""
        return self.controls is not None and self.controls.removed

    @property
    def complete(self) -> bool:
        """Whether nothing is missing here."""
        return self.removed or self.selection.complete


@dataclass(frozen=True, slots=True)
class ConsentForm:
    """Everything that the page shows of one request to one customer."""

    requester: Requester
    sections: tuple[RequestSection, ...]
    closing: Closing = field(default_factory=Closing)

    @property
    def kept(self) -> tuple[RequestSection, ...]:
        """The sections that an approval is about."""
        return tuple(section for section in self.sections if not section.removed)

    @property
    def changed(self) -> bool:
        """Whether the customer changed what was asked."""
        return any(section.controls is not None and section.controls.changed for section in self.sections)

    @property
    def complete(self) -> bool:
        """Whether it may be approved as it stands."""
        return all(section.complete for section in self.sections) and not self.closing.faults

    def removable(self, section: RequestSection) -> bool:
        """Whether this section may be taken out: the last one stays (§9.2.1.3)."""
        return section.controls is not None and not section.removed and len(self.kept) > 1

    def with_errors(self) -> "ConsentForm":
        """The same form with the incomplete places marked."""
        marked = tuple(replace(section, error=not section.complete) for section in self.sections)
        return replace(self, sections=marked, closing=replace(self.closing, checked=True))


@dataclass(frozen=True, slots=True)
class CustomerResources:
    """What a customer has: the relations by which rules decide, and the snapshots from which the page takes its words."""

    customer_id: UUID
    relations: Relations
    resources: Mapping[UUID, Resource]
    aggregations: Mapping[UUID, AggregationPublishedV1]

    @property
    def customers(self) -> tuple[UUID]:
        """The customer as the rules take it."""
        return (self.customer_id,)


@dataclass(frozen=True, slots=True)
class FormWords:
    """What the sentences need besides the request: language, clock, the names of programs and of kinds of usage values."""

    phrases: Phrases
    clock: Clock
    programs: Mapping[str, str]
    usage_kinds: Mapping[str, UsageKind]


def requester(client: ClientPublishedV1) -> Requester:
    """The Client's name without tricks, and its site when it may be linked (§9.2.1.2)."""
    name = safe_line(client.client_name) or safe_line(client.client_id)
    uri = client.client_uri if client.client_uri_verified and is_web_link(client.client_uri) else None
    return Requester(name, uri, mixes_alphabets(name))


def is_web_link(uri: str | None) -> bool:
    """Whether `uri` may become a link on our page; never javascript:, data: and the like."""
    if not uri:
        return False
    parts = urlsplit(uri)
    return parts.scheme in {"https", "http"} and bool(parts.hostname)


def build_form(
    sections: Sequence[tuple[Sequence[EffectiveEntry], EditControls | None]],
    client: ClientPublishedV1,
    own: CustomerResources,
    words: FormWords,
) -> ConsentForm:
    """The form at load: exactly the preselected entries are ticked (§7.1), nothing else."""
    built = tuple(
        replace(_section(number, section, client, own, words), controls=controls)
        for number, (section, controls) in enumerate(sections, start=1)
    )
    return ConsentForm(requester(client), built)


def _section(
    number: int,
    section: Sequence[EffectiveEntry],
    client: ClientPublishedV1,
    own: CustomerResources,
    words: FormWords,
) -> RequestSection:
    return RequestSection(
        number=number,
        scopes=tuple(entry.scope for entry in section),
        data=data_lines(section, words),
        durations=duration_lines(section, safe_line(client.client_name), words),
        selection=_selection(section, own, words.phrases),
        purpose=_purpose(section, client.purposes),
    )


def data_lines(section: Sequence[EffectiveEntry], words: FormWords) -> tuple[DataCategory, ...]:
    """The Data Component of these scopes."""
    return describe_data([_opened(entry, words) for entry in section], words.phrases)


def duration_lines(section: Sequence[EffectiveEntry], client_name: str, words: FormWords) -> tuple[str, ...]:
    """The Duration Component of these scopes."""
    timed = [TimedScope(entry.scope_type, effective_flags(entry.scope_type, entry.details), entry.details) for entry in section]
    return describe_durations(timed, client_name, words.clock, words.phrases)


def _opened(entry: EffectiveEntry, words: FormWords) -> OpenedScope:
    flags = effective_flags(entry.scope_type, entry.details)
    asked = entry.details.get("account_programs" if entry.scope_type == "cds_account_programs" else "service_programs") or ()
    kinds = entry.details.get("include_usage_segment_value_types") or () if "include_usage_segments" in flags else ()
    return OpenedScope(
        scope_type=entry.scope_type,
        flags=flags,
        programs=tuple(safe_line(words.programs.get(number, number)) for number in asked),
        usage_kinds=tuple(words.usage_kinds.get(kind, UsageKind(safe_line(kind))) for kind in kinds),
    )


def _selection(section: Sequence[EffectiveEntry], own: CustomerResources, phrases: Phrases) -> SelectionList:
    first = section[0]
    if first.scope_type == CONSENT_SCOPE:
        return _consent_list(first.details, own, phrases)
    selection_type = str(first.details["authorization_form_selection_type"])
    offered = selectable(own.relations, own.customers, selection_type)
    chosen = preselected(own.relations, own.customers, selection_type, first.details)
    entries = list_entries(offered, own.resources, own.aggregations, phrases)
    plain = SelectionList(selection_kind(selection_type), entries)
    return plain.with_ticks(chosen.ids, include_future=chosen.include_future)


def _consent_list(details: Mapping[str, Any], own: CustomerResources, phrases: Phrases) -> SelectionList:
    related = related_to_aggregations(own.relations, own.customers, details)
    entries = tuple(
        changed(entry, through=through_words(related[entry.id], own.resources, phrases), ticked=True)
        for entry in list_entries(related, {}, own.aggregations, phrases)
    )
    return SelectionList("aggregation", entries, read_only=True)


def _purpose(section: Sequence[EffectiveEntry], purposes: Sequence[ClientPurpose]) -> PurposeText | None:
    chosen = next((entry.details["purpose"] for entry in section if entry.details.get("purpose") is not None), None)
    found = next((purpose for purpose in purposes if purpose.id == chosen), None)
    if found is None:
        return None
    linked = bool(found.related_name) and is_web_link(found.related_uri)
    return PurposeText(
        purpose_id=found.id,
        content=safe_block(found.content),
        link=found.related_uri if linked else None,
        link_text=safe_line(found.related_name or "", 200) if linked else None,
        written_by_client=found.written_by_client,
        reviewed=found.reviewed,
    )
