"""A small store for traces (OTLP over HTTP) and current metrics, with a page for each; no ready one of this size can be had.

It serves a developer and the tests on one machine. A deployment names a store of its own choice by `CDS_<SERVICE>_OTLP_ENDPOINT`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from cds_local.processes import Command


def command(*, port: int, file: Path, targets: Mapping[str, int], log: Path) -> Command:
    """Give the command that starts the store.

    Args:
        port: the loopback port to listen on.
        file: the SQLite file of the spans.
        targets: name and loopback port of each process whose `/metrics` are read.
        log: where it writes.
    """
    argv = [sys.executable, "-m", "cds_local.tracestore", "--port", str(port), "--file", str(file)]
    for name, target in targets.items():
        argv += ["--target", f"{name}={target}"]
    return Command(argv=argv, log=log)
