"""Service tokens: what automation authenticates with."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType

from tui import messages, text, wire
from tui.nouns import Noun
from tui.screens.dialogs import TypeName
from tui.screens.form import Field, Form, listed, whole, wrong
from tui.screens.listing import ListScreen
from tui.screens.secret import Secret
from tui.widgets.row_table import Column, Row

_USE = "Automation sends it as: Authorization: Bearer <token>. Keep it where secrets are kept."


class TokenForm(Form[wire.ServiceTokenMade]):
    """Answers the token just made, with its secret."""

    FIELDS: ClassVar = (
        Field("name", "Name"),
        Field("permissions", "May", "cluster:read, job:read"),
        Field("expires_in_days", "Days", "90"),
        Field("tenant", "Tenant"),
    )
    HELP: ClassVar[str] = (
        "May: what it is allowed, as cluster:read, with commas between several.\n"
        "Tenant: a slug; empty is every tenant. The token is shown once.\n"
    )

    def heading(self) -> str:
        """What is made."""
        return "New service token"

    def value(self, member: str, known: wire.ServiceTokenMade) -> str:
        """There is none yet."""
        return ""

    async def save(self, values: dict[str, str]) -> wire.ServiceTokenMade:
        """Days are a number."""
        days = whole(values, "expires_in_days")
        if days is None:
            raise wrong("expires_in_days", "is a whole number of days")
        body: dict[str, Any] = {
            "name": values["name"],
            "permissions": listed(values["permissions"]),
            "expires_in_days": days,
            "tenant": values["tenant"] or None,
        }
        return await self.client.make_service_token(body)


class TokensScreen(ListScreen[wire.ServiceToken]):
    """One line per token that is not revoked; enter shows it in full."""

    HEADING: ClassVar[str] = "service tokens"
    COLUMNS: ClassVar = (
        Column("name", "NAME", 16),
        Column("expires", "EXPIRES", 12),
        Column("used", "LAST USED", 11),
        Column("by", "MADE BY", 16),
        Column("may", "MAY", 60),
    )
    EMPTY: ClassVar[str] = "No service tokens. n makes one for automation."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="token.new", tooltip="Make a token; it is shown once"),
        Binding("ctrl+d", "revoke", "Revoke", id="token.revoke", tooltip="End the token"),
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.ServiceToken]]:
        """One page of tokens, by name."""
        answer = await self.client.service_tokens(page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.ServiceToken) -> Row:
        """Name, end, last use, maker, permissions."""
        ends = text.aware(thing.expires_at)
        expired = ends <= text.now()
        cells = (
            text.plain(thing.name),
            Text("✗ expired", style="bold red") if expired else Text(text.ahead(ends)),
            Text(text.ago(thing.last_used_at) or "never"),
            text.plain(thing.created_by),
            text.plain(", ".join(thing.permissions)),
        )
        used = text.aware(thing.last_used_at).timestamp() if thing.last_used_at else 0.0
        return Row(thing.id, cells, {"expires": ends.timestamp(), "used": used})

    @work(exclusive=True, group="act")
    async def _read(self, key: str) -> None:
        with self.reporting():
            self.app.post_message(messages.Read(await self.client.service_token(key)))

    def open(self, key: str) -> None:
        """The token in full, as the server has it now."""
        self._read(key)

    @work(exclusive=True, group="act")
    async def action_new(self) -> None:
        """The form, then the token for the only time."""
        made = await self.app.push_screen_wait(TokenForm(self.client, None))
        if made is not None:
            await self.app.push_screen_wait(Secret(made.name, made.token, _USE))
            self.point_at(made.id)

    @work(exclusive=True, group="act")
    async def action_revoke(self) -> None:
        """Asks for the name, then ends the token."""
        if (token := self.subject()) is None:
            return
        consequence = "Whatever uses it is refused from now on."
        question = TypeName(f"Revoke service token {token.name}", consequence, token.name)
        if await self.app.push_screen_wait(question):
            with self.reporting():
                await self.client.revoke_service_token(token.id)
                self.say(f"{token.name} is revoked.")
                self.action_refresh()


_ONE = "/api/v1/service-tokens/{token_id}"
NOUN = Noun(
    name="tokens",
    what="what automation signs in with",
    screen=TokensScreen,
    aliases=("to", "token", "service-tokens"),
    least="admin",
    order=95,
    operations={
        "": ("GET /api/v1/service-tokens", f"GET {_ONE}"),
        "token.new": ("POST /api/v1/service-tokens",),
        "token.revoke": (f"DELETE {_ONE}",),
    },
)
