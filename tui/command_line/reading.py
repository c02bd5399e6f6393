"""What a `get` reads: one thing, a page of a list, or all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from tui.client import Client
from tui.command_line import finding, resources
from tui.command_line.resource import Resource


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked for, in the words of the command line."""

    resource: Resource
    names: tuple[str, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict[str, str])
    page: int = 1
    page_size: int = 0  # 0: as many as the server gives at once
    everything: bool = False
    order: str = ""  # a member of the things; with a minus, backwards


@dataclass(frozen=True)
class Found:
    """What the server has; `total` counts what a list holds beyond this page, too."""

    things: list[dict[str, Any]]
    total: int
    is_list: bool


class Reader:
    """Reads the same again and again; names are looked up once."""

    def __init__(self, client: Client, wanted: Wanted) -> None:
        self._client = client
        self._wanted = wanted
        self._keys: tuple[str, ...] | None = None

    async def read(self) -> Found:
        """What there is now. Raises ApiError, UsageError."""
        keys = self._keys = self._keys if self._keys is not None else await self._found_keys()
        resource = self._wanted.resource
        parents = keys[:1] if resource.parent else ()
        if resource.one and (len(keys) > len(parents) or not resource.list):
            return Found([await self._client.ask(resource.one, *keys, query=self._query())], 1, is_list=False)
        found = await self._list(parents)
        order = "" if resource.sorts else self._wanted.order
        return Found(_sorted(found.things, order), found.total, is_list=True)

    async def _list(self, parents: tuple[str, ...]) -> Found:
        resource, wanted = self._wanted.resource, self._wanted
        if not resource.is_paged:
            query = {"tail": "true"} if resource.name == "events" else {}
            answer = await self._client.ask(resource.list, *parents, query={**query, **self._query()})
            things = answer if isinstance(answer, list) else answer[resource.data]
            return Found(things, len(things), is_list=True)
        if wanted.everything:
            told = finding.every(self._client, resource, parents, self._query(), pages=1_000_000)
            things = [thing async for thing in told]
            return Found(things, len(things), is_list=True)
        size = wanted.page_size or resource.most
        sized: dict[str, Any] = {**self._query(), "page": wanted.page, "page_size": size}
        answer = await self._client.ask(resource.list, *parents, query=sized)
        return Found(answer["data"], answer["total"], is_list=True)

    def _query(self) -> dict[str, str]:
        known = self._wanted.resource.filters
        query = {known.get(name, name): value for name, value in self._wanted.filters.items()}
        is_one = len(self._wanted.names) > (1 if self._wanted.resource.parent else 0)
        if self._wanted.order and self._wanted.resource.sorts and not is_one:
            query["sort"] = self._wanted.order
        return query

    async def _found_keys(self) -> tuple[str, ...]:
        resource, names = self._wanted.resource, self._wanted.names
        if resource.name == "plan":
            return (await finding.plan_job(self._client, names[0]),)
        if resource.parent == "hardening-reports":
            return (await finding.report(self._client, names[0]),)
        owners = [resource] if not resource.parent else [resources.named(resource.parent), resource]
        found = [
            await finding.key(self._client, owner, name, latest=bool(resource.parent))
            for owner, name in zip(owners, names, strict=False)
        ]
        return tuple(found)


def check(wanted: Wanted) -> None:
    """Raises UsageError for too few names, or too many."""
    resource, given = wanted.resource, len(wanted.names)
    least = 1 if resource.parent else 0
    most = least + (1 if resource.one and resource.list else 0)
    if given < least:
        owner = resources.named(resource.parent).singular
        raise click.UsageError(f"Of which {owner}? keelyard get {resource.name} {owner.upper()}")
    if given > most:
        raise click.UsageError(f"{wanted.names[most]!r} is one name too many for {resource.name}.")


def _sorted(things: Sequence[dict[str, Any]], order: str) -> list[dict[str, Any]]:
    """By a member, nested ones with dots; what has none comes last either way."""
    if not order:
        return list(things)
    path = order.removeprefix("-").split(".")
    if things and not any(path[0] in thing for thing in things):
        raise click.UsageError(f"--sort {order}: there is {', '.join(things[0])}.")
    having = [(value, thing) for thing in things if (value := _member(thing, path)) is not None]
    without = [thing for thing in things if _member(thing, path) is None]
    having.sort(key=lambda pair: _comparable(pair[0]), reverse=order.startswith("-"))
    return [thing for _, thing in having] + without


def _member(thing: Any, path: Sequence[str]) -> Any:
    for name in path:
        thing = thing.get(name) if isinstance(thing, Mapping) else None
    return thing


def _comparable(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, int | float) else (1, str(value))
