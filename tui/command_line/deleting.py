"""`keelyard delete`: the only command that asks for the name of what goes."""

from __future__ import annotations

from typing import Any

import click

from tui import wire
from tui.client import Client
from tui.command_line import asking, completing, finding, resources, waiting
from tui.command_line.access import Access, reaches_server
from tui.command_line.resource import Resource

#: What deletes one of a noun, and what is lost with it.
DELETIONS: dict[str, tuple[str, str]] = {
    "clusters": (
        "DELETE /api/v1/clusters/{cluster_id}",
        "its record and kubeconfig go; its nodes stay as they are.",
    ),
    "templates": ("DELETE /api/v1/templates/{template_id}", "it goes with all its versions."),
    "schedules": ("DELETE /api/v1/schedules/{schedule_id}", "it goes with its runs; jobs stay."),
    "channels": ("DELETE /api/v1/notification-channels/{channel_id}", "it goes with its notices."),
    "users": ("DELETE /api/v1/users/{user_id}", "the account goes and its sessions end."),
    "tenants": ("DELETE /api/v1/tenants/{tenant_id}", "it goes, if nothing and nobody is in it."),
    "tokens": ("DELETE /api/v1/service-tokens/{token_id}", "it is revoked; what uses it is locked out."),
    "workers": ("DELETE /api/v1/workers/{name}", "it is forgotten, if it is lost or stopped."),
}
_DEPROVISION = (
    "a job cleans its nodes: Kubernetes and everything that runs on it are lost; then its record goes."
)


@click.command()
@click.argument("noun", shell_complete=completing.deletable)
@click.argument("name", shell_complete=completing.names_of_noun)
@click.option("--deprovision", is_flag=True, help="Clusters: clean the nodes first.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@waiting.option
@reaches_server
def delete(access: Access, noun: str, name: str, deprovision: bool, yes: bool, wait: bool) -> None:
    """Delete NAME of NOUN: cluster, template, schedule, channel, user, tenant, token or worker.

    On a terminal the name has to be typed; elsewhere --yes is needed.
    """
    resource = resources.find(noun)
    if resource is None or resource.name not in DELETIONS:
        known = ", ".join(each.singular for each in resources.RESOURCES if each.name in DELETIONS)
        raise click.UsageError(f"{noun!r} cannot be deleted; there is {known}.")
    if deprovision and resource.name != "clusters":
        raise click.UsageError("--deprovision is for clusters.")
    if not yes and not asking.is_somebody_there():
        raise click.UsageError(
            f"Delete {resource.singular} {name}? Nobody can be asked here: say so with --yes."
        )

    async def look(client: Client) -> tuple[str, dict[str, Any]]:
        key = await finding.key(client, resource, name)
        thing: dict[str, Any] = await client.ask(resource.one, key)
        return key, thing

    key, thing = access.run(look)
    called = str(thing.get(resource.called) or name)
    lost = _DEPROVISION if deprovision else DELETIONS[resource.name][1]
    asking.typed(called, f"{resource.singular.capitalize()} {called}: {lost}", yes=yes)
    ended = access.run(
        lambda client: _delete(client, resource, key, called, wait=wait, deprovision=deprovision)
    )
    if ended is not None:
        waiting.check(ended)


async def _delete(
    client: Client, resource: Resource, key: str, called: str, *, wait: bool, deprovision: bool
) -> wire.Job | None:
    query = {"deprovision": "true"} if deprovision else None
    answer = await client.ask(DELETIONS[resource.name][0], key, query=query)
    job_id = (answer or {}).get("job_id")
    if job_id is None:
        click.echo(f"{resource.singular.capitalize()} {called} is gone.", err=True)
        return None
    click.echo(job_id)
    return await waiting.for_end(client, str(job_id)) if wait else None
