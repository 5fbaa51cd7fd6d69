"""Names and texts of others, made safe for our page."""
# ruff: noqa: RUF001  # look-alike letters are the subject

import pytest

from cds_auth.domain.authorization_redirect import authorization_redirect
from cds_auth.domain.brand import brand_css, colour, contrast, readable
from cds_auth.domain.plain_text import mixes_alphabets, safe_block, safe_line
from cds_auth.persistence.languages import load_languages


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Kestrel Home Audits", "Kestrel Home Audits"),
        ("  Kestrel \n\t Home  ", "Kestrel Home"),
        ("Kestrel\u202eLLC", "KestrelLLC"),
        ("Kes\u200btrel\u2066\ufeff", "Kestrel"),
        ("a\u0000b\u001bc", "abc"),
        ("Z" + "\u0301" * 40, "Z\u0301\u0301\u0301".replace("Z\u0301", "\u0179", 1)),
        ("x" * 200, "x" * 79 + "…"),
        ("Müller Énergie", "Müller Énergie"),
    ],
)
def test_names_lose_tricks_and_keep_letters(text: str, shown: str) -> None:
    assert safe_line(text) == shown


@pytest.mark.parametrize(
    ("name", "mixed"),
    [
        ("Kestrel", False),
        ("Kеstrel", True),
        ("Αlpha Energy", True),
        ("Энергия Kestrel", False),
        ("東京 Power", False),
        ("Kestrel 24/7", False),
    ],
)
def test_look_alike_letters_of_other_alphabets_are_noticed(name: str, mixed: bool) -> None:
    assert mixes_alphabets(name) is mixed


def test_blocks_keep_their_lines_and_lose_direction_tricks() -> None:
    assert safe_block("one\r\n  two\u202e\n\tthree\u0007") == "one\n  two\n\tthree"


class Request:
    def __init__(self, redirect_uri: str, state: str | None) -> None:
        self.redirect_uri, self.state = redirect_uri, state


@pytest.mark.parametrize(
    ("uri", "state", "location"),
    [
        ("https://a.example/cb", "a b+%&ü", "https://a.example/cb?code=1&state=a%20b%2B%25%26%C3%BC&iss=http%3A%2F%2Fi"),
        ("https://a.example/cb?x=1", None, "https://a.example/cb?x=1&code=1&iss=http%3A%2F%2Fi"),
        ("com.example.app:/cb", "", "com.example.app:/cb?code=1&state=&iss=http%3A%2F%2Fi"),
    ],
)
def test_the_answer_joins_the_redirect_uri(uri: str, state: str | None, location: str) -> None:
    assert authorization_redirect(Request(uri, state), "http://i", {"code": "1"}) == location


@pytest.mark.parametrize("primary", ["#0b4f6c", "#ffdd00", "#ffffff", "#000000", "#7fc8e8"])
def test_any_brand_colour_stays_readable(primary: str) -> None:
    css = brand_css(primary, primary)
    on_brand = colour(css.split("--on-brand: ")[1][:7])
    light, dark = (colour(part[:7]) for part in css.split("--link: ")[1:])
    assert contrast(on_brand, colour(primary)) >= 4.5
    assert contrast(light, (243, 245, 247)) >= 4.5
    assert contrast(dark, (26, 34, 42)) >= 4.5


def test_contrast_is_that_of_wcag() -> None:
    assert round(contrast((255, 255, 255), (0, 0, 0)), 2) == 21.0
    assert round(contrast((119, 119, 119), (255, 255, 255)), 2) == 4.48
    assert readable((255, 255, 255), (255, 255, 255), towards=(0, 0, 0)) != (255, 255, 255)


def test_spanish_joins_with_e_before_the_sound_i() -> None:
    es = load_languages()["es"]
    assert es.join(["agua", "gas"]) == "agua y gas"
    assert es.join(["agua", "instalaciones"]) == "agua e instalaciones"
    assert es.join(["agua", "hielo"]) == "agua y hielo"
