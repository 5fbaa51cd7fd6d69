"""Sentences in the customer's language; the catalogues hold the words, this holds the grammar they need."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo

from babel import Locale
from babel.dates import format_date, format_datetime, get_timezone
from babel.lists import format_list

DEFAULT_LANGUAGE = "en"


class Phrases:
    """The catalogue of one language. A missing key raises: a test holds that all languages have the same keys."""

    def __init__(self, language: str, locale: str, messages: Mapping[str, str]) -> None:
        self.language = language
        self._locale = Locale.parse(locale)
        self._messages = messages

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, for the page's `dir`."""
        return self._locale.text_direction

    def __call__(self, key: str, **values: object) -> str:
        """The sentence `key` with these values in its places."""
        return self._messages[key].format(**values)

    def pattern(self, key: str) -> str:
        """The sentence with its places still open, for values that are markup."""
        return self._messages[key]

    def has(self, key: str) -> bool:
        """Whether the catalogue knows `key` (a type of meter that only a newer source names has no word yet)."""
        return key in self._messages

    def count(self, key: str, number: int, **values: object) -> str:
        """The singular or plural form of `key`, as CLDR's rule of the language has it."""
        form = "one" if self._locale.plural_form(number) == "one" else "other"
        return self._messages[f"{key}.{form}"].format(number=number, **values)

    def join(self, items: Sequence[str]) -> str:
        """`a, b, and c`. In Spanish `y` turns into `e` before the sound i."""
        listed = format_list(list(items), locale=self._locale)
        if self.language == "es" and len(items) > 1 and _sounds_like_i(items[-1]):
            head, _, tail = listed.rpartition(" y ")
            return f"{head} e {tail}"
        return listed

    def date(self, day: date) -> str:
        """A calendar day in words."""
        return format_date(day, "long", locale=self._locale)

    def time(self, at: datetime, timezone: tzinfo) -> str:
        """A moment on the utility's clock, with its time zone."""
        pattern = self._messages["format.datetime"]
        return format_datetime(at.astimezone(timezone), pattern, tzinfo=get_timezone(str(timezone)), locale=self._locale)


def sentence(text: str) -> str:
    """`text` with its first letter in upper case; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def _sounds_like_i(word: str) -> bool:
    start = word.lower()
    return start.startswith(("i", "í", "hi", "hí")) and not start.startswith("hie")
