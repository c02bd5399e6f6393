"""`--wait`: following a job to its end, with what happens on standard error."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from tui import text, wire
from tui.client import Client
from tui.command_line.exits import Failed
from tui.command_line.logs import narrate
from tui.job_events import EventStream

_DRAIN_SECONDS = 0.2


def option(command: Any) -> Any:
    """--wait."""
    choice = click.option(
        "--wait", is_flag=True, help="Until the job has ended; exit code 1 unless it succeeds."
    )
    return choice(command)


async def for_end(client: Client, job_id: str) -> wire.Job:
    """The job once it has ended. Raises ApiError; a server that is away is waited for."""
    job = await client.job(job_id)
    if isinstance(job.waiting_for, str):
        click.echo(f"It waits for: {text.one_line(job.waiting_for)}", err=True)
    stream = EventStream(client, job_id)
    reading = asyncio.create_task(stream.run(narrate))
    try:
        while True:
            done, _ = await asyncio.wait({reading}, timeout=_DRAIN_SECONDS)
            for event in stream.drain():
                _narrate(event)
            if done:
                reading.result()
                return await client.job(job_id)
    finally:
        reading.cancel()
        await asyncio.wait({reading})


def check(job: wire.Job, *wanted: str) -> None:
    """Says how the job ended. Raises Failed unless it ended in one of these ways."""
    if job.status in (wanted or ("success",)):
        click.echo(f"{job.type} of {job.cluster_name}: {job.status}.", err=True)
        return
    why = next((said for said in (job.message, job.reason) if isinstance(said, str) and said), "")
    ended = f"The {job.type} job of {job.cluster_name} ended as {job.status}."
    raise Failed(f"{ended} {text.one_line(why)}".rstrip(), remedy=f"See: keelyard logs {job.id} --failed")


def _narrate(event: wire.Event) -> None:
    host = f"{event.host}: " if event.host else ""
    match event.kind:
        case "phase_started":
            click.echo(f"== {text.one_line(str(event.data.get('name') or event.phase or ''))}", err=True)
        case "host_failed" | "host_unreachable":
            click.echo(text.one_line(f"!! {host}{event.task or ''}: {event.message}"), err=True)
