"""The words that a form takes from this installation: names of programs and kinds of usage, terms, the utility's clock."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

from cds_auth.application.consent_start import ConsentContext
from cds_auth.application.rules import AuthRules
from cds_auth.domain.brand import Brand
from cds_auth.domain.consent_form import FormWords
from cds_auth.domain.duration_words import Clock
from cds_auth.domain.editing import EditWords
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.receipt import ReceiptTerms
from cds_auth.domain.usage_words import UsageKind
from cds_common.access.offers import OfferedChoice


def form_words(context: ConsentContext, phrases: Phrases, *, now: datetime) -> FormWords:
    """What the sentences of a form rendered at `now` need."""
    rules = context.rules
    programs = {
        choice.id: choice.name or choice.id for field in ("account_programs", "service_programs") for choice in _choices(rules, field)
    }
    named = {choice.id: UsageKind(choice.name or choice.id) for choice in _choices(rules, "include_usage_segment_value_types")}
    return FormWords(phrases, Clock(now, rules.tz), programs, named | dict(context.usage_kinds))


def edit_words(context: ConsentContext, words: FormWords) -> EditWords:
    """What the controls of an editable form need."""
    return EditWords(words.phrases, words.clock, words.usage_kinds, context.rules.offered)


def terms_of(brand: Brand, phrases: Phrases) -> ReceiptTerms | None:
    """The terms that an approval accepts now, or None when this installation has none."""
    if brand.terms_text is None:
        return None
    digest = hashlib.sha256(brand.terms_text.encode()).hexdigest()
    return ReceiptTerms(phrases("form.terms_name"), brand.terms_version, digest)


def _choices(rules: AuthRules, field_id: str) -> Iterator[OfferedChoice]:
    for scope in rules.offered.values():
        field = scope.fields.get(field_id)
        if field is not None:
            yield from field.choices
