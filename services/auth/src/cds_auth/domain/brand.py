"""The face of the pages: whose they are, in which colours, and where terms and help are (CDS-WG3-01 §9.2.1)."""

from dataclasses import dataclass

_WHITE = (255, 255, 255)
_BLACK = (18, 24, 30)
_LIGHT_PAGE = (243, 245, 247)
_DARK_CARD = (26, 34, 42)
_READABLE = 4.5
"""WCAG 2.2 AA, 1.4.3."""

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Brand:
    """Only what the operator configured; a Client's logo or name is never part of it."""

    name: str
    logo: str
    """Address of the logo; it is the page's icon too."""
    logo_file: bytes
    support: str
    terms: str | None
    privacy: str
    terms_text: str | None
    """The terms that every approval accepts; None = approvals accept none."""
    terms_version: str
    primary: str
    primary_dark: str
    """The colour for links on dark ground."""


def colour(text: str) -> Colour:
    """`#0b4f6c` as three numbers.

    Raises:
        ValueError: not of that form.
    """
    if len(text) != 7 or not text.startswith("#"):
        raise ValueError("a colour is written as #rrggbb")
    return (int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))


def brand_css(primary: str, primary_dark: str) -> str:
    """Style rules that set the brand's colours; text on them and links in them stay readable, whatever was configured."""
    base = colour(primary)
    on_brand = _WHITE if contrast(base, _WHITE) >= _READABLE else _BLACK
    light = readable(base, _LIGHT_PAGE, towards=_BLACK)
    dark = readable(colour(primary_dark), _DARK_CARD, towards=_WHITE)
    return (
        f":root {{ --brand: {_hex(base)}; --on-brand: {_hex(on_brand)}; --link: {_hex(light)}; }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ --link: {_hex(dark)}; }} }}\n"
    )


def readable(base: Colour, background: Colour, *, towards: Colour) -> Colour:
    """`base`, mixed with `towards` in steps until text of it can be read on `background`."""
    for step in range(21):
        mixed = _mix(base, towards, step / 20)
        if contrast(mixed, background) >= _READABLE:
            return mixed
    return towards


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(of: Colour) -> float:
    linear = [value / 255 / 12.92 if value / 255 <= 0.04045 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in of]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return (red, green, blue)


def _hex(of: Colour) -> str:
    return "#" + "".join(f"{value:02x}" for value in of)
