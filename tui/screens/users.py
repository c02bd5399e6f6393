"""Users: who may come in, in which role; for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from tui import messages, text, wire
from tui.nouns import Noun
from tui.screens.dialogs import Confirm, TypeName
from tui.screens.form import Field, Form, wrong
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row

_ROLES = ("viewer", "operator", "admin")
_RULE = "Password: 8 to 128 characters with upper and lower case, a digit and a special character.\n"
_ROLE = Field("role", "Role", "viewer", choices=_ROLES)
_PASSWORD = (Field("password", "Password", secret=True), Field("again", "Again", secret=True))


class UserForm(Form[wire.Account]):
    """Makes a user, or changes members of one."""

    FIELDS: ClassVar[Sequence[Field]] = (Field("email", "E-mail"), Field("full_name", "Name"), _ROLE)
    HELP: ClassVar[str] = "Role: admin, operator or viewer; losing one ends the user's sessions.\n"

    def heading(self) -> str:
        """New, or which."""
        return "New user" if self.known is None else f"User {self.known.email}"

    def value(self, member: str, known: wire.Account) -> str:
        """As it is; a password is never known."""
        return getattr(known, member, None) or ""

    async def save(self, values: dict[str, str]) -> wire.Account:
        """What was typed twice is sent once."""
        again = values.pop("again", None)
        if again is not None and again != values["password"]:
            raise wrong("again", "The two passwords differ.")
        return await self.client.save_user(values, None if self.known is None else self.known.id)


class NewUserForm(UserForm):
    """Makes a user who can come in at once."""

    FIELDS: ClassVar = (*UserForm.FIELDS, *_PASSWORD)
    HELP: ClassVar[str] = f"Role: admin, operator or viewer.\n{_RULE}"


class RoleForm(UserForm):
    """Gives a user another role."""

    FIELDS: ClassVar = (_ROLE,)

    def heading(self) -> str:
        """Whose."""
        return f"Role of {self.known.email}" if self.known else ""


class PasswordForm(UserForm):
    """Sets a password; the user's sessions end."""

    FIELDS: ClassVar = _PASSWORD
    HELP: ClassVar[str] = _RULE

    def heading(self) -> str:
        """Whose."""
        return f"Password of {self.known.email}" if self.known else ""


class UsersScreen(ListScreen[wire.Account]):
    """One line per user."""

    HEADING: ClassVar[str] = "users"
    STATUSES: ClassVar = (*_ROLES, "disabled")
    SEARCHES: ClassVar[bool] = True
    COLUMNS: ClassVar = (
        Column("email", "E-MAIL", 30),
        Column("name", "NAME", 20),
        Column("role", "ROLE", 9),
        Column("state", "STATE", 10),
    )
    EMPTY: ClassVar[str] = "No users to show."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="user.new", tooltip="Make a user"),
        Binding("e", "change", "Edit", id="user.edit", tooltip="Change address, name or role"),
        Binding("r", "role", "Role", id="user.role", tooltip="Give the user another role"),
        Binding("o", "switch", "On/off", id="user.switch", tooltip="Enable or disable the user"),
        Binding("p", "password", "Password", id="user.password", tooltip="Set a new password"),
        Binding("ctrl+d", "delete", "Delete", id="user.delete", tooltip="Delete the user"),
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Account]]:
        """One page of users, by e-mail address."""
        where = {"search": self.search} if self.search else {}
        if self.status == "disabled":
            where["enabled"] = "false"
        elif self.status:
            where["role"] = self.status
        answer = await self.client.users(page, **where)
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
        """The user in full, as the server has it now."""
        self._read(key)

    @work(exclusive=True, group="act")
    async def _read(self, key: str) -> None:
        with self.reporting():
            self.app.post_message(messages.Read(await self.client.user_of(key)))

    @work(exclusive=True, group="act")
    async def action_new(self) -> None:
        """Asks for everything, then makes the user."""
        await self._done(NewUserForm(self.client, None), "is made")

    @work(exclusive=True, group="act")
    async def action_change(self) -> None:
        """Address, name and role."""
        if (user := self.subject()) is not None:
            await self._done(UserForm(self.client, user), "is saved")

    @work(exclusive=True, group="act")
    async def action_role(self) -> None:
        """Asks for the role; losing one ends the user's sessions."""
        if (user := self.subject()) is not None:
            await self._done(RoleForm(self.client, user), "has the role")

    @work(exclusive=True, group="act")
    async def action_password(self) -> None:
        """Asks for a password; the user's sessions end."""
        if (user := self.subject()) is not None:
            form = PasswordForm(self.client, user)
            await self._done(form, "has a new password; its sessions have ended")

    @work(exclusive=True, group="act")
    async def action_switch(self) -> None:
        """Asks before it disables; enables at once."""
        if (user := self.subject()) is None:
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
        if (user := self.subject()) is None:
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
            self.point_at(saved.id)


_ONE = "/api/v1/users/{user_id}"
NOUN = Noun(
    name="users",
    what="who may come in, and in which role",
    screen=UsersScreen,
    key="7",
    aliases=("us", "user"),
    least="admin",
    order=80,
    operations={
        "": ("GET /api/v1/users", f"GET {_ONE}"),
        "user.new": ("POST /api/v1/users",),
        "user.edit": (f"PUT {_ONE}",),
        "user.role": (f"PUT {_ONE}",),
        "user.password": (f"PUT {_ONE}",),
        "user.switch": (f"PUT {_ONE}",),
        "user.delete": (f"DELETE {_ONE}",),
    },
)
