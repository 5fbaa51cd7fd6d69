"""Where the facts of a feed go: the account, the environment, and the keys of what a usage point stands for."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from cds_cli.demo_utility.stable import fact_id
from cds_common.ids import Environment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the data goes: the account by its ref, the environment, and the zone in which days are reckoned."""

    account_ref: str
    account_number: str
    environment: Environment
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Place:
    """What a usage point stands for. The account data of the load may say more of its contract and point, and of its meter."""

    account_ref: str
    account_number: str
    contract_ref: str
    servicepoint_ref: str
    meter_ref: str
    described: bool = False
    metered: bool = False

    @classmethod
    def of(cls, target: Target, usage_point: str) -> "Place":
        """Refs that are the same whenever the feed of this usage point comes again under the account."""
        ref = f"GB-{target.account_ref}-{short_hash(usage_point)}"
        return cls(target.account_ref, target.account_number, f"CT-{ref}", f"SP-{ref}", f"MT-{ref}")


def short_hash(text: str) -> str:
    """Twelve characters that stand for a text."""
    return sha256(text.encode()).hexdigest()[:12]


def moment(second: int) -> datetime:
    """Seconds since 1970 UTC, which have no limit in a file.

    Raises:
        ValueError: outside of the years 1970 to 2100.
    """
    if not 0 <= second <= _LATEST.timestamp():
        raise ValueError(f"{second} is no time between 1970 and 2100")
    return EPOCH + timedelta(seconds=second)


def known_since(begin: datetime) -> datetime:
    """A source time for what was guessed from the first reading: of two guesses the one with the earlier beginning counts.

    Files of a year come month by month in any order; the contract begins with the first month whichever comes last.
    """
    return EPOCH + (_LATEST - begin) / 4


def common(target: Target, at: datetime, *parts: object) -> dict[str, Any]:
    """The members that every message has; the event id depends on the facts alone."""
    return {"event_id": fact_id("espi", target.environment, *parts, at), "source_time": at, "environment": target.environment}


def account_ref(number: str) -> str:
    """The utility key of an account in the demo utility and for the loader."""
    return f"AC-{number}"
