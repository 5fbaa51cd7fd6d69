"""Runs the local runner's commands: `python -m cds_local up`."""

from cds_local.cli import app

app(prog_name="python -m cds_local")
