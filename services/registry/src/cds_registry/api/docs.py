"""Home page and `/docs`: every page that metadata links to, made from the same configuration."""

import json
from typing import Any

from fastapi import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cds_common.access.addresses import EXAMPLES, SEGMENTS, SEPARATOR, STATES, STREET_WORDS, normalise_address
from cds_common.access.field_notes import FIELD_NOTES
from cds_common.utility import wire as utility_wire
from cds_common.wire import cds_router
from cds_registry.api.blank_form import blank_form
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.conditional import public_bytes
from cds_registry.api.dependencies import OfferOf, SettingsOf
from cds_registry.api.pages import PagesOf
from cds_registry.api.problems import PROBLEMS
from cds_registry.application.offer import Offer
from cds_registry.domain.scopes import ScopeKind

router = cds_router(include_in_schema=False, max_body_size=SMALL)


@router.get("/")
async def home(pages: PagesOf, offer: OfferOf) -> HTMLResponse:
    """Who this is, and the way for customers, developers and machines."""
    return pages.render("home.html", cacheable=True, coverage=offer.utility.coverage)


@router.get("/docs")
async def documentation(pages: PagesOf, offer: OfferOf, settings: SettingsOf) -> HTMLResponse:
    """Developer documentation (service_documentation)."""
    scopes = utility_wire.scope_descriptions(offer.utility, offer.public_url)
    fields = utility_wire.registration_fields(offer.utility, offer.public_url)
    consent = next((scope.id for scope in offer.catalogue.scopes.values() if scope.kind is ScopeKind.CONSENT), "")
    return pages.render(
        "docs.html",
        cacheable=True,
        scopes=list(scopes.values()),
        fields=list(fields.values()),
        first_consent=consent,
        reviewed=", ".join(sorted(settings.reviewed_fields)) or "no members",
        attachment_megabytes=settings.max_attachment_bytes // 1_000_000,
    )


@router.get("/docs/policy")
async def policy(pages: PagesOf, offer: OfferOf) -> HTMLResponse:
    """Policy for registered clients (op_policy_uri)."""
    return pages.render("text.html", cacheable=True, heading="Policy for clients", lead=None, text=offer.utility.policy)


@router.get("/docs/terms")
async def terms(pages: PagesOf, offer: OfferOf) -> HTMLResponse:
    """Terms for registered clients (op_tos_uri)."""
    return pages.render("text.html", cacheable=True, heading="Terms for clients", lead=None, text=offer.utility.terms)


@router.get("/docs/support")
async def support(pages: PagesOf) -> HTMLResponse:
    """Where to get help."""
    return pages.render("support.html", cacheable=True)


@router.get("/docs/test-accounts")
async def test_accounts(pages: PagesOf) -> HTMLResponse:
    """Sandbox logins (cds_test_accounts)."""
    return pages.render("test_accounts.html", cacheable=True)


@router.get("/docs/scopes/{scope_id}")
async def scope(scope_id: str, pages: PagesOf, offer: OfferOf) -> HTMLResponse:
    """One scope."""
    found = utility_wire.scope_descriptions(offer.utility, offer.public_url, scopes=[scope_id]).get(scope_id)
    configured = next((each for each in offer.utility.scopes if each.id == scope_id), None)
    if found is None or configured is None:
        raise HTTPException(404)
    return pages.render("scope.html", cacheable=True, scope=found, text=configured.text)


@router.get("/docs/fields/{field_id}")
async def field(field_id: str, pages: PagesOf, offer: OfferOf) -> HTMLResponse:
    """One authorization details field over all scopes."""
    uses: list[tuple[str, dict[str, Any]]] = []
    choices: dict[str, dict[str, Any]] = {}
    for name, description in utility_wire.scope_descriptions(offer.utility, offer.public_url).items():
        for each in description["authorization_details_fields_supported"]:
            if each["id"] == field_id:
                uses.append((name, each))
                choices |= {choice["id"]: choice for choice in each.get("choices", ())}
    if not uses:
        raise HTTPException(404)
    matching = _address_matching() if field_id == "addresses" else None
    note = FIELD_NOTES.get(field_id)
    return pages.render(
        "field.html", cacheable=True, field=uses[0][1], uses=uses, choices=list(choices.values()), note=note, matching=matching
    )


