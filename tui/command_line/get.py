"""`keelyard get`: every read of the API."""

from __future__ import annotations

import click

from tui.client import Client
from tui.command_line import completing, output, reading, resources, watching
from tui.command_line.access import Access, reaches_server
from tui.command_line.reading import Found, Reader, Wanted


@click.command()
@click.argument("noun", shell_complete=completing.nouns)
@click.argument("names", nargs=-1, shell_complete=completing.names_of_noun)
@output.option
@click.option("-w", "--watch", is_flag=True, help="Go on with what changes, until ctrl-c.")
@click.option(
    "--filter", "filters", multiple=True, metavar="NAME=VALUE", help="As the API has it; repeatable."
)
@click.option("--outcome", help="The same as --filter outcome=…: of hardening-results, and of runs.")
@click.option("--page", type=click.IntRange(min=1), default=1, help="Which page of a long list.")
@click.option("--page-size", type=click.IntRange(1, 100), help="How many things a page has; 100 by default.")
@click.option("--all", "everything", is_flag=True, help="Every page.")
@click.option(
    "--sort", "order", default="", metavar="MEMBER", help="Order what is shown; -MEMBER turns it round."
)
@reaches_server
def get(
    access: Access,
    noun: str,
    names: tuple[str, ...],
    form: str,
    watch: bool,
    filters: tuple[str, ...],
    outcome: str | None,
    page: int,
    page_size: int | None,
    everything: bool,
    order: str,
) -> None:
    """Show NOUN: a list, or one thing by its id or name. `keelyard get nouns` tells which nouns there are.

    What belongs to something names that first: `get nodes CLUSTER`, `get hosts JOB`, `get runs SCHEDULE`.
    The name of a cluster stands for its newest job, or its newest scan: `get hosts CLUSTER`,
    `get hardening-results CLUSTER --outcome fail`.
    """
    if noun == "nouns":
        _tell_nouns()
        return
    resource = resources.find(noun)
    if resource is None:
        known = ", ".join(one.name for one in resources.RESOURCES)
        raise click.UsageError(f"There is no noun {noun!r}; there is {known}.")
    wanted = Wanted(
        resource=resource,
        names=names,
        filters=dict(_pair(each) for each in filters) | ({"outcome": outcome} if outcome else {}),
        page=page,
        page_size=page_size or 0,
        everything=everything,
        order=order,
    )
    reading.check(wanted)

    async def work(client: Client) -> Found | None:
        reader = Reader(client, wanted)
        if not watch:
            return await reader.read()
        await watching.follow(client, reader, resource, form)
        return None

    found = access.run(work)
    if found is not None:
        if found.things or form not in ("table", "wide"):
            output.show(found, resource, form)
        output.narrate(found, resource)


def _pair(said: str) -> tuple[str, str]:
    name, equals, value = said.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--filter {said}: say NAME=VALUE.")
    return name, value


def _tell_nouns() -> None:
    width = max(len(one.name) for one in resources.RESOURCES)
    for one in resources.RESOURCES:
        owner = resources.find(one.parent)
        of = f" ({owner.singular.upper()})" if owner else ""
        aliases = f" [{', '.join(one.aliases)}]" if one.aliases else ""
        click.echo(f"{one.name:<{width}}  {one.what}{of}{aliases}")
