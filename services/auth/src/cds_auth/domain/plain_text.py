"""Text that other people wrote, made safe to stand on a page of ours: no tricks with direction, alphabets or length."""

import unicodedata

NAME_LENGTH = 80
"""Longest client name or number that a page shows; a longer one ends with an ellipsis."""

_CONFUSED_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
_REMOVED_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})


def safe_line(text: str, limit: int = NAME_LENGTH) -> str:
    """One line without control, format, direction or private characters, whitespace collapsed, at most `limit` characters."""
    if text.isascii() and text.isprintable():  # nearly every number and address: nothing to take out
        line = " ".join(text.split())
        return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
    kept = "".join(" " if character in "\t\n\r\v\f\x85\u2028\u2029" else character for character in text)
    kept = "".join(character for character in kept if unicodedata.category(character) not in _REMOVED_CATEGORIES)
    line = " ".join(unicodedata.normalize("NFC", _without_stacks(kept)).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def safe_block(text: str, limit: int = 20_000) -> str:
    """Text of several lines with its breaks and indents kept; everything that could reorder or hide other text is dropped."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    kept = "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in _REMOVED_CATEGORIES)
    return unicodedata.normalize("NFC", _without_stacks(kept))[:limit]


def mixes_alphabets(name: str) -> bool:
    """Whether one word of `name` has letters of two alphabets that look alike (a Cyrillic letter in a Latin word)."""
    return any(len(_scripts(word)) > 1 for word in name.split())


def _scripts(word: str) -> set[str]:
    names = (unicodedata.name(character, "") for character in word if character.isalpha())
    return {name.split(" ", 1)[0] for name in names} & _CONFUSED_SCRIPTS


def _without_stacks(text: str) -> str:
    """At most three combining marks on one letter, so that a name cannot grow over the lines around it."""
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= 3:
            kept.append(character)
    return "".join(kept)
