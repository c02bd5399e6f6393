"""`keelyard rotate-secret`, `test-channel` and `redeliver`."""

from __future__ import annotations

import click

from tui.client import Client
from tui.command_line import completing, finding, resources
from tui.command_line.access import Access, reaches_server

_PLACE = "/api/v1/notification-channels/{channel_id}"
ROTATE, TEST = f"POST {_PLACE}/rotate-secret", f"POST {_PLACE}/test"
REDELIVER = f"POST {_PLACE}/deliveries/{{delivery_id}}/redeliver"


@click.command("rotate-secret")
@click.argument("channel", shell_complete=completing.names("channels"))
@reaches_server
def rotate_secret(access: Access, channel: str) -> None:
    """Give a webhook a new secret and print it, this once. For 24 hours the old one signs too."""

    async def work(client: Client) -> str:
        answer = await client.ask(ROTATE, await _key(client, channel))
        return str(answer["secret"])

    click.echo(access.run(work))


@click.command("test-channel")
@click.argument("channel", shell_complete=completing.names("channels"))
@reaches_server
def test_channel(access: Access, channel: str) -> None:
    """Send a notice that says it is a test, and print the id of its delivery."""

    async def work(client: Client) -> str:
        answer = await client.ask(TEST, await _key(client, channel))
        return str(answer["delivery_id"])

    click.echo(access.run(work))
    click.echo(f"What becomes of it: keelyard get deliveries {channel}", err=True)


@click.command()
@click.argument("channel", shell_complete=completing.names("channels"))
@click.argument("delivery")
@reaches_server
def redeliver(access: Access, channel: str, delivery: str) -> None:
    """Send a notice once more, with all its tries before it."""

    async def work(client: Client) -> None:
        await client.ask(REDELIVER, await _key(client, channel), delivery)

    access.run(work)
    click.echo(f"Delivery {delivery} is queued again.", err=True)


async def _key(client: Client, word: str) -> str:
    resource = resources.named("channels")
    return await finding.key(client, resource, word)
