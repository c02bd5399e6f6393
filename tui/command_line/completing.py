"""Completion of names from the server: in a moment, or not at all; never with a word of complaint."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

from tui.command_line import resources

_PATIENCE_SECONDS = 2.0
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def nouns(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The nouns of `get`."""
    return [
        CompletionItem(one.name, help=one.what)
        for one in resources.RESOURCES
        if one.name.startswith(incomplete)
    ]


def _of(chosen: Iterable[str]) -> Completer:
    """Completes these nouns, in the singular."""
    wanted = frozenset(chosen)

    def complete(
        _context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        found = (one for one in resources.RESOURCES if one.name in wanted)
        return [CompletionItem(one.singular) for one in found if one.singular.startswith(incomplete)]

    return complete


#: What `delete` takes, and what `enable` and `disable` take.
deletable = _of(
    ("clusters", "templates", "schedules", "channels", "users", "tenants", "tokens", "workers"),
)
switchable = _of(("schedules", "channels", "users"))


def names(noun: str) -> Completer:
    """Completes the names of one noun."""

    def complete(
        context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in _names(context, noun) if name.startswith(incomplete)]

    return complete


def names_of_noun(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completes the names of the noun that was said before, or of what that belongs to."""
    said = resources.find(str(context.params.get("noun") or ""))
    if said is None or context.params.get("names"):
        return []
    owner = said.parent or said.name
    while above := resources.named(owner).parent:
        owner = above  # a cluster's name stands for its newest
    return names(owner)(context, parameter, incomplete)


def _names(context: click.Context, noun: str) -> Iterable[str]:
    """The first page of them; nothing when that takes too long, or goes wrong in any way."""
    from tui.client import Client
    from tui.command_line import access
    from tui.command_line.output import name

    resource = resources.find(noun)
    if resource is None or not resource.list:
        return []

    async def work(client: Client) -> list[str]:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            page = await client.ask(resource.list, query={"page_size": resource.most})
        return [name(thing, resource) for thing in page["data"]]

    given = access.of({option: value for option, value in context.params.items() if value is not None})
    with contextlib.redirect_stderr(io.StringIO()), context.scope(cleanup=False):
        try:
            return given.run(work)
        except (click.ClickException, TimeoutError, OSError):
            return []


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete `keelyard`: commands, options, and names from the server.

    \b
    bash:  keelyard completion bash > ~/.local/share/bash-completion/completions/keelyard
    zsh:   keelyard completion zsh > "${fpath[1]}/_keelyard"
    fish:  keelyard completion fish > ~/.config/fish/completions/keelyard.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    click.echo(kind(root, {}, "keelyard", "_KEELYARD_COMPLETE").source())
