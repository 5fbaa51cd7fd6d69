"""Runs the trace store: `python -m cds_local.tracestore --port 9411 --file traces.sqlite --target usage-api=8105`."""

import argparse
from pathlib import Path

import uvicorn

from cds_local.ports import HOST
from cds_local.tracestore.app import create_app


def main() -> None:
    """Read the arguments and serve until stopped."""
    parser = argparse.ArgumentParser(prog="cds_local.tracestore", description="Trace store for one machine")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--target", action="append", default=[], help="NAME=PORT of a process whose /metrics are read")
    arguments = parser.parse_args()
    targets = {name: int(port) for name, port in (target.split("=", 1) for target in arguments.target)}
    app = create_app(arguments.file, targets)
    uvicorn.run(app, host=HOST, port=arguments.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
