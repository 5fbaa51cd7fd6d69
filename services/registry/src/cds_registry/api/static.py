"""`/static/registry`: style sheet, brand colours and logo."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from cds_common.wire import cds_router
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.conditional import public_bytes
from cds_registry.api.dependencies import OfferOf
from cds_registry.api.pages import PagesOf

router = cds_router(prefix="/static/registry", include_in_schema=False, max_body_size=SMALL)

_STYLE = (files("cds_registry") / "static" / "style.css").read_bytes()
_LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


@router.get("/style.css")
async def style(request: Request) -> Response:
    """The style sheet of all pages."""
    return public_bytes(request, _STYLE, media_type="text/css")


@router.get("/brand.css")
async def brand(request: Request, offer: OfferOf) -> Response:
    """The utility's colours; a file of its own, since pages hold no inline style."""
    colours = offer.utility.brand
    text = (
        f":root {{ --brand: {colours.primary}; }}\n"
        # The configured accent is chosen for light paper; dark pages keep the style sheet's own.
        f"@media (prefers-color-scheme: light) {{ :root {{ --accent: {colours.accent}; }} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ --brand: {colours.primary_dark}; }} }}\n"
    )
    return public_bytes(request, text.encode(), media_type="text/css")


@router.get("/logo")
async def logo(request: Request, pages: PagesOf) -> Response:
    """The utility's logo."""
    kind = _LOGO_TYPES.get(pages.logo_file.suffix.lower())
    if kind is None or not pages.logo_file.is_file():
        return Response(status_code=404)
    answer = public_bytes(request, pages.logo_file.read_bytes(), media_type=kind)
    # An SVG opened on its own is a document: it may run nothing.
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return answer
