"""A receipt as a PDF document, with exactly what its page shows to the same viewer."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import as_file, files
from typing import Any

from fpdf import FPDF

from cds_auth.domain.brand import Brand, colour
from cds_auth.domain.phrases import Phrases

_FONT = "Body"
_FILE = files("fontpkg_open_sans") / "files" / "OpenSans[wdth,wght].ttf"
_GREY = (92, 104, 115)
_BLACK = (23, 33, 43)

# Its warnings name characters of customers' names that the font lacks.
logging.getLogger("fpdf").setLevel(logging.ERROR)


class _Document(FPDF):
    """A4 with the brand's name on top and page numbers below."""

    def __init__(self, brand: Brand, phrases: Phrases, number: str) -> None:
        super().__init__(format="A4")
        self._brand, self._number = brand, number
        with as_file(_FILE) as font:
            self.add_font(_FONT, "", str(font))
        self.set_margins(20, 18, 20)
        self.set_auto_page_break(auto=True, margin=20)
        self.set_lang(phrases.language)
        self.set_title(f"{phrases('receipt.title')} {number}")
        self.set_author(brand.name)
        self.add_page()

    def header(self) -> None:
        """Brand and line."""
        self.set_font(_FONT, size=11)
        self.set_text_color(*colour(self._brand.primary))
        self.cell(text=self._brand.name, new_x="LMARGIN", new_y="NEXT")
        self.set_draw_color(*colour(self._brand.primary))
        self.line(self.l_margin, self.get_y() + 2, self.w - self.r_margin, self.get_y() + 2)
        self.ln(8)

    def footer(self) -> None:
        """Confirmation number and page."""
        self.set_y(-14)
        self._line(f"{self._number}  ·  {self.page_no()}", size=8, ink=_GREY)

    def head_title(self, text: str) -> None:
        """The one title."""
        self._line(text, size=20, ink=_BLACK)
        self.ln(3)

    def heading(self, text: str) -> None:
        """Title of a part."""
        self.ln(3)
        self._line(text, size=12, ink=colour(self._brand.primary))
        self.ln(0.5)

    def text_block(self, text: str) -> None:
        """A paragraph with its own line breaks."""
        self._line(text, size=10.5, ink=_BLACK)

    def note(self, text: str) -> None:
        """Something of less weight."""
        self._line(text, size=9.5, ink=_GREY)

    def points(self, lines: Sequence[str]) -> None:
        """A list."""
        for line in lines:
            self._line(f"•  {line}", size=10.5, ink=_BLACK)

    def _line(self, text: str, *, size: float, ink: tuple[int, int, int]) -> None:
        self.set_font(_FONT, size=size)
        self.set_text_color(*ink)
        self.multi_cell(0, size * 0.55, text, align="L", new_x="LMARGIN", new_y="NEXT")


def receipt_pdf(view: Mapping[str, Any], brand: Brand, phrases: Phrases, *, created: datetime, my_address: str) -> bytes:
    """The document. The receipt's own address is not in it: a document gets handed on, and whoever has the address can stop the access."""
    t, number = phrases, view["confirmation"]
    pdf = _Document(brand, phrases, number)
    pdf.set_creation_date(created)
    pdf.head_title(t("receipt.title"))
    facts = [("receipt.number", number), ("receipt.date", view["date"]), ("receipt.who", view["then"].name)]
    facts.append(("receipt.status", view["live"].status_text))
    for key, value in facts:
        pdf.note(t(key))
        pdf.text_block(value)
    if view["now_name"]:
        pdf.note(f"{t('receipt.now_called')}: {view['now_name']}")
    for section in view["sections"]:
        _section(pdf, section, view, t)
    for change in view["changes"]:
        pdf.heading(f"{t('receipt.changed')}: {change.title}")
        pdf.points(change.lines)
    _closing(pdf, view, t)
    pdf.heading(t("receipt.change_mind"))
    pdf.text_block(f"{t('my.text')} {my_address}")
    return bytes(pdf.output())


def _section(pdf: _Document, section: Mapping[str, Any], view: Mapping[str, Any], t: Phrases) -> None:
    pdf.heading(t("receipt.what"))
    pdf.points([line.summary for line in section["data"]])
    pdf.heading(t("receipt.how_long"))
    pdf.points(section["durations"])
    pdf.heading(t("select.consent.title") if section["fixed"] else t(f"select.{section['kind']}.title"))
    entries = section["entries"]
    if entries is None:
        pdf.points([section["count"]])
    else:
        whole = [t(f"receipt.all.{section['kind']}")] if section["all_selected"] and not section["fixed"] else []
        pdf.points(whole + [_entry(entry, t) for entry in entries])
    if section["future"]:
        pdf.points([section["future"]])
    if section["purpose"]:
        pdf.heading(t("form.purpose"))
        mine = section["purpose"].written_by_client
        pdf.note(section["written_by"] if mine else t("form.purpose_default", brand=view["snapshot_brand"]))
        pdf.text_block(section["purpose"].content)


def _entry(entry: Any, t: Phrases) -> str:
    parts = [entry.number or t("select.no_number"), entry.kinds, entry.name, entry.address, *entry.through]
    return ", ".join(part for part in parts if part)


def _closing(pdf: _Document, view: Mapping[str, Any], t: Phrases) -> None:
    if view["disclosures"]:
        pdf.heading(t("receipt.disclosures"))
        for text in view["disclosures"]:
            pdf.text_block(text)
    if view["typed_name"]:
        pdf.heading(t("receipt.typed_name"))
        pdf.text_block(view["typed_name"])
    if view["terms"]:
        pdf.heading(t("receipt.terms"))
        pdf.text_block(view["terms"]["text"])
