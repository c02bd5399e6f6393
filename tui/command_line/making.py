"""`keelyard create` and `keelyard set`: one thing made or changed, by options or by a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tui.client import Client
from tui.command_line import asking, completing, finding, kinds, output, resources, spec_files
from tui.command_line.access import Access, reaches_server
from tui.command_line.kinds import KINDS, TENANT, USER, Body, Kind, Member, merged

MAKE_TOKEN = "POST /api/v1/service-tokens"  # noqa: S105  an operation


@click.group()
def create() -> None:
    """Make a user, tenant, template, schedule, channel or service token. Clusters: `keelyard apply`."""


@click.group("set")
def change() -> None:
    """Change a user, tenant, template, schedule or channel. What is not said stays as it is."""


@create.command("token")
@click.argument("name")
@click.option("-p", "--permission", "permissions", multiple=True, required=True, help="Such as cluster:read.")
@click.option("--days", type=int, default=90, show_default=True, help="Until it expires.")
@click.option("--for-tenant", help="Slug of the only tenant it may touch.")
@reaches_server
def create_token(
    access: Access, name: str, permissions: tuple[str, ...], days: int, for_tenant: str | None
) -> None:
    """Make a service token and print it, this once."""
    body = {"name": name, "permissions": list(permissions), "expires_in_days": days, "tenant": for_tenant}
    made = access.run(lambda client: client.ask(MAKE_TOKEN, body=body))
    click.echo(f"Service token {made['name']} made; it expires {made['expires_at'][:10]}.", err=True)
    click.echo(made["token"])


def _option(member: Member) -> Callable[[Any], Any]:
    name = _argument(member)
    if member.type is bool:
        return click.option(member.option, name, default=None, help=member.help)
    kind: Any = click.Choice(member.choices) if member.choices else member.type
    return click.option(member.option, name, type=kind, multiple=member.many, help=member.help)


def _argument(member: Member) -> str:
    return "said_" + member.path.replace(".", "_")  # no other parameter of a command begins so


def _said(kind: Kind, options: dict[str, Any]) -> Body:
    """The options that were given, as a request."""
    body: Body = {}
    for member in kind.members:
        value = options.pop(_argument(member))
        if value is None or value == ():
            continue
        *parts, last = member.path.split(".")
        place = body
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = list(value) if member.many else value
    return body


def _document(kind: Kind, path: Path | None) -> Body:
    """What the file says, without what says of which kind it is."""
    if path is None:
        return {}
    [document] = spec_files.of_kind(path, kind.kind)
    return document


async def _make(client: Client, kind: Kind, body: Body) -> dict[str, Any]:
    made: dict[str, Any] = await client.ask(kind.make, body=kind.complete(body))
    return made


def _made_by(kind: Kind) -> click.Command:
    noun = resources.named(kind.noun).singular

    def make(access: Access, name: str, path: Path | None, form: str, **options: Any) -> None:
        said = merged(_document(kind, path), _said(kind, options)) | {kind.called: name}
        if kind is TENANT:
            said.setdefault("name", name)
        made = access.run(lambda client: _make(client, kind, _with_secret(kind, said)))
        click.echo(f"{noun.capitalize()} {made[kind.called]} made.", err=True)
        if secret := made.pop("secret", None):
            click.echo("This is its secret; it is not shown again:", err=True)
            click.echo(secret)
        _print(made, form)

    make.__doc__ = f"Make a {noun}."
    if kind.secret is not None:
        make.__doc__ += f" {kind.secret.prompt}: asked for, or the first line of standard input."
    return _command(noun, kind, make, names=None)


def _changed_by(kind: Kind) -> click.Command:
    resource = resources.named(kind.noun)
    noun = resource.singular

    def alter(
        access: Access, name: str, path: Path | None, form: str, renamed: str | None, **options: Any
    ) -> None:
        asks = options.pop("asks_secret", False)
        said = merged(_document(kind, path), _said(kind, options))
        said.pop(kind.called, None)
        said |= {kind.called: renamed} if renamed else {}
        said = _with_secret(kind, said) if asks else said
        if not said:
            raise click.UsageError(f"Say what to change; `keelyard set {noun} --help` tells what there is.")

        async def work(client: Client) -> dict[str, Any]:
            return await kinds.change(client, kind, await finding.key(client, resource, name), said)

        changed = access.run(work)
        click.echo(f"{noun.capitalize()} {changed[kind.called]} changed.", err=True)
        _print(changed, form)

    alter.__doc__ = f"Change a {noun}."
    command: Any = click.option("--rename", "renamed", metavar="NEW", help=f"Another {kind.called}.")(alter)
    if kind.secret is not None:
        what = f"{kind.secret.prompt}: asked for, or from standard input."
        command = click.option(kind.secret.option, "asks_secret", is_flag=True, help=what)(command)
    return _command(noun, kind, command, names=completing.names(kind.noun))


def _with_secret(kind: Kind, said: Body) -> Body:
    """With what must not be an argument, where the file does not have it."""
    secret = kind.secret
    if secret is None or said.get(secret.member) or (secret.instead and said.get(secret.instead)):
        return said
    return {**said, secret.member: asking.password(secret.prompt, new=kind is USER)}


def _command(noun: str, kind: Kind, command: Any, names: completing.Completer | None) -> click.Command:
    command = reaches_server(command)
    for member in reversed(kind.members):
        command = _option(member)(command)
    command = click.option(
        "-f",
        "--file",
        "path",
        type=click.Path(path_type=Path, allow_dash=True),
        help="A document of it; options win.",
    )(command)
    command = output.quiet_option(command)
    return click.command(noun)(click.argument("name", shell_complete=names)(command))


def _print(thing: dict[str, Any], form: str) -> None:
    if form in ("json", "yaml"):
        click.echo(output.document(thing, form), nl=False)


for _kind in KINDS:
    create.add_command(_made_by(_kind))
    change.add_command(_changed_by(_kind))
