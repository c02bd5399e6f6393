"""Notification channels: all of them, and one with what became of its notices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui import messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.channel_form import ChannelForm
from tui.screens.dialogs import Confirm, TypeName
from tui.screens.listing import ListScreen
from tui.screens.secret import Secret
from tui.widgets.row_table import Column, Row, RowTable


def target(channel: wire.Channel) -> str:
    """Where a channel leads: recipients, or a host, since the rest of a webhook's address may be a secret."""
    if channel.url is None:
        return ", ".join(channel.recipients)
    return urlsplit(channel.url).netloc


_CHANGES = ("create", "edit", "test", "switch", "rotate", "delete")
_USE = "The receiver checks the signature of each notice with it."


class ChannelsScreen(ListScreen[wire.Channel]):
    """One line per channel; enter opens its deliveries."""

    HEADING: ClassVar[str] = "channels"
    COLUMNS: ClassVar = (
        Column("name", "NAME", 14),
        Column("kind", "KIND", 7),
        Column("to", "TO", 20),
        Column("state", "STATE", 10),
        Column("waiting", "WAIT", 4),
        Column("dead", "DEAD", 5),
        Column("sent", "SENT", 4),
    )
    EMPTY: ClassVar[str] = "No notification channels yet. Press n to make one."
    LEAST: ClassVar[Mapping[str, str]] = dict.fromkeys(_CHANGES, "operator")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "create", "New", id="channel.new", tooltip="Make a channel"),
        Binding("e", "edit", "Edit", id="channel.edit", tooltip="Change the channel"),
        Binding("T", "test", "Test", id="channel.test", tooltip="Send a notice that says it is a test"),
        Binding("o", "switch", "On/off", id="channel.switch", tooltip="Enable or disable the channel"),
        Binding("r", "rotate", "Secret", id="channel.rotate", tooltip="Give a webhook a new secret"),
        Binding("ctrl+d", "delete", "Delete", id="channel.delete", tooltip="Delete the channel"),
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Channel]]:
        """One page of channels."""
        answer = await self.client.channels(page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Channel) -> Row:
        """Name, kind, where to, state, and notices waiting, given up, delivered."""
        counts = thing.deliveries
        return Row(
            thing.id,
            (
                text.plain(thing.name),
                text.plain(thing.kind),
                text.plain(target(thing)),
                text.status("enabled" if thing.enabled else "disabled"),
                Text(str(counts.pending)),
                Text(f"✗ {counts.dead}", style="bold red") if counts.dead else Text("0"),
                Text(str(counts.delivered)),
            ),
        )

    def open(self, key: str) -> None:
        """Into the deliveries."""
        self.app.post_message(messages.Open("channels", key))

    @work(exclusive=True, group="act")
    async def action_create(self) -> None:
        """The form, empty; then the secret of a webhook."""
        made = await self.app.push_screen_wait(ChannelForm(self.client, None))
        if made is not None:
            self.point_at(made.id)
            await self._show_secret(made)

    @work(exclusive=True, group="act")
    async def action_edit(self) -> None:
        """The form, filled."""
        if (channel := self.subject()) is None:
            return
        if await self.app.push_screen_wait(ChannelForm(self.client, channel)) is not None:
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_rotate(self) -> None:
        """Asks, then shows the new secret."""
        if (channel := self.subject()) is None:
            return
        question = f"Give {channel.name} a new secret?"
        if await self.app.push_screen_wait(Confirm(question, "The old one signs as well for 24 hours.")):
            with self.reporting():
                await self._show_secret(await self.client.rotate_secret(channel.id))

    async def _show_secret(self, channel: wire.Channel) -> None:
        if isinstance(channel.secret, str):
            await self.app.push_screen_wait(Secret(channel.name, channel.secret, _USE))
        self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_test(self) -> None:
        """Queues a test and opens the deliveries."""
        if (channel := self.subject()) is None:
            return
        with self.reporting():
            queued = await self.client.test_channel(channel.id)
            self.say(queued.message)
            self.open(channel.id)

    @work(exclusive=True, group="act")
    async def action_switch(self) -> None:
        """On when it is off, off when it is on."""
        if (channel := self.subject()) is None:
            return
        with self.reporting():
            now = await self.client.switch_channel(channel.id, enabled=not channel.enabled)
            self.say(f"{now.name} is {'enabled' if now.enabled else 'disabled'}.")
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_delete(self) -> None:
        """Asks for the name, then deletes."""
        if (channel := self.subject()) is None:
            return
        consequence = f"{channel.deliveries.pending} notices that wait to be sent go with it."
        question = TypeName(f"Delete channel {channel.name}", consequence, channel.name)
        if await self.app.push_screen_wait(question):
            with self.reporting():
                await self.client.delete_channel(channel.id)
                self.say(f"{channel.name} is deleted.")
                self.action_refresh()


