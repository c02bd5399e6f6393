"""Tenants: who owns what, and who belongs to whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType

from tui import messages, text, wire
from tui.client import Client
from tui.nouns import Noun
from tui.screens.dialogs import Confirm, TypeName
from tui.screens.form import Field, Form
from tui.screens.listing import ListScreen
from tui.widgets.row_table import Column, Row

_CONTACT = ("phone", "address", "company")
_UUID_LENGTH = 36


class TenantForm(Form[wire.Tenant]):
    """Answers the tenant as the server keeps it."""

    FIELDS: ClassVar = (
        Field("name", "Name"),
        Field("slug", "Slug"),
        Field("email", "E-mail"),
        Field("status", "Status", "active", choices=("active", "pending")),
        Field("company", "Company"),
        Field("phone", "Phone"),
        Field("address", "Address"),
    )
    HELP: ClassVar[str] = "The slug names the tenant in requests; left empty, it is made from the name.\n"

    def heading(self) -> str:
        """New, or which."""
        return "New tenant" if self.known is None else f"Tenant {self.known.name}"

    def value(self, member: str, known: wire.Tenant) -> str:
        """As it is; nothing for what is not said."""
        found = getattr(known.contact_info if member in _CONTACT else known, member)
        return found or ""

    async def save(self, values: dict[str, str]) -> wire.Tenant:
        """An empty slug is left out."""
        body: dict[str, Any] = {
            member: values[member]
            for member in ("name", "slug", "email", "status")
            if values[member] or member != "slug"
        }
        body["contact_info"] = {member: values[member] or None for member in _CONTACT}
        return await self.client.save_tenant(body, None if self.known is None else self.known.id)


class TenantsScreen(ListScreen[wire.Tenant]):
    """One line per tenant; enter opens its members."""

    HEADING: ClassVar[str] = "tenants"
    COLUMNS: ClassVar = (
        Column("slug", "SLUG", 18),
        Column("name", "NAME", 20),
        Column("email", "E-MAIL", 20),
        Column("status", "STATUS", 9),
        Column("age", "AGE", 6),
    )
    STATUSES: ClassVar = ("active", "pending")
    EMPTY: ClassVar[str] = "You belong to no tenant. An administrator can add you to one."
    LEAST: ClassVar[Mapping[str, str]] = dict.fromkeys(("new", "change", "delete"), "admin")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="tenant.new", tooltip="Make a tenant"),
        Binding("e", "change", "Edit", id="tenant.edit", tooltip="Rename or change the tenant"),
        Binding("ctrl+d", "delete", "Delete", id="tenant.delete", tooltip="Delete an empty tenant"),
    ]

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Tenant]]:
        """One page of tenants, by slug."""
        where = {"status": self.status} if self.status else {}
        answer = await self.client.tenants(page, **where)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Tenant) -> Row:
        """Slug, name, address, status, age."""
        cells = (
            text.plain(thing.slug),
            text.plain(thing.name),
            text.plain(thing.email),
            text.status(thing.status),
            Text(text.span(thing.created_at, None)),
        )
        return Row(thing.id, cells, {"age": text.aware(thing.created_at).timestamp()})

    def open(self, key: str) -> None:
        """Into the members."""
        self.app.post_message(messages.Open("tenants", key))

    @work(exclusive=True, group="act")
    async def action_new(self) -> None:
        """The form, empty."""
        made = await self.app.push_screen_wait(TenantForm(self.client, None))
        if made is not None:
            self.say(f"{made.name} is made. Its slug is {made.slug}.")
            self.point_at(made.id)

    @work(exclusive=True, group="act")
    async def action_change(self) -> None:
        """The form, filled."""
        if (tenant := self.subject()) is None:
            return
        changed = await self.app.push_screen_wait(TenantForm(self.client, tenant))
        if changed is not None:
            self.say(f"{changed.name} is saved.")
            self.action_refresh()

    @work(exclusive=True, group="act")
    async def action_delete(self) -> None:
        """Asks for the slug, then deletes; the server refuses while something or somebody is left in it."""
        if (tenant := self.subject()) is None:
            return
        consequence = "Only when nothing and nobody is left in it. Its audit entries stay."
        question = TypeName(f"Delete tenant {tenant.name}", consequence, tenant.slug)
        if await self.app.push_screen_wait(question):
            with self.reporting():
                await self.client.delete_tenant(tenant.id)
                self.say(f"{tenant.slug} is deleted.")
                self.action_refresh()


class MemberForm(Form[wire.Member]):
    """Answers the member as the server keeps it."""

    FIELDS: ClassVar = (Field("email", "Who"),)
    HELP: ClassVar[str] = "A user by e-mail address, or by id. Roles are given to users, not to members.\n"

    def __init__(self, client: Client, tenant: wire.Tenant) -> None:
        super().__init__(client, None)
        self._tenant = tenant

    def heading(self) -> str:
        """To which tenant."""
        return f"New member of {self._tenant.name}"

    def value(self, member: str, known: wire.Member) -> str:
        """There is none yet."""
        return ""

    async def save(self, values: dict[str, str]) -> wire.Member:
        """An id is put, an address is looked up by the server."""
        who = values["email"]
        if len(who) == _UUID_LENGTH and "@" not in who and "/" not in who:
            return await self.client.put_member(self._tenant.id, who)
        return await self.client.add_member(self._tenant.id, who)


class MembersScreen(ListScreen[wire.Member]):
    """One line per member of a tenant."""

    HEADING: ClassVar[str] = "members"
    COLUMNS: ClassVar = (
        Column("email", "E-MAIL", 34),
        Column("since", "SINCE", 10),
        Column("id", "USER", 36),
    )
    EMPTY: ClassVar[str] = (
        "Nobody is listed here. Users who were put nowhere belong to `default`; n adds one."
    )
    LEAST: ClassVar[Mapping[str, str]] = {"add": "admin", "remove": "admin"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "add", "Add", id="member.add", tooltip="Make a user a member"),
        Binding("ctrl+d", "remove", "Remove", id="member.remove", tooltip="End the membership"),
        Binding("escape", "back", "Back", id="back"),
    ]

    def __init__(self, client: Client, tenant_id: str) -> None:
        super().__init__(client)
        self._tenant_id = tenant_id
        self.tenant: wire.Tenant | None = None

    def heading(self) -> str:
        """Where one is."""
        name = self.tenant.name if self.tenant else self._tenant_id
        return f"‹ tenants ‹ {text.one_line(name)} · members"

    async def fetch_page(self, page: int) -> tuple[int, int, list[wire.Member]]:
        """One page of members, by e-mail address."""
        if self.tenant is None:
            self.tenant = await self.client.tenant(self._tenant_id)
        answer = await self.client.members(self._tenant_id, page)
        return answer.total, answer.total_pages, answer.data

    def row(self, thing: wire.Member) -> Row:
        """Address, since when, id."""
        cells = (text.plain(thing.email), Text(text.ago(thing.created_at)), text.plain(thing.user_id))
        return Row(thing.user_id, cells, {"since": text.aware(thing.created_at).timestamp()})

    def open(self, key: str) -> None:
        """The user in full."""
        self._read(key)

    @work(exclusive=True, group="act")
    async def _read(self, key: str) -> None:
        with self.reporting():
            self.app.post_message(messages.Read(await self.client.user_of(key)))

    @work(exclusive=True, group="act")
    async def action_add(self) -> None:
        """Asks for a user."""
        if self.tenant is None:
            return
        member = await self.app.push_screen_wait(MemberForm(self.client, self.tenant))
        if member is not None:
            self.say(f"{member.email} is a member of {self.tenant.name}.")
            self.point_at(member.user_id)

    @work(exclusive=True, group="act")
    async def action_remove(self) -> None:
        """Asks, then ends the membership."""
        if (member := self.subject()) is None:
            return
        question = Confirm(f"Remove {member.email}?", "Who loses the last membership sees nothing any more.")
        if await self.app.push_screen_wait(question):
            with self.reporting():
                await self.client.remove_member(self._tenant_id, member.user_id)
                self.say(f"{member.email} is no member any more.")
                self.action_refresh()


_ONE = "/api/v1/tenants/{tenant_id}"
_MEMBER = f"{_ONE}/members/{{user_id}}"
NOUN = Noun(
    name="tenants",
    what="who owns clusters, and who belongs to whom",
    screen=TenantsScreen,
    detail=MembersScreen,
    key="9",
    aliases=("tn", "tenant"),
    order=90,
    operations={
        "": ("GET /api/v1/tenants", f"GET {_ONE}", f"GET {_ONE}/members"),
        "tenant.new": ("POST /api/v1/tenants",),
        "tenant.edit": (f"PUT {_ONE}",),
        "tenant.delete": (f"DELETE {_ONE}",),
        "member.add": (f"POST {_ONE}/members", f"PUT {_MEMBER}"),
        "member.remove": (f"DELETE {_MEMBER}",),
    },
)
