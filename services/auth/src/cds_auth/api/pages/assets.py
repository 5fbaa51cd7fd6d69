"""Style, script and brand of the pages; everything comes from here, nothing from other hosts."""

from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cds_auth.api.pages.frame import site_of
from cds_auth.domain.brand import brand_css
from cds_auth.domain.customer_errors import PageNotFound

router = APIRouter(prefix="/static/auth", include_in_schema=False)

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml", "png": "image/png"}
_FOLDER = files("cds_auth") / "static"
_PAGES = {name: (_FOLDER / name).read_bytes() for name in ("pages.css", "pages.js")}
_CACHE = {
    "Cache-Control": "public, max-age=300",
    # An SVG opened as a page of its own must not run anything.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}


@router.get("/pages.css")
async def style() -> Response:
    """The style of all pages."""
    return Response(_PAGES["pages.css"], media_type=_TYPES["css"], headers=_CACHE)


@router.get("/pages.js")
async def script() -> Response:
    """The script of all pages; they work without it."""
    return Response(_PAGES["pages.js"], media_type=_TYPES["js"], headers=_CACHE)


@router.get("/brand.css")
async def brand_style(request: Request) -> Response:
    """The brand's colour."""
    brand = site_of(request).context(request).brand
    return Response(brand_css(brand.primary, brand.primary_dark), media_type=_TYPES["css"], headers=_CACHE)


@router.get("/brand/{name}")
async def brand_file(request: Request, name: str) -> Response:
    """The brand's logo, and nothing else of the folder that it lies in."""
    brand = site_of(request).context(request).brand
    suffix = name.rpartition(".")[2]
    if brand.logo != f"/static/auth/brand/{name}" or suffix not in _TYPES:
        raise PageNotFound("No such file.")
    return Response(brand.logo_file, media_type=_TYPES[suffix], headers=_CACHE)
