"""`keelyard plan` and `keelyard verify`: what would change on a server's cluster, or by a spec file alone.

With `--spec` neither server nor database is needed, and the engine's own command takes over; which one
that is, entry points say, since nothing here knows the engine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import metadata
from typing import Any, override

import click
import msgspec

from tui import wire
from tui.client import Client
from tui.command_line import completing, exits, waiting
from tui.command_line.access import Access, reaches_server
from tui.command_line.exits import Failed

_WITHOUT_SERVER = "keelyard.spec_commands"


class ByServerOrSpec(click.Command):
    """A command that `--spec` hands over to the one of the same name that needs no server."""

    @override
    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if any(each == "--spec" or each.startswith("--spec=") for each in args):
            for entry in metadata.entry_points(group=_WITHOUT_SERVER, name=self.name or ""):
                command = entry.load()
                assert isinstance(command, click.Command)
                return command.make_context(info_name, args, parent, **extra)
            raise click.UsageError("This installation has no engine; --spec needs one.")
        return super().make_context(info_name, args, parent, **extra)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """What both commands take."""
    choices = (
        click.argument("cluster", required=False, shell_complete=completing.names("clusters")),
        click.option("--spec", metavar="FILE", help="Without API and database; see --spec FILE --help."),
        click.option("--email", default="", help="Sign in with KEELYARD_PASSWORD, for this command only."),
        click.option("--full", is_flag=True, help="Print long diffs whole."),
        click.option("--json", "as_json", is_flag=True, help="Print the document as JSON."),
        reaches_server,
    )
    for choice in reversed(choices):
        command = choice(command)
    return command


@click.command(cls=ByServerOrSpec)
@_options
def plan(
    access: Access, cluster: str | None, spec: str | None, email: str, full: bool, as_json: bool
) -> None:
    """Say what provisioning CLUSTER would change now; change nothing.

    Exit code 0: nothing would change, 2: something would, 1: it could not be found out. `keelyard provision
    CLUSTER --plan HASH` applies what was shown.
    """
    answer = access.by(email).run(_look(_named(cluster), lambda client, name: client.plan(name)))
    _show(answer, full=full, as_json=as_json)


@click.command(cls=ByServerOrSpec)
@_options
def verify(
    access: Access, cluster: str | None, spec: str | None, email: str, full: bool, as_json: bool
) -> None:
    """Say in what CLUSTER differs from its spec; only read.

    Exit code 0: nothing differs, 2: something does, 1: it could not be found out.
    """
    answer = access.by(email).run(_look(_named(cluster), lambda client, name: client.verify(name)))
    _show(answer, full=full, as_json=as_json)


def _named(cluster: str | None) -> str:
    if cluster is None:
        raise click.UsageError("Name a cluster, or a spec file with --spec.")
    return cluster


def _look(
    cluster: str, start: Callable[[Client, str], Awaitable[wire.Accepted]]
) -> Callable[[Client], Awaitable[wire.Plan]]:
    """Starts the job, follows it and answers what it found."""

    async def work(client: Client) -> wire.Plan:
        return await found(client, (await start(client, cluster)).job_id)

    return work


async def found(client: Client, job_id: str) -> wire.Plan:
    """What a plan or verify job finds, once it has ended. Raises Failed when it found nothing out."""
    click.echo(f"Job {job_id}", err=True)
    job = await waiting.for_end(client, job_id)
    if job.status != "success":
        why = next((said for said in (job.message, job.reason) if isinstance(said, str) and said), "")
        raise Failed(f"The {job.type} job ended as {job.status}. {why}".strip())
    return await client.job_plan(job_id)


def _show(answer: wire.Plan, *, full: bool, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())
    else:
        click.echo(wire.plan_as_text(answer, all_lines=full))
        click.echo(f"{answer.kind} {answer.hash}")
    raise click.exceptions.Exit(0 if wire.plan_is_empty(answer) else exits.DIFFERS)
