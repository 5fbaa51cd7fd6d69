"""What a customer's login must be like, and when further attempts are refused."""

import unicodedata
from dataclasses import dataclass
from datetime import timedelta

FAILURE_WINDOW = timedelta(minutes=15)
MAX_FAILURES_OF_NAME = 10
MAX_FAILURES_OF_ADDRESS = 60
"""Many people may sit behind one address, so the name's limit is the tighter one."""
MAX_FAILURES_OF_REQUEST = 10
"""After this many the browser goes back to the Client, as if the customer had cancelled (§9.1.2)."""
MAX_NAME_LENGTH = 200
MAX_PASSWORD_LENGTH = 1000
MIN_PASSWORD_LENGTH = 10


@dataclass(frozen=True, slots=True)
class CreatedLogin:
    """A login as told to the operator; the password is shown this once."""

    login_name: str
    password: str


def login_key(login_name: str) -> str:
    """The form in which login names are compared: case, width and surrounding blanks make no difference."""
    return unicodedata.normalize("NFKC", login_name).casefold().strip()[:MAX_NAME_LENGTH]


def too_many_failures(of_name: int, of_address: int) -> bool:
    """Whether a further attempt within the window is refused unseen."""
    return of_name >= MAX_FAILURES_OF_NAME or of_address >= MAX_FAILURES_OF_ADDRESS
