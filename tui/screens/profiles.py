"""The servers one can work with: enter goes to another one, and coming back one is still signed in."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text

from tui import errors, messages, text
from tui.nouns import Noun
from tui.profiles import Profile, Profiles
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row


class ProfilesScreen(ListScreen[Profile]):
    """One line per profile of the configuration file."""

    HEADING: ClassVar[str] = "profiles"
    COLUMNS: ClassVar = (
        Column("name", "PROFILE", 16),
        Column("here", "", 6),
        Column("url", "SERVER", 34),
        Column("email", "WHO", 24),
        Column("read_only", "", 10),
    )
    EMPTY: ClassVar[str] = "No profiles yet. Stay signed in somewhere, or run `keelyard login`, to make one."

    async def fetch_page(self, page: int) -> tuple[int, int, list[Profile]]:
        """What the file says; one that makes no sense is told as the server's refusals are."""
        try:
            known = list(Profiles.load())
        except errors.ConfigUnreadable as unreadable:
            raise errors.Refused(str(unreadable)) from unreadable
        return len(known), 1, known

    def row(self, thing: Profile) -> Row:
        """Name, whether it is the current one, server, who, what it may."""
        return Row(
            thing.name,
            (
                text.plain(thing.name),
                Text("● here" if thing.name == self.client.profile else ""),
                text.plain(thing.url),
                text.plain(thing.email),
                Text("read-only" if thing.read_only else ""),
            ),
        )

    def open(self, key: str) -> None:
        """Goes there."""
        if key == self.client.profile:
            self.say(f"You are at {key} already.")
        else:
            self.app.post_message(messages.SwitchProfile(key))


NOUN = Noun(
    name="profiles",
    what="the servers you work with",
    screen=ProfilesScreen,
    order=95,
)
