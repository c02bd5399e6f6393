"""What a thing refers to: the cluster of a job, the job of a notice, who did what an audit entry tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui import document, nouns, text, wire
from tui.client import Client

# member of a thing -> the noun it leads to; the member holds an id
_IDS = {
    "cluster_id": "clusters",
    "job_id": "jobs",
    "retry_of": "jobs",
    "template_id": "templates",
    "tenant_id": "tenants",
    "schedule_id": "schedules",
    "channel_id": "channels",
}
# member of a thing -> the noun whose list is narrowed to what the member says
_WORDS = {
    "actor": "users",
    "created_by": "users",
    "worker": "workers",
    "claimed_by": "workers",
}
# what the audit log calls a resource -> the noun
_RESOURCES = {"notification_channel": "channels", "service_token": "tokens"}


@dataclass(frozen=True)
class Reference:
    """One thing of a noun, by its id; without one, the noun's list narrowed to the words."""

    noun: str
    words: str
    key: str = ""


def references(thing: object) -> list[Reference]:
    """Everything a thing refers to that the terminal can show, without repetition."""
    found: list[Reference] = []
    _collect(thing, found)
    known = {noun.name: noun for noun in nouns.registered()}
    shown = [each for each in found if each.noun in known and _can_show(each, known[each.noun])]
    return list({(each.noun, each.key or each.words): each for each in shown}.values())


def _can_show(reference: Reference, noun: nouns.Noun) -> bool:
    return noun.detail is not None if reference.key else noun.screen is not None


def _collect(thing: object, found: list[Reference]) -> None:
    told: Mapping[str, Any] = document.plain(thing) if not isinstance(thing, Mapping) else thing
    if not isinstance(told, Mapping):
        return
    for member, value in told.items():
        if isinstance(value, Mapping):
            _collect(value, found)
        elif not isinstance(value, str) or not value:
            continue
        elif noun := _IDS.get(member):
            shown = told.get(member.removesuffix("_id") + "_name")
            found.append(Reference(noun, text.one_line(str(shown or value)), value))
        elif noun := _WORDS.get(member):
            found.append(Reference(noun, text.one_line(value)))
    _collect_resource(told, found)


def _collect_resource(told: Mapping[str, Any], found: list[Reference]) -> None:
    """What an audit entry is about."""
    kind, key, name = (told.get(f"resource_{part}") for part in ("type", "id", "name"))
    if not isinstance(kind, str) or not (key or name):
        return
    noun = nouns.find(_RESOURCES.get(kind, kind.replace("_", "-")))
    if noun is None:
        return
    words = text.one_line(str(name or key))
    found.append(Reference(noun.name, words, str(key) if key and noun.detail is not None else ""))


async def job_of(client: Client, thing: object) -> str | None:
    """The job whose events tell about a thing: itself, the one it names, or a cluster's newest.

    Raises ApiError.
    """
    if isinstance(thing, wire.Job):
        return thing.id
    told = document.plain(thing)
    if not isinstance(told, dict):
        return None
    for place in (told, told.get("last_run"), told.get("job")):
        if isinstance(place, dict) and isinstance(key := place.get("job_id"), str):
            return key
    if isinstance(thing, wire.ClusterItem):
        jobs = (await client.jobs(cluster_id=thing.id)).data
        return next((job.id for job in jobs if job.cluster_id == thing.id), None)
    return None
