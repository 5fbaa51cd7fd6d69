"""The customer's own list: who may read what, since when, what was read, and the way to stop it (CDS-WG3-01 §9.1.1, §9.4)."""

from datetime import tzinfo
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cds_auth.api.dependencies import Now, Tx
from cds_auth.api.pages.frame import PageRoute, phrases_of, render, see_other, sentence
from cds_auth.api.pages.parts import Browser, Context, PageSite, own_form
from cds_auth.application.customer_authorizations import Authorization, get_authorization, get_own_grant, list_authorizations
from cds_auth.application.receipt_pages import revoke
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.session import BrowserSession
from cds_auth.persistence import receipts
from cds_auth.persistence.customer_tables import AccessLogRow
from cds_common.ids import Environment

router = APIRouter(prefix="/my", route_class=PageRoute, include_in_schema=False)

HISTORY_PAGE = 50


@router.get("")
async def list_mine(request: Request, tx: Tx, now: Now, browser: Browser, context: Context, site: PageSite) -> Response:
    """All authorizations, current ones first."""
    who = _who(browser)
    if browser is None or who is None:
        return see_other("/login?to=/my")
    phrases = phrases_of(request)
    found = await list_authorizations(tx, context, site.vault, *who, phrases, now=now)
    stopped = next((item for item in found if item.grant_id == request.query_params.get("stopped") and item.ended), None)
    return render(
        request,
        "my.html",
        session=browser,
        environment=browser.environment,
        current=[_item(item, phrases, context.rules.tz) for item in found if not item.ended],
        ended=[_item(item, phrases, context.rules.tz) for item in found if item.ended],
        notice=sentence(phrases, "revoke.done", client=stopped.words.client_name) if stopped else None,
    )


@router.get("/authorizations")
async def old_address() -> Response:
    """The list has one address."""
    return see_other("/my")


@router.get("/authorizations/{grant_id}")
async def show_one(request: Request, grant_id: str, tx: Tx, now: Now, browser: Browser, context: Context, site: PageSite) -> Response:
    """One authorization with its history."""
    who = _who(browser)
    if browser is None or who is None:
        return see_other(f"/login?to=/my/authorizations/{grant_id}")
    phrases = phrases_of(request)
    found = await get_authorization(tx, context, site.vault, *who, grant_id, phrases, now=now)
    before = request.query_params.get("before", "")
    before_id = int(before) if before.isdecimal() and len(before) < 19 else None
    rows = await receipts.accesses_of_grant(tx, grant_id, before_id=before_id, limit=HISTORY_PAGE + 1)
    older = f"/my/authorizations/{grant_id}?before={rows[HISTORY_PAGE - 1].id}" if len(rows) > HISTORY_PAGE else None
    return render(
        request,
        "my_detail.html",
        session=browser,
        environment=browser.environment,
        authorization=_item(found, phrases, context.rules.tz),
        accesses=[_access(row, phrases, context.rules.tz) for row in rows[:HISTORY_PAGE]],
        older=older,
    )


@router.post("/authorizations/{grant_id}/revoke", dependencies=[own_form])
async def revoke_mine(grant_id: str, tx: Tx, now: Now, browser: Browser, context: Context) -> Response:
    """Stop the access at once: the button stands on a page of the customer's own, behind their login."""
    who = _who(browser)
    if who is None:
        return see_other("/login?to=/my")
    await get_own_grant(tx, *who, grant_id)
    await revoke(tx, context, grant_id, customer_id=who[0], receipt_id=None, now=now)
    return see_other(f"/my?stopped={grant_id}")


def _who(browser: BrowserSession | None) -> tuple[UUID, Environment] | None:
    if browser is None or browser.customer_id is None or browser.environment is None:
        return None
    return browser.customer_id, browser.environment


def _item(authorization: Authorization, phrases: Phrases, timezone: tzinfo) -> dict[str, object]:
    words, last = authorization.words, authorization.last_read
    return {
        "grant_id": authorization.grant_id,
        "client_name": words.client_name,
        "status": words.status,
        "status_text": words.status_text,
        "can_stop": words.can_stop,
        "data": words.data,
        "durations": words.durations,
        "since": authorization.since,
        "receipts": authorization.receipts,
        "last_read": phrases("my.last_read", date=phrases.time(last[0], timezone), what=_what(last[1], phrases)) if last else None,
    }


def _what(service: str, phrases: Phrases) -> str:
    key = f"my.what.{service}"
    return phrases(key) if phrases.has(key) else service


def _access(row: AccessLogRow, phrases: Phrases, timezone: tzinfo) -> dict[str, str]:
    return {
        "when": phrases.time(row.at, timezone),
        "what": phrases.count("my.history_line", row.object_count, what=_what(row.service, phrases)),
    }
