"""`get -w`: what there is, then every change, until somebody interrupts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import click
import msgspec

from tui import errors
from tui.client import Client
from tui.command_line import output
from tui.command_line.reading import Reader
from tui.command_line.resource import Resource
from tui.command_line.table import Table
from tui.stream import Parser

_LEAST_SECONDS = 1.0  # between two looks: an account may ask the server a hundred times a minute
_POLL_SECONDS = 5.0  # for what the server's stream does not tell of
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 15.0
_KINDS = {"job": "jobs", "cluster": "clusters"}


class Changes:
    """Shows each thing when it is new, when it differs from before, and when it is gone."""

    def __init__(self, resource: Resource, form: str) -> None:
        self._resource = resource
        self._form = form
        self._known: dict[str, dict[str, Any]] | None = None
        self._table = Table(resource.columns, wide=form == "wide")

    def tell(self, things: list[dict[str, Any]]) -> None:
        """Compares with what was there before."""
        now = {_identity(thing, self._resource): thing for thing in things}
        before, self._known = self._known, now
        if before is None:
            self._first(things)
            return
        for identity, thing in now.items():
            if identity not in before:
                self._show("added", thing)
            elif thing != before[identity]:
                self._show("changed", thing)
        for identity, thing in before.items():
            if identity not in now:
                self._show("removed", thing)

    def _first(self, things: list[dict[str, Any]]) -> None:
        if self._form in ("table", "wide") and self._resource.columns:
            click.echo("\n".join(self._table.whole(things)))
            return
        for thing in things:
            self._show("added", thing)

    def _show(self, change: str, thing: dict[str, Any]) -> None:
        match self._form:
            case "json":
                click.echo(output.one_line({"change": change, self._resource.singular: thing}))
            case "yaml":
                click.echo("---")
                click.echo(
                    output.document({"change": change, self._resource.singular: thing}, "yaml"), nl=False
                )
            case "name":
                click.echo(output.name(thing, self._resource))
            case _ if self._resource.columns:
                [row] = self._table.rows([thing])
                click.echo(f"{row}  (gone)" if change == "removed" else row)
            case _:
                click.echo("\n".join(output.lines([thing], self._resource, self._form)))


async def follow(client: Client, reader: Reader, resource: Resource, form: str) -> None:
    """Goes on until it is called off; a server that is away is waited for. Raises ApiError for the rest."""
    changes = Changes(resource, form)
    changes.tell((await reader.read()).things)
    told = asyncio.Event()
    listening = asyncio.create_task(_listen(client, resource.news, told)) if resource.news else None
    try:
        while True:
            await _next(told, listening)
            told.clear()
            changes.tell(await _read_again(reader))
            await asyncio.sleep(_LEAST_SECONDS)
    finally:
        if listening is not None:
            listening.cancel()
            await asyncio.wait({listening})


async def _next(told: asyncio.Event, listening: asyncio.Task[None] | None) -> None:
    """Until there may be something new."""
    if listening is None:
        await asyncio.sleep(_POLL_SECONDS)
        return
    waiting = asyncio.create_task(told.wait())
    try:
        await asyncio.wait({waiting, listening}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if listening.done():
        listening.result()  # it only ends by an error that trying again does not mend


async def _read_again(reader: Reader) -> list[dict[str, Any]]:
    wait, said = _FIRST_WAIT_SECONDS, False
    while True:
        try:
            found = await reader.read()
        except errors.TooManyRequests as busy:
            wait = max(wait, busy.retry_after_seconds)
        except errors.NotThere:
            return []
        except (errors.Unreachable, errors.ServerFailed) as away:
            if not said:
                click.echo(f"{away} Waiting for it.", err=True)
            said = True
        else:
            if said:
                click.echo("The server is back.", err=True)
            return found.things
        await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311  spreads clients, guards nothing
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


async def _listen(client: Client, wanted: frozenset[str], told: asyncio.Event) -> None:
    """Sets `told` whenever something may have changed. Raises SessionEnded, Refused; waits the rest out."""
    wait = _FIRST_WAIT_SECONDS
    while True:
        try:
            parser = Parser()
            async with client.everything() as response:
                async for chunk in response.aiter_text():
                    for message in parser.feed(chunk):
                        wait = _FIRST_WAIT_SECONDS
                        if message.event == "snapshot" or _KINDS.get(message.event) in wanted:
                            told.set()
        except errors.TooManyRequests as busy:
            wait = max(wait, busy.retry_after_seconds)
        except (errors.Unreachable, errors.ServerFailed):
            told.set()  # reading says in words that the server is away, and waits for it
        await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311  spreads clients, guards nothing
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


def _identity(thing: Mapping[str, Any], resource: Resource) -> str:
    named = thing.get("id") or thing.get(resource.called)
    return str(named) if named is not None else msgspec.json.encode(thing).decode()
