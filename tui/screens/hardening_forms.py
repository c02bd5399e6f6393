"""The forms of hardening: what is switched on, and one exception with its reason."""

from __future__ import annotations

from typing import Any, ClassVar

from tui import text, wire
from tui.client import Client
from tui.screens.form import Field, Form, decided, whole, wrong

_YES_NO = ("yes", "no")
_SWITCHES = ("enable_cis_k8s_benchmark", "enable_cis_linux_benchmark", "default_deny_network_policies")


class SettingsForm(Form[wire.ClusterHardening]):
    """Both benchmarks, the level, default deny. Exceptions have a form of their own."""

    FIELDS: ClassVar = (
        Field("enable_cis_k8s_benchmark", "CIS k8s", choices=_YES_NO),
        Field("enable_cis_linux_benchmark", "CIS Linux", choices=_YES_NO),
        Field("level", "Level", choices=("1", "2")),
        Field("default_deny_network_policies", "Deny pods", choices=_YES_NO),
    )
    HELP: ClassVar[str] = (
        "Level 2 holds level 1. Deny pods: network policies by which no pod is\n"
        "reached unless another policy says so. All of it takes hold with the\n"
        "next harden job.\n"
    )

    def heading(self) -> str:
        """What is changed."""
        return "Hardening"

    def value(self, member: str, known: wire.ClusterHardening) -> str:
        """As it is set."""
        said = getattr(known, member)
        return ("yes" if said else "no") if isinstance(said, bool) else str(said)

    async def save(self, values: dict[str, str]) -> wire.ClusterHardening:
        """Sends what differs from what is set."""
        assert self.known is not None
        wanted: dict[str, Any] = {member: decided(values, member) for member in _SWITCHES}
        wanted["level"] = whole(values, "level")
        for member, value in wanted.items():
            if value is None:
                raise wrong(member, "is needed")
        change = {member: value for member, value in wanted.items() if value != getattr(self.known, member)}
        return await self.client.change_hardening(self.known.cluster_id, change) if change else self.known


class ExceptionForm(Form[wire.ClusterHardening]):
    """One item that is not to be applied here, and why."""

    FIELDS: ClassVar = (Field("id", "Item"), Field("reason", "Reason"))
    HELP: ClassVar[str] = (
        "The reason stands in every report. It takes hold with the next harden\n"
        "job; what cannot be undone safely stays as it is on the nodes.\n"
    )

    def __init__(self, client: Client, cluster_id: str, item_id: str, title: str, reason: str = "") -> None:
        super().__init__(client, None)
        self._cluster_id = cluster_id
        self._title = title
        self._said = {"id": item_id, "reason": reason}

    @property
    def fields(self) -> list[Field]:
        """The item is chosen already."""
        return [each._replace(first=self._said[each.member]) for each in super().fields]

    def heading(self) -> str:
        """Which item."""
        return f"Exception: {text.one_line(self._title)}" if self._title else "Exception"

    def value(self, member: str, known: wire.ClusterHardening) -> str:
        """What stands there already."""
        return self._said[member]

    def on_mount(self) -> None:
        """The reason is what is asked for."""
        self.query_one("#reason").focus()

    async def save(self, values: dict[str, str]) -> wire.ClusterHardening:
        """Adds it to those there are now, or writes its reason anew."""
        wanted = {"id": values["id"], "reason": values["reason"]}
        others = await excepted(self.client, self._cluster_id, {self._said["id"], values["id"]})
        return await self.client.change_hardening(self._cluster_id, {"exceptions": [*others, wanted]})


async def excepted(client: Client, cluster_id: str, but: set[str]) -> list[dict[str, str]]:
    """A cluster's exceptions as they are now, but for some: the list is sent whole. Raises ApiError."""
    now = await client.hardening(cluster_id)
    return [{"id": each.id, "reason": each.reason} for each in now.exceptions if each.id not in but]
