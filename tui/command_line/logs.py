"""`keelyard logs`: a job's events as lines, from the first or as they happen."""

from __future__ import annotations

import asyncio
from datetime import UTC

import click
import msgspec

from tui import text, wire
from tui.client import Client
from tui.command_line import completing, finding, output, resources
from tui.command_line.access import Access, reaches_server
from tui.job_events import EventStream
from tui.stream import StreamState

_FAILURES = "failed,unreachable"
_FAILED_KINDS = frozenset({"host_failed", "host_unreachable"})
_DRAIN_SECONDS = 0.2
_PAGE = 1000


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are wanted."""

    host: str | None = None
    phase: str | None = None
    failed: bool = False
    search: str | None = None

    @property
    def is_any(self) -> bool:
        """Whether all of them are."""
        return not (self.host or self.phase or self.failed or self.search)

    def query(self) -> dict[str, str | None]:
        """In the words of the API."""
        return {
            "host": self.host,
            "phase": self.phase,
            "search": self.search,
            "status": _FAILURES if self.failed else None,
        }

    def fits(self, event: wire.Event) -> bool:
        """Whether one that just happened is wanted."""
        words = f"{event.task or ''}\n{event.message}".casefold()
        return (
            self.host in (None, event.host)
            and self.phase in (None, event.phase)
            and (not self.failed or event.kind in _FAILED_KINDS)
            and (not self.search or self.search.casefold() in words)
        )


@click.command()
@click.argument("job", shell_complete=completing.names("jobs"))
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until the job ends.")
@click.option("--host", help="Only of this node.")
@click.option("--phase", help="Only of this phase, by its slug.")
@click.option("--failed", is_flag=True, help="Only what failed, and nodes that could not be reached.")
@click.option("--search", help="Only with this in the task's name or the message.")
@click.option("--tail", type=click.IntRange(1, _PAGE), help="Only the last so many.")
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="json: one event a line.",
)
@reaches_server
def logs(
    access: Access,
    job: str,
    follow: bool,
    host: str | None,
    phase: str | None,
    failed: bool,
    search: str | None,
    tail: int | None,
    form: str,
) -> None:
    """Show what JOB did. The name of a cluster stands for its newest job."""
    wanted = Filter(host=host, phase=phase, failed=failed, search=search)
    access.run(lambda client: _show(client, job, wanted, tail, form, follow=follow))


async def _show(
    client: Client, word: str, wanted: Filter, tail: int | None, form: str, *, follow: bool
) -> None:
    jobs = resources.named("jobs")
    job_id = await finding.key(client, jobs, word, latest=True)
    if wanted.is_any and tail is None and form == "text" and not follow:
        async for piece in client.lines("GET /api/v1/jobs/{job_id}/log", job_id):
            click.echo(_clean(piece), nl=False)
        return
    last = await _pages(client, job_id, wanted, tail, form)
    if follow:
        await _follow(client, job_id, wanted, last, form)


async def _pages(client: Client, job_id: str, wanted: Filter, tail: int | None, form: str) -> int:
    """What there is so far; answers how far that goes."""
    if tail is not None:
        page = await client.event_page(job_id, tail=True, limit=tail, **wanted.query())
        _tell(page, form)
        return page.last_sequence
    after: int | None = 0
    last = 0
    while after is not None:
        page = await client.event_page(job_id, after=after, limit=_PAGE, **wanted.query())
        if page.events_expired and not last:
            click.echo("The first events of this job are not kept any more.", err=True)
        _tell(page, form)
        after, last = page.next, page.last_sequence
    return last


async def _follow(client: Client, job_id: str, wanted: Filter, last: int, form: str) -> None:
    """What happens from then on, until the job has ended."""
    stream = EventStream(client, job_id, last)
    reading = asyncio.create_task(stream.run(narrate))
    try:
        while True:
            done, _ = await asyncio.wait({reading}, timeout=_DRAIN_SECONDS)
            for event in stream.drain():
                if wanted.fits(event):
                    click.echo(_line(event, form))
            if done:
                reading.result()
                return
    finally:
        reading.cancel()
        await asyncio.wait({reading})


def narrate(state: StreamState, detail: str) -> None:
    """On standard error, that a stream broke off and is tried again."""
    if state is StreamState.RECONNECTING:
        click.echo(f"The stream broke off; {detail}", err=True)


def _tell(page: wire.EventPage, form: str) -> None:
    if page.data:
        click.echo("\n".join(_line(event, form) for event in page.data))


def _line(event: wire.Event, form: str) -> str:
    """One event; as text in the form of the server's own log."""
    if form == "json":
        return output.one_line(event)
    words = [text.aware(event.created_at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), event.kind]
    words += [f"[{event.host}]"] if event.host else []
    words += [event.phase] if event.kind in ("phase_started", "phase_finished") and event.phase else []
    words += [event.task] if event.task else []
    words += [] if event.duration_seconds is None else [f"({event.duration_seconds:.1f} s)"]
    if event.message:
        words.append(("| " if event.task else "") + event.message.replace("\n", "\n    "))
    words += [str(status)] if (status := event.data.get("status")) else []
    return _clean(" ".join(words))


def _clean(piece: str) -> str:
    return text.clean(piece)
