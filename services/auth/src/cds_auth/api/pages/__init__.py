"""Pages that customers see; `mount` puts them into the application."""

from fastapi import APIRouter, FastAPI

from cds_auth.api.pages import assets, authorize, consent, login, my, own_clients, receipts, sso
from cds_auth.api.pages.frame import PageFault, Site, answer_fault
from cds_auth.settings import Settings

# `authorize` holds /consent/done/..., which must be looked at before /consent/{txn}.
routers: tuple[APIRouter, ...] = (
    authorize.router,
    consent.router,
    login.router,
    sso.router,
    receipts.router,
    my.router,
    own_clients.router,
    assets.router,
)


def mount(app: FastAPI, settings: Settings) -> None:
    """Give the pages what they are made of."""
    app.state.pages = Site(settings)
    app.add_exception_handler(PageFault, answer_fault)
