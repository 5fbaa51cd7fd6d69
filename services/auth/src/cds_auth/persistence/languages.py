"""Reads the packaged catalogues of sentences."""

import json
from importlib.resources import files

from cds_auth.domain.phrases import Phrases

LOCALES = {"en": "en_US", "es": "es_US"}
"""Language -> the locale whose dates, lists and plurals its pages use."""


def load_languages() -> dict[str, Phrases]:
    """Every language by its code."""
    folder = files("cds_auth") / "locales"
    return {
        language: Phrases(language, locale, json.loads((folder / f"{language}.json").read_text("utf-8")))
        for language, locale in LOCALES.items()
    }
