"""`keelyard cancel`, `retry`, `provision` and `run-schedule`: jobs started and stopped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import click

from tui import text, wire
from tui.client import Client
from tui.command_line import asking, completing, finding, resources, waiting
from tui.command_line.access import Access, reaches_server
from tui.command_line.exits import Failed


@click.command()
@click.argument("job", shell_complete=completing.names("jobs"))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Until it has stopped; exit code 1 if it had ended otherwise.")
@reaches_server
def cancel(access: Access, job: str, yes: bool, wait: bool) -> None:
    """Stop JOB: in the queue at once, running as soon as it is safe. Asking twice changes nothing.

    On a terminal it asks first; elsewhere it does what it was told.
    """

    async def look(client: Client) -> wire.Job:
        return await client.job(await _key(client, "jobs", job))

    found = access.run(look)
    if not (yes or not asking.is_somebody_there() or asking.agreed(_question(found), yes=False)):
        raise Failed("Nothing was cancelled.")

    async def work(client: Client) -> wire.Job | None:
        answer = await client.ask("POST /api/v1/jobs/{job_id}/cancel", found.id)
        click.echo(f"{answer['message']}: {found.id}", err=True)
        return await waiting.for_end(client, found.id) if wait else None

    ended = access.run(work)
    if ended is not None:
        waiting.check(ended, "cancelled")


@click.command()
@click.argument("job", shell_complete=completing.names("jobs"))
@click.option(
    "--hosts", default="failed", show_default=True, metavar="failed|all|A,B", help="On which nodes."
)
@waiting.option
@reaches_server
def retry(access: Access, job: str, hosts: str, wait: bool) -> None:
    """Queue a new job that goes on where JOB stopped, and print its id."""
    wanted: str | list[str] = hosts if hosts in ("failed", "all") else _names(hosts)

    async def start(client: Client) -> dict[str, Any]:
        job_id = await _key(client, "jobs", job)
        answer: dict[str, Any] = await client.ask(
            "POST /api/v1/jobs/{job_id}/retry", job_id, body={"hosts": wanted}
        )
        for limited in answer["hosts"]:
            click.echo(text.one_line(f"on {limited['host']}: {limited['because']}"), err=True)
        return answer

    carried_out(access, start, wait=wait)


@click.command()
@click.argument("cluster", shell_complete=completing.names("clusters"))
@click.option("--plan", "plan_hash", metavar="HASH", help="Apply this plan, and only while it still holds.")
@waiting.option
@reaches_server
def provision(access: Access, cluster: str, plan_hash: str | None, wait: bool) -> None:
    """Queue a provision job for CLUSTER and print its id. On a healthy cluster it changes nothing."""
    body = {"plan_hash": plan_hash} if plan_hash else None

    async def start(client: Client) -> dict[str, Any]:
        answer: dict[str, Any] = await client.ask(
            "POST /api/v1/clusters/{cluster_id}/provision", cluster, body=body
        )
        return answer

    carried_out(access, start, wait=wait)


@click.command("run-schedule")
@click.argument("schedule", shell_complete=completing.names("schedules"))
@waiting.option
@reaches_server
def run_schedule(access: Access, schedule: str, wait: bool) -> None:
    """Queue the job of SCHEDULE now and print its id."""

    async def start(client: Client) -> dict[str, Any]:
        schedule_id = await _key(client, "schedules", schedule)
        answer: dict[str, Any] = await client.ask("POST /api/v1/schedules/{schedule_id}/run", schedule_id)
        return answer

    carried_out(access, start, wait=wait)


def carried_out(access: Access, start: Callable[[Client], Awaitable[dict[str, Any]]], *, wait: bool) -> None:
    """Starts a job, prints its id, and with `wait` follows it to its end. Raises Failed."""

    async def work(client: Client) -> wire.Job | None:
        job_id = str((await start(client))["job_id"])
        click.echo(job_id)
        return await waiting.for_end(client, job_id) if wait else None

    ended = access.run(work)
    if ended is not None:
        waiting.check(ended)


def _question(job: wire.Job) -> str:
    what = text.one_line(f"{job.type} of {job.cluster_name} ({job.status})")
    return f"Cancel {what}? The nodes stay as the job leaves them."


async def _key(client: Client, noun: str, word: str) -> str:
    return await finding.key(client, resources.named(noun), word)


def _names(said: str) -> list[str]:
    names = [name.strip() for name in said.split(",") if name.strip()]
    if not names:
        raise click.UsageError("--hosts: say failed, all, or names of nodes with commas between.")
    return names
