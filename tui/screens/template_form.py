"""The forms that make a template, write a new version of one, or take one from a cluster."""

from __future__ import annotations

from typing import Any, ClassVar

from tui import text, wire
from tui.client import Client
from tui.screens.form import Field, Form, decided, whole

_TOPOLOGY = ("ha", "control_plane_count", "worker_count")
_COMPONENTS = ("kubernetes_version", "cni", "ingress", "runtime")
_SWITCHES = ("enable_cis_k8s_benchmark", "enable_cis_linux_benchmark", "default_deny_network_policies")
_HARDENING = (*_SWITCHES, "level")
_YES_NO = ("yes", "no")


def part_of(template: wire.Template, member: str) -> Any:
    """What a template says of a member; None for what it leaves open."""
    for names, part in (
        (_TOPOLOGY, template.topology),
        (_COMPONENTS, template.components),
        (_HARDENING, template.hardening),
    ):
        if member in names:
            return getattr(part, member)
    return getattr(template, member)


def shown(value: Any) -> str:
    """A member as the form takes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else text.one_line(str(value))


#: Every member that a template may say something of, with its label.
MEMBERS = (
    ("name", "Name"),
    ("description", "About"),
    ("ha", "HA"),
    ("control_plane_count", "Controls"),
    ("worker_count", "Workers"),
    ("kubernetes_version", "Kubernetes"),
    ("cni", "CNI"),
    ("ingress", "Ingress"),
    ("runtime", "Runtime"),
    ("enable_cis_k8s_benchmark", "CIS k8s"),
    ("enable_cis_linux_benchmark", "CIS Linux"),
    ("level", "CIS level"),
    ("default_deny_network_policies", "Deny pods"),
)


class TemplateForm(Form[wire.Template]):
    """Answers the template as the server keeps it; for a known one that is its new version."""

    FIELDS: ClassVar = tuple(
        Field(member, label, choices=_YES_NO if member == "ha" or member in _SWITCHES else ())
        for member, label in MEMBERS
    )
    HELP: ClassVar[str] = "What is empty, the request for a cluster has to say.\n"

    def heading(self) -> str:
        """New, or a new version of which."""
        if self.known is None:
            return "New template"
        return f"Template {self.known.name}: version {self.known.version + 1}"

    def value(self, member: str, known: wire.Template) -> str:
        """As it is in the version on show."""
        return shown(part_of(known, member))

    async def save(self, values: dict[str, str]) -> wire.Template:
        """Empty members are left out."""
        parts: dict[str, dict[str, Any]] = {
            "topology": {
                "ha": decided(values, "ha"),
                "control_plane_count": whole(values, "control_plane_count"),
                "worker_count": whole(values, "worker_count"),
            },
            "components": {member: values[member] or None for member in _COMPONENTS},
            "hardening": {
                **{member: decided(values, member) for member in _SWITCHES},
                "level": whole(values, "level"),
                "exceptions": self._exceptions(),
            },
        }
        said = {
            part: {member: value for member, value in members.items() if value is not None}
            for part, members in parts.items()
        }
        body = {"name": values["name"], "description": values["description"], **said}
        return await self.client.save_template(body, None if self.known is None else self.known.id)

    def _exceptions(self) -> list[dict[str, str]] | None:
        """Those of the version on show: the form has no room for them, and they are not lost by it."""
        said = None if self.known is None else self.known.hardening.exceptions
        return None if said is None else [{"id": each.id, "reason": each.reason} for each in said]


class FromCluster(Form[wire.Template]):
    """Makes a template of what a cluster is."""

    FIELDS: ClassVar = (
        Field("cluster", "Cluster"),
        Field("name", "Name"),
        Field("description", "Description"),
    )
    HELP: ClassVar[str] = "It takes topology and components.\n"

    def __init__(self, client: Client, cluster: str = "") -> None:
        super().__init__(client, None)
        self._cluster = cluster

    @property
    def fields(self) -> list[Field]:
        """The cluster is known where one comes from it."""
        first, *others = super().fields
        return [first._replace(first=self._cluster), *others]

    def heading(self) -> str:
        """What is made."""
        return "New template from a cluster"

    def value(self, member: str, known: wire.Template) -> str:
        """There is none yet."""
        return ""

    async def save(self, values: dict[str, str]) -> wire.Template:
        """Reads the cluster and sends the template."""
        cluster = await self.client.cluster(values["cluster"])
        return await self.client.template_from(cluster, values["name"], values["description"])
