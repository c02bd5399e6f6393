"""`keelyard workers`: who runs jobs, seen and steered through the database, so also without the API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import click
import msgspec

from engine.domain.errors import ServiceUnavailable
from engine.processes import composition, registration
from engine.services import settings, state
from engine.services import workers as service
from engine.services.identity import Caller
from engine.services.workers import WorkerView

POLL_SECONDS = 1.0
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def workers() -> None:
    """List workers, drain one before maintenance, resume it afterwards."""


@workers.command("list")
@_JSON
def list_workers(as_json: bool) -> None:
    """Show all workers with what they offer and carry."""
    found = _run(service.every())
    if as_json:
        _print_json([service.shown(worker) for worker in found])
        return
    if not found:
        click.echo("No worker has registered yet. `keelyard worker` starts one.", err=True)
    for worker in found:
        load = worker.load
        click.echo(
            f"{worker.name}  {worker.state.value}  jobs {load.runs}  forks {load.forks}/{worker.forks}  "
            f"memory {load.memory_mb}/{worker.memory_mb} MB  version {worker.version}  "
            f"seen {max(0.0, worker.silent_seconds):.0f} s ago"
        )


@workers.command()
@click.argument("name")
@click.option("--wait", "wait", is_flag=True, help="Until its last job has ended.")
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer; exit code 1."
)
@_JSON
def drain(name: str, wait: bool, timeout: float | None, as_json: bool) -> None:
    """Let a worker start nothing more. What it runs goes on; a restart does not undo it."""
    _show(_run(_drain(name, timeout, wait=wait)), as_json)


@workers.command()
@click.argument("name")
@_JSON
def resume(name: str, as_json: bool) -> None:
    """Let a drained worker take jobs again."""
    _show(_run(service.resume(name, _caller())), as_json)


@workers.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget a worker that is lost or stopped and has no running job."""
    _run(service.remove(name, _caller()))
    click.echo(f"Worker {name} removed.", err=True)


@workers.command()
def check() -> None:
    """Exit code 0 while the worker of this KEELYARD_HOME gives signs of life; for health checks."""
    worker = _run(service.find(registration.identity()))
    if worker.state in service.GONE:
        raise ServiceUnavailable(
            f"Worker {worker.name} is {worker.state.value}; its last sign of life is "
            f"{max(0.0, worker.silent_seconds):.0f} s old.",
            remedy="See its log, and restart it.",
        )


async def _drain(name: str, timeout: float | None, *, wait: bool) -> WorkerView:
    worker = await service.drain(name, _caller())
    deadline = None if timeout is None else time.monotonic() + timeout
    told = -1
    while wait and worker.jobs:
        if len(worker.jobs) != told:
            told = len(worker.jobs)
            click.echo(f"Worker {name} is draining: {told} jobs still run.", err=True)
        if deadline is not None and time.monotonic() > deadline:
            raise ServiceUnavailable(
                f"Worker {name} still has {len(worker.jobs)} running jobs after {timeout:g} s.",
                remedy="It stays drained; ask again, or cancel them.",
            )
        await asyncio.sleep(POLL_SECONDS)
        worker = await service.find(name)
    return worker


def _show(worker: WorkerView, as_json: bool) -> None:
    if as_json:
        _print_json(service.shown(worker))
    else:
        click.echo(f"Worker {worker.name} is {worker.state.value}; {len(worker.jobs)} jobs run.", err=True)


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def _caller() -> Caller:
    return Caller(address="command line", user_agent="keelyard workers")


def _run[T](work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, with the database open around it."""

    async def connected() -> T:
        await state.open_database(url)
        try:
            return await work
        finally:
            await state.close_database()

    try:
        url = composition.database_url(settings.load())
    except BaseException:
        work.close()
        raise
    return asyncio.run(connected())
