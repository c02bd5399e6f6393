"""`keelyard enable`, `disable`, `drain` and `resume`."""

from __future__ import annotations

from typing import Any

import click

from tui.client import Client
from tui.command_line import completing, finding, resources
from tui.command_line.access import Access, reaches_server
from tui.command_line.resource import Resource

SWITCHES = {
    "schedules": "PATCH /api/v1/schedules/{schedule_id}",
    "channels": "PATCH /api/v1/notification-channels/{channel_id}",
    "users": "PUT /api/v1/users/{user_id}",
}
DRAINS = ("POST /api/v1/workers/{name}/drain", "POST /api/v1/workers/{name}/resume")


@click.command()
@click.argument("noun", shell_complete=completing.switchable)
@click.argument("name", shell_complete=completing.names_of_noun)
@reaches_server
def enable(access: Access, noun: str, name: str) -> None:
    """Turn on NAME of NOUN: a schedule, a channel, or a user who may sign in again."""
    _switch(access, noun, name, enabled=True)


@click.command()
@click.argument("noun", shell_complete=completing.switchable)
@click.argument("name", shell_complete=completing.names_of_noun)
@reaches_server
def disable(access: Access, noun: str, name: str) -> None:
    """Turn off NAME of NOUN: a schedule, a channel, or a user, whose sessions end."""
    _switch(access, noun, name, enabled=False)


@click.command()
@click.argument("worker", shell_complete=completing.names("workers"))
@reaches_server
def drain(access: Access, worker: str) -> None:
    """Let WORKER start nothing more. What it runs goes on; a restart does not undo it."""
    _show(access.run(lambda client: client.ask(DRAINS[0], worker)))


@click.command()
@click.argument("worker", shell_complete=completing.names("workers"))
@reaches_server
def resume(access: Access, worker: str) -> None:
    """Let a drained WORKER take jobs again."""
    _show(access.run(lambda client: client.ask(DRAINS[1], worker)))


def _switch(access: Access, noun: str, name: str, *, enabled: bool) -> None:
    resource = resources.find(noun)
    if resource is None or resource.name not in SWITCHES:
        known = ", ".join(each.singular for each in resources.RESOURCES if each.name in SWITCHES)
        raise click.UsageError(f"{noun!r} cannot be turned on or off; there is {known}.")
    access.run(lambda client: _switched(client, resource, name, enabled=enabled))
    click.echo(
        f"{resource.singular.capitalize()} {name} is {'enabled' if enabled else 'disabled'}.", err=True
    )


async def _switched(client: Client, resource: Resource, name: str, *, enabled: bool) -> None:
    key = await finding.key(client, resource, name)
    await client.ask(SWITCHES[resource.name], key, body={"enabled": enabled})


def _show(worker: dict[str, Any]) -> None:
    click.echo(f"Worker {worker['name']} is {worker['state']}; {len(worker['jobs'])} jobs run.", err=True)
