"""Files to messages, file after file: account data first, since usage belongs to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cds_cli.loading import espi_to_utility, parquet, tabular
from cds_cli.loading.account_events import AccountFeeds
from cds_cli.loading.account_feeds import holds_account_data
from cds_cli.loading.places import Target
from cds_cli.loading.summary import Summary
from cds_common.events.utility import UtilityEvent

TABLES = (".csv", ".csv.gz", ".parquet")
SUFFIXES = (".xml", ".xml.gz", *TABLES)


def find(given: Iterable[Path]) -> list[Path]:
    """The files of `given`: those named, and those of a known kind in directories, each once, in an order that stays the same."""
    found = (
        file
        for path in given
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.is_file() and (not path.is_dir() or file.name.lower().endswith(SUFFIXES))
    )
    return list(dict.fromkeys(found))


def is_table(file: Path) -> bool:
    """CSV and Parquet; all else is taken for Green Button."""
    return file.name.lower().endswith(TABLES)


@dataclass(frozen=True, slots=True)
class Source:
    """One part of a load: a file, or the account data of all files."""

    name: str
    events: Iterator[UtilityEvent]


def sources(files: list[Path], target: Target, summary: Summary) -> Iterator[Source]:
    """The parts of a load in their order. An `events` is read to its end before the next part is asked for."""
    feeds = [file for file in files if not is_table(file)]
    described = [file for file in feeds if holds_account_data(file)]
    with AccountFeeds(target) as accounts:
        for file in described:
            accounts.read(file)
        if described:
            for file in feeds:
                accounts.read_services(file)
            yield Source("account data", accounts.events(summary))
        for file in files:
            yield Source(file.name, _events(file, target, summary, accounts))


def _events(file: Path, target: Target, summary: Summary, accounts: AccountFeeds) -> Iterator[UtilityEvent]:
    name = file.name.lower()
    if name.endswith(".parquet"):
        return iter(parquet.events(file, target.environment, summary))
    if is_table(file):
        return iter(tabular.events(file, target.environment, summary))
    return espi_to_utility.events(file, target, summary, accounts.place)