def _address_matching() -> dict[str, Any]:
    """How addresses are normalised here (CDS-WG3-01 §7.1.13.1)."""
    return {
        "words": sorted(STREET_WORDS.items()),
        "states": sorted(STATES.items()),
        "separator": SEPARATOR,
        "segments": SEGMENTS,
        "examples": [(kind, text, normalise_address(text)) for text, kind in EXAMPLES],
    }


@router.get("/docs/purposes/{purpose_id}")
async def purpose(purpose_id: str, pages: PagesOf, offer: OfferOf) -> HTMLResponse:
    """All values of one of the server's own Purposes (CDS-WG3-01 §7.4.4)."""
    found = next((each for each in offer.server_purposes if each.id == purpose_id), None)
    if found is None:
        raise HTTPException(404)
    return pages.render("purpose.html", cacheable=True, purpose=found)


@router.get("/docs/registration/{field_id}")
async def registration_field(field_id: str, pages: PagesOf, offer: OfferOf) -> HTMLResponse:
    """One Registration Field or step."""
    found = utility_wire.registration_fields(offer.utility, offer.public_url).get(field_id)
    if found is None:
        raise HTTPException(404)
    text = next(each.text for each in offer.utility.registration_fields if each.id == field_id)
    scopes = [each.id for each in offer.catalogue.scopes.values() if field_id in (*each.requirements, *each.optional)]
    return pages.render("registration_field.html", cacheable=True, field=found, text=text, scopes=scopes)


@router.get("/docs/forms/{field_id}.pdf")
async def form(field_id: str, request: Request, offer: OfferOf) -> Response:
    """The blank PDF of a pdf_form step."""
    found = next((each for each in offer.utility.registration_fields if each.id == field_id and each.type == "pdf_form"), None)
    if found is None:
        raise HTTPException(404)
    return public_bytes(request, blank_form(offer.utility.name, found.description, found.text), media_type="application/pdf")


@router.get("/docs/value-types/{type_id}")
async def value_type(type_id: str, pages: PagesOf, offer: OfferOf) -> HTMLResponse:
    """A value type of Usage Segments beyond the specification."""
    found = next((each for each in offer.utility.additional_value_types if each.type == type_id), None)
    if found is None:
        raise HTTPException(404)
    examples = [json.dumps(each, indent=2) for each in (found.example_format, found.example_values) if each]
    return pages.render("value_type.html", cacheable=True, found=found, examples=examples)


@router.get("/docs/eac-formats/{format_id}")
async def eac_format(format_id: str, pages: PagesOf, offer: OfferOf) -> HTMLResponse:
    """A data format of Energy Attribute Certificates."""
    found = next((each for each in offer.utility.eac_formats if each.id == format_id), None)
    if found is None:
        raise HTTPException(404)
    return pages.render("text.html", cacheable=True, heading=found.name, lead=found.description, text=None)


@router.get("/docs/problems/{slug}")
async def problem(slug: str, pages: PagesOf) -> HTMLResponse:
    """What a problem document's `type` means; other services have kinds of their own, which are told by title and detail."""
    known = next((kind for kind in PROBLEMS.values() if kind.slug == slug), None)
    title = known.title if known else slug.replace("-", " ").capitalize()[:100]
    text = "The detail member of the answer says what was refused; errors, when there, points at the members of the request (RFC 9457)."
    return pages.render("text.html", cacheable=True, heading=title, lead=None, text=text)


def scopes_for_people(offer: Offer) -> list[dict[str, Any]]:
    """Scopes that a person may tick at registration: all but the admin ones, which come by themselves."""
    wanted = {ScopeKind.CONSENT, ScopeKind.DIRECT, ScopeKind.FILES}
    descriptions = utility_wire.scope_descriptions(offer.utility, offer.public_url)
    return [descriptions[scope.id] for scope in offer.catalogue.scopes.values() if scope.kind in wanted]
