"""`keelyard supervise`: started by a worker, never by hand."""

from __future__ import annotations

import sys

import click


@click.command(hidden=True)
@click.argument("job_id")
def supervise(job_id: str) -> None:
    """Run one claimed job; the worker's orders come through standard input."""
    import msgspec

    from engine.domain.errors import MisconfiguredServer
    from engine.processes import process_log, supervisor

    process_log.to_stderr()
    try:
        orders = msgspec.json.decode(sys.stdin.buffer.read(), type=supervisor.Orders)
    except msgspec.DecodeError as error:
        raise MisconfiguredServer(
            "This command is started by `keelyard worker`, which tells it what to do."
        ) from error
    if str(orders.job_id) != job_id:
        raise MisconfiguredServer(f"The orders are for job {orders.job_id}, not for {job_id}.")
    sys.exit(supervisor.supervise(orders))
