"""Users: who may come in, in which role; for administrators."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from tui import errors, messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import Confirm, Dialog, TypeName
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row, RowTable

# member of the request, label, what stands there first
_NEW = (("email", "E-mail", ""), ("full_name", "Name", ""), ("role", "Role", "viewer"))
_ROLE = (("role", "Role", ""),)
_PASSWORD = (("password", "Password", ""), ("again", "Again", ""))
_ROLES = "Roles: admin, operator, viewer."
_RULE = "Password: 8 to 128 characters with upper and lower case, a digit and a special character."
_KEYS = "enter or ctrl+s saves, esc leaves."


class UserForm(Dialog[wire.Account]):
    """Makes a user or changes members of one; the server's refusals stay on it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "save", "Save")]

    def __init__(
        self,
        client: Client,
        heading: str,
        fields: tuple[tuple[str, str, str], ...],
        hint: str,
        user_id: str | None = None,
    ) -> None:
        super().__init__()
        self._client = client
        self._heading = heading
        self._fields = fields
        self._hint = hint
        self._user_id = user_id

    def compose(self) -> ComposeResult:
        """One line per member; passwords are not shown."""
        with Vertical(classes="dialog form"):
            yield Static(text.one_line(self._heading), markup=False)
            for member, label, first in self._fields:
                with Horizontal(classes="field"):
                    yield Static(label, classes="label", markup=False)
                    yield Input(first, id=member, compact=True, password=member in {"password", "again"})
            yield Static(f"{self._hint}\n{_KEYS}", markup=False)
            yield Static("", id="dialog-error", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    @work(exclusive=True)
    async def action_save(self) -> None:
        """Sends the form."""
        values: dict[str, Any] = {
            member: self.query_one(f"#{member}", Input).value for member, _, _ in self._fields
        }
        again = values.pop("again", None)
        if again is not None and again != values["password"]:
            self._refused("The two passwords differ.")
            return
        try:
            saved = await self._client.save_user(values, self._user_id)
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.ApiError as refused:
            self._refused(str(refused))
        else:
            self.dismiss(saved)

    def _refused(self, why: str) -> None:
        self.query_one("#dialog-error", Static).update(f"✗ {text.clean(why)}")


class UsersScreen(ListScreen[wire.Account]):
    """One line per user."""

    HEADING: ClassVar[str] = "users"
    COLUMNS: ClassVar = (
        Column("email", "E-MAIL", 30),
        Column("name", "NAME", 20),
        Column("role", "ROLE", 9),
        Column("state", "STATE", 10),
    )
    EMPTY: ClassVar[str] = "No users to show."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="user.new", tooltip="Make a user"),
        Binding("r", "role", "Role", id="user.role", tooltip="Give the user another role"),
        Binding("o", "switch", "On/off", id="user.switch", tooltip="Enable or disable the user"),
        Binding("p", "password", "Password", id="user.password", tooltip="Set a new password"),
        Binding("ctrl+d", "delete", "Delete", id="user.delete", tooltip="Delete the user"),
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Account]]:
        """One page of users, by e-mail address."""
        answer = await self.client.users(page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Account) -> Row:
        """Address, name, role, and whether the user may come in."""
        return Row(
            thing.id,
            (
                text.plain(thing.email),
                text.plain(thing.full_name),
                text.plain(thing.role or "none"),
                text.status("enabled" if thing.enabled else "disabled"),
            ),
        )

    def open(self, key: str) -> None:
        """A user has no screen of its own: when it was made and changed is said."""
        for user in self.things:
            if user.id == key:
                self.say(f"{user.email}: made {user.created_at:%Y-%m-%d}, changed {user.updated_at:%Y-%m-%d}")

    def _selected(self) -> wire.Account | None:
        key = self.query_one(RowTable).selected
        return next((user for user in self.things if user.id == key), None)

    @work(exclusive=True, group="act")
    async def action_new(self) -> None:
        """Asks for everything, then makes the user."""
        form = UserForm(self.client, "New user", _NEW + _PASSWORD, f"{_ROLES} {_RULE}")
        await self._done(form, "is made")

    @work(exclusive=True, group="act")
    async def action_role(self) -> None:
        """Asks for the role; losing one ends the user's sessions."""
        if (user := self._selected()) is not None:
            fields = tuple((member, label, user.role or "") for member, label, _ in _ROLE)
            await self._done(
                UserForm(self.client, f"Role of {user.email}", fields, _ROLES, user.id), "has the role"
            )

    @work(exclusive=True, group="act")
    async def action_password(self) -> None:
        """Asks for a password; the user's sessions end."""
        if (user := self._selected()) is not None:
            form = UserForm(self.client, f"Password of {user.email}", _PASSWORD, _RULE, user.id)
            await self._done(form, "has a new password; its sessions have ended")

    @work(exclusive=True, group="act")
    async def action_switch(self) -> None:
        """Asks before it disables; enables at once."""
        if (user := self._selected()) is None:
            return
        if user.enabled and not await self.app.push_screen_wait(
            Confirm(f"Disable {user.email}?", "Its sessions end at once, and it cannot log in.")
        ):
            return
        with self.reporting():
            now = await self.client.save_user({"enabled": not user.enabled}, user.id)
            self.say(f"{now.email} is {'enabled' if now.enabled else 'disabled'}.")
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_delete(self) -> None:
        """Asks for the address, then deletes."""
        if (user := self._selected()) is None:
            return
        consequence = "Its sessions end. What it made stays, under its name."
        if await self.app.push_screen_wait(TypeName(f"Delete {user.email}", consequence, user.email)):
            with self.reporting():
                await self.client.delete_user(user.id)
                self.say(f"{user.email} is deleted.")
                self.action_refresh()

    async def _done(self, form: UserForm, what: str) -> None:
        saved = await self.app.push_screen_wait(form)
        if saved is not None:
            self.say(f"{saved.email} {what}{f' {saved.role}' if what.endswith('role') else ''}.")
            self.action_refresh()


NOUN = Noun(
    name="users",
    what="who may come in, and in which role",
    screen=UsersScreen,
    key="7",
    aliases=("us", "user"),
    least="admin",
    order=80,
)
