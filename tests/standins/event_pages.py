"""Pages of a job's events, filtered as the API filters them, and its log as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx


def answer(what: str, events: Sequence[dict[str, Any]], asked: Mapping[str, str]) -> httpx.Response:
    """Of `events` or `log`."""
    if what == "log":
        return httpx.Response(200, text=log(events))
    return httpx.Response(200, json=page(events, asked))


def page(events: Sequence[dict[str, Any]], asked: Mapping[str, str]) -> dict[str, Any]:
    """Events after or before a sequence, or the last ones."""
    limit, last = int(asked.get("limit", 100)), len(events)
    found = [event for event in events if _fits(event, asked)]
    if "after" in asked:
        after = int(asked["after"])
        found = [event for event in found if event["sequence"] > after]
        data, more = found[:limit], len(found) > limit
        onward = {"next": data[-1]["sequence"] if more else None, "previous": after + 1 if after else None}
    else:
        before = int(asked.get("before", last + 1))
        found = [event for event in found if event["sequence"] < before]
        data, more = found[-limit:], len(found) > limit
        onward = {"previous": data[0]["sequence"] if more else None}
        onward["next"] = before - 1 if before <= last else None
    return {"data": data, **onward, "last_sequence": last, "events_expired": False}


def log(events: Sequence[dict[str, Any]]) -> str:
    """One line an event."""
    return "".join(f"{event['created_at']} {event['kind']} {event['message']}\n" for event in events)


def _fits(event: dict[str, Any], asked: Mapping[str, str]) -> bool:
    said = f"{event['task'] or ''}\n{event['message']}".lower()
    return (
        asked.get("host", event["host"]) == event["host"]
        and asked.get("phase", event["phase"]) == event["phase"]
        and event["kind"] in asked.get("kind", event["kind"]).split(",")
        and asked.get("search", "").lower() in said
    )
