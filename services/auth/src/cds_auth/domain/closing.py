"""The Closing Section (CDS-WG3-01 §9.2.1.5): only what this customer has to read or fill in to approve this request."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address

from cds_common.events.resources import Resource

MAX_NAME = 200
MAX_CONTACT = 254
_BUSINESS = frozenset({"commercial", "industrial", "agriculture", "municipal"})


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A text that some requests need; `scopes` empty = all of them, `customers` is any, residential or business."""

    id: str
    text: Mapping[str, str]
    scopes: frozenset[str] = frozenset()
    customers: str = "any"
    must_agree: bool = False


@dataclass(frozen=True, slots=True)
class ClosingRules:
    """What this installation has to ask for."""

    disclosures: tuple[Disclosure, ...] = ()
    typed_name: bool = False
    contact_uses: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ClosingAnswers:
    """What was posted."""

    agreed: frozenset[str] = frozenset()
    typed_name: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True)
class ShownDisclosure:
    """One text as the page shows it."""

    id: str
    text: str
    must_agree: bool
    agreed: bool


@dataclass(frozen=True, slots=True)
class Closing:
    """The section for one request and one customer, with the answers so far."""

    disclosures: tuple[ShownDisclosure, ...] = ()
    asks_name: bool = False
    asks_contact: bool = False
    contact_uses: str | None = None
    answers: ClosingAnswers = field(default_factory=ClosingAnswers)
    checked: bool = False
    """Whether missing answers are marked."""

    @property
    def faults(self) -> tuple[str, ...]:
        """Which answers are missing or wrong: `agree-<id>`, `typed_name`, `contact`. A contact is the customer's own choice."""
        faults = [f"agree-{shown.id}" for shown in self.disclosures if shown.must_agree and not shown.agreed]
        if self.asks_name and not self.typed_name:
            faults.append("typed_name")
        if self.asks_contact and self.answers.contact.strip() and self.contact is None:
            faults.append("contact")
        return tuple(faults)

    @property
    def typed_name(self) -> str | None:
        """The name that was typed where the law asks for it."""
        return (self.answers.typed_name.strip() or None) if self.asks_name else None

    @property
    def contact(self) -> str | None:
        """The address for this receipt; None without one, or with one that no mail could reach."""
        address = self.answers.contact.strip()
        if not self.asks_contact or not address or len(address) > MAX_CONTACT or not address.isascii():
            return None
        try:
            return address if Address(addr_spec=address).domain else None
        except (ValueError, IndexError, HeaderParseError):
            return None

    @property
    def agreed_texts(self) -> tuple[str, ...]:
        """The texts that were on the form, for the receipt."""
        return tuple(shown.text for shown in self.disclosures)


def build_closing(
    rules: ClosingRules,
    scopes: Iterable[str],
    resources: Iterable[Resource],
    answers: ClosingAnswers,
    *,
    language: str,
    has_contact: bool,
) -> Closing:
    """The section for a request of these scopes; what belongs to a scope that the customer took out is not in it."""
    asked, kinds = frozenset(scopes), customer_kinds(resources)
    shown = tuple(
        ShownDisclosure(each.id, in_language(each.text, language), each.must_agree, each.id in answers.agreed)
        for each in rules.disclosures
        if (not each.scopes or each.scopes & asked) and (each.customers == "any" or not kinds or each.customers in kinds)
    )
    uses = in_language(rules.contact_uses, language) if rules.contact_uses and not has_contact else None
    return Closing(shown, rules.typed_name, not has_contact, uses, answers)


def customer_kinds(resources: Iterable[Resource]) -> frozenset[str]:
    """`residential`, `business`, both, or nothing when the types of accounts and services tell neither."""
    types = {name for resource in resources if resource.kind in {"account", "service_contract"} for name in resource.types}
    kinds = {"residential"} if "residential" in types else set[str]()
    return frozenset(kinds | ({"business"} if types & _BUSINESS else set()))


def in_language(text: Mapping[str, str], language: str) -> str:
    """The text in this language, else in the first one that it has."""
    return text.get(language) or next(iter(text.values()))