class DeliveriesScreen(ListScreen[wire.Delivery]):
    """One line per notice of a channel; enter opens its job."""

    HEADING: ClassVar[str] = "notices"
    REFRESH_SECONDS: ClassVar[float] = 5.0
    COLUMNS: ClassVar = (
        Column("made", "MADE", 8),
        Column("event", "EVENT", 9),
        Column("status", "STATUS", 11),
        Column("tries", "TRIES", 5),
        Column("next", "NEXT", 9),
        Column("last", "LAST TRY", 60),
    )
    LEAST: ClassVar[Mapping[str, str]] = {"redeliver": "operator"}
    EMPTY: ClassVar[str] = "No notices yet. They are written when jobs end; T on the channel sends a test."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "read", "Tries", id="delivery.read", tooltip="The notice with all its tries"),
        Binding("r", "redeliver", "Send again", id="delivery.again", tooltip="Send the notice once more now"),
        Binding("escape", "back", "Back", id="back"),
    ]

    def __init__(self, client: Client, channel_id: str) -> None:
        super().__init__(client)
        self._channel_id = channel_id
        self.channel: wire.Channel | None = None

    def heading(self) -> str:
        """Where one is."""
        name = self.channel.name if self.channel else self._channel_id
        return f"‹ channels ‹ {text.one_line(name)} · notices"

    def body(self) -> ComposeResult:
        """The table, and how the last try of the notice under the cursor ended, in full."""
        yield from super().body()
        yield Static("", id="detail", markup=False)

    def draw(self) -> None:
        """The rows, and the detail of one of them."""
        super().draw()
        self._detail()

    @on(RowTable.RowHighlighted, "#list")
    def _detail(self) -> None:
        key = self.query_one(RowTable).selected
        found = next((delivery for delivery in self.things if delivery.id == key), None)
        self.query_one("#detail", Static).update("" if found is None else text.one_line(_ended(found)))

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Delivery]]:
        """One page of notices."""
        if self.channel is None:
            self.channel = await self.client.channel(self._channel_id)
        answer = await self.client.deliveries(self._channel_id, page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Delivery) -> Row:
        """Age, event, status, tries, next try, and how the last one ended."""
        return Row(
            thing.id,
            (
                Text(text.ago(thing.created_at)),
                text.plain(thing.event),
                text.status(thing.status),
                Text(str(len(thing.tries))),
                Text(text.ahead(thing.next_try_at)),
                text.plain(_ended(thing)),
            ),
        )

    def open(self, key: str) -> None:
        """Into the job."""
        for delivery in self.things:
            if delivery.id == key and delivery.job_id is not None:
                self.app.post_message(messages.Open("jobs", delivery.job_id))

    @work(exclusive=True, group="act")
    async def action_read(self) -> None:
        """The notice under the cursor in full, as the server has it now."""
        if (delivery := self.subject()) is not None:
            with self.reporting():
                found = await self.client.delivery(self._channel_id, delivery.id)
                self.app.post_message(messages.Read(found))

    @work(exclusive=True, group="act")
    async def action_redeliver(self) -> None:
        """Sends the notice under the cursor once more."""
        if (key := self.query_one(RowTable).selected) is None:
            return
        with self.reporting():
            queued = await self.client.redeliver(self._channel_id, key)
            self.say(queued.message)
            self.action_refresh()


def _ended(delivery: wire.Delivery) -> str:
    """How its last try ended."""
    if not delivery.tries:
        return ""
    last = delivery.tries[-1]
    code = "" if last.status_code is None else f" ({last.status_code})"
    return last.error or f"taken{code} in {last.seconds:.1f} s"


_ONE = "/api/v1/notification-channels/{channel_id}"
NOUN = Noun(
    name="channels",
    what="where notices about ended jobs go",
    screen=ChannelsScreen,
    detail=DeliveriesScreen,
    key="5",
    aliases=("ch", "channel"),
    least="operator",
    order=50,
    operations={
        "": ("GET /api/v1/notification-channels", f"GET {_ONE}", f"GET {_ONE}/deliveries"),
        "channel.new": ("POST /api/v1/notification-channels",),
        "channel.edit": (f"PUT {_ONE}",),
        "channel.test": (f"POST {_ONE}/test",),
        "channel.switch": (f"PATCH {_ONE}",),
        "channel.rotate": (f"POST {_ONE}/rotate-secret",),
        "channel.delete": (f"DELETE {_ONE}",),
        "delivery.read": (f"GET {_ONE}/deliveries/{{delivery_id}}",),
        "delivery.again": (f"POST {_ONE}/deliveries/{{delivery_id}}/redeliver",),
    },
)
