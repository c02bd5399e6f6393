"""The draft of a cluster: plain data without any secret, ready to become a create request.

Fields are named as in `POST /api/v1/clusters`: `topology.worker_count`, `nodes.0.role`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tui.wizard.choices import Choices, Value

CONTROL_PLANE, WORKER = "control-plane", "worker"
PRIVATE_KEY, PASSWORD = "private_key", "password"

COUNTS = ("topology.control_plane_count", "topology.worker_count")
COMPONENTS = (
    "components.kubernetes_version",
    "components.cni",
    "components.ingress",
    "components.runtime",
)
NETWORKING = ("networking.pod_cidr", "networking.service_cidr", "networking.dns_domain")
LEVEL = "hardening.level"
HARDENING = (
    "hardening.enable_cis_k8s_benchmark",
    "hardening.enable_cis_linux_benchmark",
    LEVEL,
    "hardening.default_deny_network_policies",
)
FIELDS = ("topology.ha", *COUNTS, *COMPONENTS, *HARDENING, *NETWORKING)


class NodeDraft(msgspec.Struct, kw_only=True):
    """One machine. `fingerprint` is the host key that the operator has confirmed."""

    name: str
    ip_address: str
    role: str = WORKER
    os_type: str = "debian12"
    ssh_port: int = 22
    fingerprint: str = ""


class ExceptionDraft(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a benchmark that is left out, and why."""

    id: str
    reason: str


class TemplateChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A template in one version, with what it says by field. `exceptions` is None where it says nothing."""

    id: str
    name: str
    version: int
    says: dict[str, str | bool | int] = {}
    exceptions: list[ExceptionDraft] | None = None


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """How to log in. Lives in memory only and is no part of the draft."""

    private_key: str = ""
    passphrase: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "Secrets(...)"

    __str__ = __repr__


class Draft(msgspec.Struct, kw_only=True):
    """A cluster in the making. `changed` holds what was said by hand, by field."""

    name: str = ""
    description: str = ""
    template: TemplateChoice | None = None
    changed: dict[str, str | bool | int] = msgspec.field(default_factory=dict[str, str | bool | int])
    exceptions: list[ExceptionDraft] | None = None  # None: nothing was said by hand
    nodes: list[NodeDraft] = msgspec.field(default_factory=list[NodeDraft])
    username: str = "root"
    auth_method: str = PRIVATE_KEY
    key_path: str = ""
    provision_immediately: bool = True
    lab: bool = False

    # --- what holds ---

    def value(self, field: str, choices: Choices) -> Value:
        """What the request will say: by hand, else by the template, else by default."""
        return self.changed.get(field, self.without_hand(field, choices))

    def without_hand(self, field: str, choices: Choices) -> Value:
        """What would hold if nothing had been said by hand."""
        if self.template is not None and field in self.template.says:
            return self.template.says[field]
        if field == "topology.worker_count":
            return self.count(WORKER)
        return choices.default(field)

    def says(self, field: str, value: Value, choices: Choices) -> None:
        """Keeps a value said by hand; what holds anyway is no change."""
        if field in (*COUNTS, LEVEL) and isinstance(value, str):
            text = value.strip()
            value = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text
        if value == "" or value == self.without_hand(field, choices):
            self.changed.pop(field, None)
        else:
            self.changed[field] = value

    def origin(self, field: str) -> str:
        """Who says what holds, in a few words."""
        said = self.template.says.get(field) if self.template is not None else None
        if field in self.changed:
            return "changed by hand" if said is None else f"changed by hand; the template says {shown(said)}"
        if self.template is not None and said is not None:
            return f"from {self.template.name} v{self.template.version}"
        return "as many as are listed" if field == "topology.worker_count" else ""

    @property
    def left_out(self) -> list[ExceptionDraft]:
        """The exceptions that the request will say: by hand, else by the template."""
        if self.exceptions is not None:
            return self.exceptions
        return (self.template.exceptions if self.template is not None else None) or []

    def count(self, role: str) -> int:
        """Listed nodes of a role."""
        return sum(1 for node in self.nodes if node.role == role)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing worth keeping."""
        return self == Draft()

    # --- the request ---

    def request(self, choices: Choices) -> dict[str, Any]:
        """The body of `POST /api/v1/clusters`, but for secrets."""
        body: dict[str, Any] = {"name": self.name}
        if self.description:
            body["description"] = self.description
        if self.template is not None:
            body |= {"template_id": self.template.id, "template_version": self.template.version}
        for field in FIELDS:
            part, _, member = field.partition(".")
            body.setdefault(part, {})[member] = self.value(field, choices)
        if self.exceptions is not None or self.left_out:
            body["hardening"]["exceptions"] = [msgspec.structs.asdict(each) for each in self.left_out]
        body["nodes"] = [self.node(index) for index in range(len(self.nodes))]
        body["ssh_config"] = {"username": self.username, "auth_method": self.auth_method}
        return body | {"provision_immediately": self.provision_immediately, "lab": self.lab}

    def node(self, index: int) -> dict[str, Any]:
        """One node as the request names it."""
        said = msgspec.structs.asdict(self.nodes[index])
        return said if said["fingerprint"] else {k: v for k, v in said.items() if k != "fingerprint"}

    def login(self, secrets: Secrets) -> dict[str, Any]:
        """The request's `ssh_config`, secrets included: goes to the server and nowhere else."""
        said: dict[str, Any] = {"username": self.username, "auth_method": self.auth_method}
        if self.auth_method == PRIVATE_KEY:
            said["private_key"] = secrets.private_key
            if secrets.passphrase:
                said["passphrase"] = secrets.passphrase
        if secrets.password:
            said["password"] = secrets.password
        return said

    def body(self, choices: Choices, secrets: Secrets) -> bytes:
        """What is sent; the same draft gives the same bytes, so that a repeated request is known as one."""
        return msgspec.json.encode(self.request(choices) | {"ssh_config": self.login(secrets)})


def shown(value: Value) -> str:
    """A value as an operator reads it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def tally(draft: Draft, choices: Choices) -> str:
    """Listed nodes against the topology: "1 control plane, 2 workers · topology asks for 1 + 3: ..."."""
    listed = {role: draft.count(role) for role in (CONTROL_PLANE, WORKER)}
    wanted = dict(zip(listed, (draft.value(field, choices) for field in COUNTS), strict=True))
    line = ", ".join(_many(listed[role], role) for role in listed)
    gaps = []
    for role, wish in wanted.items():
        if isinstance(wish, int) and wish != listed[role]:
            gap = abs(wish - listed[role])
            verb = "is" if gap == 1 else "are"
            gaps.append(f"{_many(gap, role)} {verb} {'missing' if wish > listed[role] else 'too many'}")
    asked = f"topology asks for {wanted[CONTROL_PLANE]} + {wanted[WORKER]}"
    return f"{line} · {asked}: {', '.join(gaps)}" if gaps else f"{line} · as the topology asks"


def _many(number: int, role: str) -> str:
    noun = "control plane" if role == CONTROL_PLANE else "worker"
    return f"{number} {noun}{'' if number == 1 else 's'}"
