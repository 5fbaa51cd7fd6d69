"""Reads a posted authorization form: ticks, changes, and the answers of its Closing Section."""

from dataclasses import replace
from uuid import UUID

from cds_auth.api.pages.parts import Form
from cds_auth.application.consent_decision import Ticks
from cds_auth.application.consent_form import Posted
from cds_auth.domain.closing import MAX_CONTACT, MAX_NAME, ClosingAnswers
from cds_auth.domain.customer_errors import FormRefused
from cds_auth.domain.editing import SectionEdits
from cds_auth.domain.plain_text import safe_line

MAX_CHANGES = 500
"""Parts and times that one section of a page can offer; more is no form of ours."""


def read_ticks(form: Form, sections: int) -> dict[int, Ticks]:
    """What is ticked, by the number of the section.

    Raises:
        FormRefused: something else than entries of the lists.
    """
    return {number: _section_ticks(form, number) for number in range(1, sections + 1)}


def read_changes(form: Form, sections: int, *, verb: str = "", number: int | None = None) -> Posted:
    """Changes and answers; the verbs `remove`, `restore` (of section `number`) and `reset` of the pressed button are carried out.

    Raises:
        FormRefused: more than any page of ours holds.
    """
    answers = ClosingAnswers(
        agreed=frozenset(form.all("agree")[:MAX_CHANGES]),
        typed_name=safe_line(form.get("typed_name"), MAX_NAME),
        contact=form.get("contact")[: MAX_CONTACT + 1],
    )
    if verb == "reset":
        return Posted({}, answers)
    edits = {each: _section_edits(form, each) for each in range(1, sections + 1)}
    if verb in {"remove", "restore"} and number in edits:
        edits[number] = replace(edits[number], removed=verb == "remove")
    return Posted({each: edit for each, edit in edits.items() if not edit.empty}, answers)


def _section_ticks(form: Form, number: int) -> Ticks:
    return Ticks(
        ids=frozenset(_uuid(value) for value in form.all(f"s{number}")),
        include_future=form.get(f"s{number}.future") == "1",
        search=form.get(f"s{number}.search")[:100],
        only_selected=form.get(f"s{number}.only") == "1",
    )


def _section_edits(form: Form, number: int) -> SectionEdits:
    prefix = f"s{number}.time."
    times = {name.removeprefix(prefix): value for name, value in form.pairs if name.startswith(prefix) and value}
    kept = form.all(f"s{number}.keep")
    if len(times) > MAX_CHANGES or len(kept) > MAX_CHANGES:
        raise FormRefused("More changes than the form offers.")
    return SectionEdits(
        removed=form.get(f"s{number}.removed") == "1",
        kept=frozenset(kept) if form.get(f"s{number}.parts") == "1" else None,
        times=times,
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(hex=text)
    except ValueError as error:
        raise FormRefused("The form holds something else than entries of its lists.") from error
