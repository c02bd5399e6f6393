"""`keelyard supervise`: started by a worker, never by hand."""

from __future__ import annotations

import sys

import click


@click.command(hidden=True)
def supervise() -> None:
    """Run one claimed job; the worker's orders come through standard input."""
    from engine.processes import process_log, standby, supervisor

    process_log.to_stderr()
    received = standby.receive()
    sys.exit(0 if received is None else supervisor.supervise(*received))
