"""`keelyard audit`: the log of deeds, checked and written out from the database, also without the API."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from engine.processes import composition
from engine.services import audit_chain, audit_log, state
from engine.services.audit_export import Format

TAMPERED = 2  # exit code, as a difference found by plan or verify

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def audit() -> None:
    """Verify the audit log's chain, keep its head, export entries."""


@audit.command()
def head() -> None:
    """Print the end of the chain as JSON. Kept on another machine, `verify --head` compares with it."""
    _print_json(_run(audit_chain.head))


@audit.command()
@click.option("--head", "kept", type=_FILE, help="A head that was kept: what `keelyard audit head` printed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(kept: Path | None, as_json: bool) -> int:
    """Compute the whole chain again. Exit code 2 when entries were changed, removed, inserted or cut off.

    Without --head, somebody who owns the database and computes every hash anew is not noticed.
    """
    try:
        expected = audit_chain.read_head(kept.read_bytes()) if kept is not None else None
    except OSError as error:
        raise click.UsageError(f"{kept} cannot be read: {error.strerror}.") from error
    verdict = _run(lambda: audit_chain.verify(expected))
    if as_json:
        _print_json({**msgspec.to_builtins(verdict), "intact": verdict.intact})
    else:
        _tell(verdict, expected)
    return 0 if verdict.intact else TAMPERED


def _tell(verdict: audit_chain.Verdict, kept: audit_chain.Head | None) -> None:
    for finding in verdict.findings:
        place = f"link {finding.sequence}" if finding.sequence is not None else "no link"
        named = f", entry {finding.entry_id}" if finding.entry_id else ""
        click.echo(f"{place}{named}: {finding.what}")
    if verdict.finding_count > len(verdict.findings):
        click.echo(f"... and {verdict.finding_count - len(verdict.findings)} more")
    against = f", and continues the kept head at {kept.sequence}" if kept is not None else ""
    if verdict.intact:
        click.echo(f"The audit log is intact: {verdict.entries} entries{against}.")
    else:
        click.echo(f"The audit log was tampered with: {verdict.finding_count} findings.", err=True)


@audit.command()
@click.option("--format", "form", type=click.Choice([form.value for form in Format]), default="jsonl",
              show_default=True, help="What to write.")  # fmt: skip
@click.option("--to", "target", type=_FILE, help="File to write; default: standard output.")
@click.option("--actor", help="Entries of one actor.")
@click.option("--action", help="Entries of one action, such as cluster:create.")
@click.option("--resource", help="A type, or a type and an id: cluster/ID.")
@click.option("--status", help="success, refused or failed.")
@click.option("--since", type=click.DateTime(), help="From this time on (UTC).")
@click.option("--until", type=click.DateTime(), help="Before this time (UTC).")
def export(
    form: str, target: Path | None, since: datetime | None, until: datetime | None, **chosen: str | None
) -> None:
    """Write entries with their links, oldest first."""
    filters = audit_log.Filters(since=_utc(since), until=_utc(until), **chosen)
    if target is None:
        _run(lambda: _write(filters, Format(form), sys.stdout.buffer))
        return
    with target.open("wb") as file:
        _run(lambda: _write(filters, Format(form), file))


async def _write(filters: audit_log.Filters, form: Format, file: BinaryIO) -> None:
    async for piece in audit_log.export(filters, form):
        file.write(piece)
    file.flush()


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def _run[T](work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of the work, with the database open around it."""

    async def connected() -> T:
        await state.open_database(url)
        try:
            return await work()
        finally:
            await state.close_database()

    url = composition.configured_database_url()
    return asyncio.run(connected())
