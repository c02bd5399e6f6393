"""`keelyard members`: who belongs to a tenant."""

from __future__ import annotations

import click

from tui.client import Client
from tui.command_line import completing, finding, resources
from tui.command_line.access import Access, reaches_server

_PLACE = "/api/v1/tenants/{tenant_id}/members"
PUT, ADD, REMOVE = f"PUT {_PLACE}/{{user_id}}", f"POST {_PLACE}", f"DELETE {_PLACE}/{{user_id}}"


@click.group()
def members() -> None:
    """Add users to a tenant, remove them; `keelyard get members TENANT` shows them."""


@members.command()
@click.argument("tenant", shell_complete=completing.names("tenants"))
@click.argument("user", shell_complete=completing.names("users"))
@reaches_server
def add(access: Access, tenant: str, user: str) -> None:
    """Make USER, an e-mail address or an id, a member of TENANT; one that is stays one."""

    async def work(client: Client) -> None:
        if "@" in user:
            known = resources.named("members")
            there = [each["email"] async for each in finding.every(client, known, (tenant,), {})]
            if user.lower() not in there:
                await client.ask(ADD, tenant, body={"email": user})
        else:
            await client.ask(PUT, tenant, user)

    access.run(work)
    click.echo(f"{user} is a member of {tenant}.", err=True)


@members.command()
@click.argument("tenant", shell_complete=completing.names("tenants"))
@click.argument("user", shell_complete=completing.names("users"))
@reaches_server
def remove(access: Access, tenant: str, user: str) -> None:
    """End USER's membership of TENANT. Whoever loses the last one sees nothing any more."""

    async def work(client: Client) -> None:
        known = resources.named("users")
        await client.ask(REMOVE, tenant, await finding.key(client, known, user))

    access.run(work)
    click.echo(f"{user} is no member of {tenant} any more.", err=True)
