"""A receipt: what was approved, word for word, and what became of it (CDS-WG3-01 §9.4)."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cds_auth.domain.consent_form import ConsentForm, RequestSection
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.selection_list import ListEntry

CONFIRMATION_DIGITS = 12

STOPPABLE = frozenset(
    {
        GrantStatus.ACTIVE,
        GrantStatus.PENDING,
        GrantStatus.PARTIAL,
        GrantStatus.DELAYED,
        GrantStatus.STOPPED,
        GrantStatus.NEEDS_AUTHORIZATION,
        GrantStatus.NEEDS_SUB_GRANTS,
        GrantStatus.ERRORED,
        GrantStatus.FUTURE,
        GrantStatus.SUSPENDED,
    }
)
"""Statuses in which the customer can still stop something."""


@dataclass(frozen=True, slots=True)
class ReceiptEntry:
    """One selected resource as the form showed it; Customer Data, for its customer only."""

    id: str
    number: str
    name: str
    address: str
    kinds: str
    account_number: str
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiptData:
    """One line of the Data Component with its details (label, example)."""

    summary: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ReceiptPurpose:
    """The Purpose as displayed then; the Client's later changes never reach it."""

    content: str
    link: str | None
    link_text: str | None
    written_by_client: bool
    reviewed: bool


@dataclass(frozen=True, slots=True)
class ReceiptSection:
    """One Request Section as approved."""

    scopes: tuple[str, ...]
    data: tuple[ReceiptData, ...]
    durations: tuple[str, ...]
    kind: str
    entries: tuple[ReceiptEntry, ...]
    all_selected: bool
    include_future: bool
    fixed: bool
    purpose: ReceiptPurpose | None


@dataclass(frozen=True, slots=True)
class ReceiptTerms:
    """The terms that the customer accepted, by their version."""

    name: str
    version: str
    digest: str
    """SHA-256 of the text, by which the accepted version is found again."""


@dataclass(frozen=True, slots=True)
class ReceiptSnapshot:
    """Everything that a receipt says about the moment of approval; stored as JSON and never changed."""

    brand: str
    client_name: str
    client_uri: str | None
    sections: tuple[ReceiptSection, ...]
    terms: ReceiptTerms | None
    language: str
    details: Mapping[str, Any]
    """Scope -> its authorization details as granted, times absolute; what is granted now is compared with it."""
    disclosures: tuple[str, ...] = ()
    """Texts of the Closing Section that were read or agreed to."""
    typed_name: str | None = None
    """Where the law asks for it; Customer Data, for its customer only."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ReceiptSnapshot":
        """Read a stored snapshot."""
        return cls(
            brand=stored["brand"],
            client_name=stored["client_name"],
            client_uri=stored["client_uri"],
            sections=tuple(_section_of(section) for section in stored["sections"]),
            terms=ReceiptTerms(**stored["terms"]) if stored["terms"] else None,
            language=stored["language"],
            details=stored["details"],
            disclosures=tuple(stored.get("disclosures", ())),
            typed_name=stored.get("typed_name"),
        )


def new_confirmation() -> str:
    """A random confirmation number of twelve digits; it opens nothing, it only names the receipt."""
    return "".join(secrets.choice("0123456789") for _ in range(CONFIRMATION_DIGITS))


def grouped(confirmation: str) -> str:
    """`4471 0926 3358`, easier to read out on the phone."""
    return " ".join(confirmation[start : start + 4] for start in range(0, len(confirmation), 4))


def snapshot_of(form: ConsentForm, *, brand: str, terms: ReceiptTerms | None, language: str, details: Mapping[str, Any]) -> ReceiptSnapshot:
    """The snapshot of a form with the customer's ticks in it."""
    return ReceiptSnapshot(
        brand=brand,
        client_name=form.requester.name,
        client_uri=form.requester.uri,
        sections=tuple(_section(section) for section in form.kept),
        terms=terms,
        language=language,
        details=details,
        disclosures=form.closing.agreed_texts,
        typed_name=form.closing.typed_name,
    )


def _section(section: RequestSection) -> ReceiptSection:
    chosen = tuple(_entry(entry) for entry in section.selection.entries if entry.ticked)
    purpose = section.purpose
    return ReceiptSection(
        scopes=section.scopes,
        data=tuple(ReceiptData(line.summary, tuple((d.label, d.example) for d in line.details)) for line in section.data),
        durations=section.durations,
        kind=section.selection.kind,
        entries=chosen,
        all_selected=bool(chosen) and len(chosen) == len(section.selection.entries),
        include_future=section.selection.include_future,
        fixed=section.selection.read_only,
        purpose=purpose and ReceiptPurpose(purpose.content, purpose.link, purpose.link_text, purpose.written_by_client, purpose.reviewed),
    )


def _entry(entry: ListEntry) -> ReceiptEntry:
    return ReceiptEntry(str(entry.id), entry.number, entry.name, entry.address, entry.kinds, entry.account_number, entry.through)


def _section_of(stored: Mapping[str, Any]) -> ReceiptSection:
    purpose = stored["purpose"]
    return ReceiptSection(
        scopes=tuple(stored["scopes"]),
        data=tuple(ReceiptData(d["summary"], tuple((label, example) for label, example in d["details"])) for d in stored["data"]),
        durations=tuple(stored["durations"]),
        kind=stored["kind"],
        entries=tuple(_entry_of(entry) for entry in stored["entries"]),
        all_selected=stored["all_selected"],
        include_future=stored["include_future"],
        fixed=stored["fixed"],
        purpose=ReceiptPurpose(**purpose) if purpose else None,
    )


def _entry_of(stored: Mapping[str, Any]) -> ReceiptEntry:
    values: dict[str, Any] = {**stored, "through": tuple(stored["through"])}
    return ReceiptEntry(**values)


def status_words(status: GrantStatus, *, starts: str, ended: str, phrases: Phrases) -> str:
    """The Grant's status in plain words; `starts` and `ended` are dates in words for the statuses that name one."""
    return phrases(f"status.{status.value}", start=starts, end=ended)


def counted(section: ReceiptSection, phrases: Phrases) -> str:
    """`1 electricity service`-like words that tell no number, name or address: kind and count only."""
    return phrases.count(f"receipt.count.{section.kind}", len(section.entries))
