"""What a domain rule refuses; free of any framework, so that `domain` rooms may import it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One refused value: where it is in the request (JSON pointer, RFC 6901) and why, in words for the caller."""

    pointer: str
    detail: str


class DomainError(Exception):
    """A refusal by a rule. The text is shown to the caller: no SQL, no secret, no other client's ids.

    Each service maps every subclass to an answer in `api/problems.py`.
    """

    def __init__(self, detail: str = "", *, faults: tuple[FieldFault, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults


class TransientError(Exception):
    """Something outside is not reachable right now; a consumer keeps trying, an api answers 503."""
