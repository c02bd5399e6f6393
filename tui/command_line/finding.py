"""Which thing a word on the command line means: an id, the beginning of a job's id, or a name."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

import click

from tui import errors
from tui.client import Client
from tui.command_line import resources
from tui.command_line.resource import Resource

_BEGINNING = re.compile(r"[0-9a-f]{4,35}|[0-9a-f-]{4,35}")
_PAGES = 20  # of a list that is looked through for a name


async def key(client: Client, resource: Resource, word: str, *, latest: bool = False) -> str:
    """What the server takes for this thing. Raises NotThere, Refused where several are meant.

    With `latest`, a cluster's name stands for its newest job.
    """
    if _is_id(word) or resource.takes_names or resource.parent:
        return word
    if resource.name == "jobs":
        return await _job(client, word, latest=latest)
    query = {"search": word} if resource.name == "users" else {}
    found = [thing async for thing in every(client, resource, (), query) if _is_called(thing, resource, word)]
    if len(found) > 1:
        raise errors.Refused(f"Several {resource.name} are called {word}; name one by its id.")
    if not found:
        raise errors.NotThere(f"There is no {resource.singular} {word!r}.")
    return str(found[0]["id"])


async def plan_job(client: Client, word: str) -> str:
    """The job that made a plan: by its id, or the newest of a cluster."""
    if _is_id(word) or _BEGINNING.fullmatch(word):
        try:
            return await key(client, resources.named("jobs"), word)
        except errors.NotThere:
            if _is_id(word):
                raise
    newest = await client.ask("GET /api/v1/clusters/{cluster_id}/plans", word, query={"page_size": 1})
    if not newest["data"]:
        raise errors.NotThere(f"Nobody has planned or verified {word} yet: keelyard plan {word}")
    return str(newest["data"][0]["job_id"])


async def report(client: Client, word: str) -> str:
    """A scan: by its id, or the newest of a cluster."""
    if _is_id(word):
        return word
    reports = resources.named("hardening-reports")
    newest = await client.ask(reports.list, word, query={"page_size": 1})
    if not newest["data"]:
        raise errors.NotThere(f"Nobody has scanned {word} yet: keelyard scan {word}")
    return str(newest["data"][0]["id"])


async def every(
    client: Client,
    resource: Resource,
    parents: tuple[str, ...],
    query: Mapping[str, Any],
    pages: int = _PAGES,
) -> AsyncIterator[dict[str, Any]]:
    """All of a list, page by page, up to so many pages."""
    number = 1
    while number <= pages:
        asked = {**query, "page": number, "page_size": resource.most}
        page = await client.ask(resource.list, *parents, query=asked)
        for thing in page["data"]:
            yield thing
        if number >= page["total_pages"]:
            return
        number += 1


async def _job(client: Client, word: str, *, latest: bool) -> str:
    jobs = resources.named("jobs")
    if _BEGINNING.fullmatch(word):
        told = every(client, jobs, (), {"search": word}, pages=1)
        found = {str(job["id"]) async for job in told if job["id"].startswith(word)}
        if len(found) == 1:
            return found.pop()
        if found:
            raise errors.Refused(f"{len(found)} jobs begin with {word}; name one by more of its id.")
    if not latest:
        raise errors.NotThere(f"There is no job {word!r}; `keelyard get jobs` shows their ids.")
    newest = await client.ask(jobs.list, query={"cluster_id": word, "page_size": 1})
    if not newest["data"]:
        raise errors.NotThere(f"Cluster {word} has no job yet.")
    job = newest["data"][0]
    click.echo(f"Job {job['id']}: {job['type']} of {job['cluster_name']}, {job['status']}.", err=True)
    return str(job["id"])


def _is_called(thing: Mapping[str, Any], resource: Resource, word: str) -> bool:
    called = str(thing.get(resource.called))
    return called == word or (resource.called == "email" and called.lower() == word.lower())


def _is_id(word: str) -> bool:
    try:
        return str(uuid.UUID(word)) == word.lower()
    except ValueError:
        return False
