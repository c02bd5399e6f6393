"""Names of things: what a word typed after `:cluster` means, and what completes it."""

from __future__ import annotations

import uuid

from tui import document, nouns
from tui.client import Client
from tui.nouns import Noun
from tui.screens.listing import ListScreen

_MOST_PAGES = 20


async def names(client: Client, noun: Noun, *, until: str = "", pages: int = 1) -> dict[str, str]:
    """The names of a noun's things -> their ids, page by page until one is found. Raises ApiError.

    What is opened by another noun goes by the names of that.
    """
    noun = nouns.find(noun.of) or noun
    screen = noun.screen(client) if noun.screen is not None else None
    if not isinstance(screen, ListScreen):
        return {}
    found: dict[str, str] = {}
    page, last = 1, 1
    while page <= min(last, pages) and until not in found:
        _, last, things = await screen.fetch_page(page)
        for thing in things:
            key = screen.row(thing).key
            name = document.name(thing)
            found[key if " " in name else name] = key  # a job has no name of its own
        page += 1
    return found


async def find(client: Client, noun: Noun, word: str) -> tuple[str | None, list[str]]:
    """The id that a name, an id or the beginning of either means; else None, and the names there are.

    Raises ApiError.
    """
    try:
        return str(uuid.UUID(word)), []
    except ValueError:
        known = await names(client, noun, until=word, pages=_MOST_PAGES)
    if word in known:
        return known[word], []
    begun = {key for name, key in known.items() if name.startswith(word) or key.startswith(word)}
    return (begun.pop(), []) if len(begun) == 1 else (None, list(known))
