"""`keelyard harden`, `scan`, `rotate-encryption-key`, and what scans leave: reports and raw files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import click

from tui import files, hardening_words
from tui.client import Client
from tui.command_line import asking, completing, finding, resources, waiting
from tui.command_line.access import Access, reaches_server
from tui.command_line.exits import Failed
from tui.command_line.jobs import carried_out

HARDEN = "POST /api/v1/clusters/{cluster_id}/harden"
SCAN = "POST /api/v1/clusters/{cluster_id}/scan"
ROTATE = "POST /api/v1/clusters/{cluster_id}/rotate-encryption-key"
EXPORT = "GET /api/v1/hardening/reports/{report_id}/export"
ARTIFACT = "GET /api/v1/jobs/{job_id}/artifacts/{name}"

type Pieces = AbstractAsyncContextManager[AsyncIterator[bytes]]

_cluster = click.argument("cluster", shell_complete=completing.names("clusters"))
_yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def _to(command: Any) -> Any:
    """--to."""
    choice = click.option(
        "--to", "path", metavar="FILE", help="A new file, yours alone; - is standard output."
    )
    return choice(command)


@click.command()
@_cluster
@_yes
@waiting.option
@reaches_server
def harden(access: Access, cluster: str, yes: bool, wait: bool) -> None:
    """Queue the job that applies the hardening of CLUSTER and scans at its end; print its id.

    Control planes restart one at a time, and SSH and the firewall change; what would lock the owner out is
    taken back by the node itself. On a terminal the name has to be typed; elsewhere --yes is needed.
    """
    asking.typed(cluster, f"Harden {cluster}. {hardening_words.GUARDED}", yes=yes)
    carried_out(access, lambda client: _started(client, HARDEN, cluster), wait=wait)


@click.command()
@_cluster
@waiting.option
@reaches_server
def scan(access: Access, cluster: str, wait: bool) -> None:
    """Queue a scan of CLUSTER, which changes nothing, and print its job's id."""
    carried_out(access, lambda client: _started(client, SCAN, cluster), wait=wait)


@click.command("rotate-encryption-key")
@_cluster
@_yes
@waiting.option
@reaches_server
def rotate_encryption_key(access: Access, cluster: str, yes: bool, wait: bool) -> None:
    """Queue the job that encrypts the Secrets of CLUSTER with a new key, and print its id."""
    question = f"{hardening_words.ROTATED} Rotate the key of {cluster}?"
    if not asking.agreed(question, yes=yes):
        raise Failed("Nothing was done.")
    carried_out(access, lambda client: _started(client, ROTATE, cluster), wait=wait)


async def _started(client: Client, operation: str, cluster: str) -> dict[str, Any]:
    answer: dict[str, Any] = await client.ask(operation, cluster)
    return answer


@click.group("hardening-report")
def hardening_report() -> None:
    """What a scan found, as a file."""


@hardening_report.command()
@click.argument("report", shell_complete=completing.names("clusters"))
@click.option("--format", "form", type=click.Choice(["json", "html", "sarif"]), default="json")
@_to
@reaches_server
def export(access: Access, report: str, form: str, path: str | None) -> None:
    """Write REPORT down as JSON, a page of HTML, or SARIF. The name of a cluster means its newest scan."""

    async def work(client: Client) -> None:
        report_id = await finding.report(client, report)
        await _save(client.hardening_export(report_id, form), path or f"scan-{report_id[:8]}.{form}")

    access.run(work)


@click.command()
@click.argument("job", shell_complete=completing.names("jobs"))
@click.argument("name")
@_to
@reaches_server
def artifact(access: Access, job: str, name: str, path: str | None) -> None:
    """Fetch the file NAME that JOB left, as a scanner wrote it; `get artifacts JOB` lists them."""

    async def work(client: Client) -> None:
        job_id = await finding.key(client, resources.named("jobs"), job, latest=True)
        await _save(client.artifact(job_id, name), path or Path(name).name)

    access.run(work)


async def _save(pieces: Pieces, path: str) -> None:
    if path == "-":
        async with pieces as coming:
            async for piece in coming:
                click.echo(piece, nl=False)
        return
    try:
        async with pieces as coming:
            saved, size = await files.save_stream(coming, path)
    except FileExistsError as there:
        raise Failed(f"{there.filename} is there already; it is never replaced.") from there
    except OSError as unwritable:
        raise Failed(f"{path} cannot be written: {unwritable.strerror}.") from unwritable
    click.echo(f"Saved {size} bytes to {saved}.", err=True)
