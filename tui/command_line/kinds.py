"""The things that are written down and sent: their members as options, and what is there as a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.client import Client
from tui.command_line import resources

Body = dict[str, Any]


@dataclass(frozen=True)
class Member:
    """One member of a request, nested ones with dots, and the option that says it."""

    path: str
    option: str
    help: str
    choices: tuple[str, ...] = ()
    type: type = str
    many: bool = False


@dataclass(frozen=True)
class Secret:
    """A member that must not be an argument: it is asked for, or read from standard input."""

    member: str
    prompt: str
    option: str  # of `set`, where it is asked for only when wanted
    instead: str = ""  # the member that makes it needless


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One noun that can be made and changed. Its request is what `asked` makes of an answer."""

    kind: str  # in documents
    noun: str  # of `get`
    called: str  # the member that names one
    make: str
    change: str
    members: Sequence[Member]
    asked: Callable[[Mapping[str, Any]], Body]  # what is there, as a request that would leave it so
    is_whole: bool = True  # a change sends everything, else only what is different
    secret: Secret | None = None
    complete: Callable[[Body], Body] = dict  # what a document may leave out because the rest says it


def merged(first: Mapping[str, Any], then: Mapping[str, Any]) -> Body:
    """The first with what the second says; mappings member by member, lists whole."""
    both = dict(first)
    for name, value in then.items():
        known = both.get(name)
        nested = isinstance(value, Mapping) and isinstance(known, Mapping) and name != "parameters"
        both[name] = merged(known, value) if nested else value  # type: ignore[arg-type]
    return both


async def change(client: Client, kind: Kind, key: str, said: Mapping[str, Any]) -> Body:
    """Changes what is said of one and leaves the rest as it is. Raises ApiError."""
    body = dict(said)
    if kind.is_whole:
        body = merged(kind.asked(await client.ask(resources.named(kind.noun).one, key)), said)
    changed: Body = await client.ask(kind.change, key, body=body)
    return changed


def _chosen(thing: Mapping[str, Any], *names: str) -> Body:
    return {name: thing[name] for name in names if thing.get(name) is not None}


def _template(thing: Mapping[str, Any]) -> Body:
    parts = {
        part: {name: value for name, value in thing[part].items() if value is not None}
        for part in ("topology", "components", "hardening")
    }
    return _chosen(thing, "name", "description") | {part: said for part, said in parts.items() if said}


def _schedule(thing: Mapping[str, Any]) -> Body:
    names = ("name", "job_type", "cron", "time_zone", "enabled", "missed_run_policy", "parameters")
    return _chosen(thing, *names) | {"cluster_id": thing["cluster_name"]}


def _channel(thing: Mapping[str, Any]) -> Body:
    return _chosen(thing, "name", "kind", "url", "recipients", "events", "enabled")


def _channel_kind(said: Body) -> Body:
    """A webhook has a url, mail has recipients: the document need not say it twice."""
    if "kind" in said:
        return said
    return {**said, "kind": "mail" if said.get("recipients") else "webhook"}


def _tenant(thing: Mapping[str, Any]) -> Body:
    contact = {name: value for name, value in thing["contact_info"].items() if value is not None}
    return _chosen(thing, "name", "email", "slug", "status") | ({"contact_info": contact} if contact else {})


def _user(thing: Mapping[str, Any]) -> Body:
    return _chosen(thing, "email", "full_name", "role", "enabled")


_TOPOLOGY = (
    Member("topology.control_plane_count", "--control-planes", "How many control planes.", type=int),
    Member("topology.worker_count", "--workers", "How many workers.", type=int),
    Member("topology.ha", "--ha/--no-ha", "Several control planes.", type=bool),
)
_COMPONENTS = (
    Member("components.kubernetes_version", "--kubernetes-version", "Version of Kubernetes."),
    Member("components.cni", "--cni", "Network of the pods."),
    Member("components.ingress", "--ingress", "Way in for HTTP."),
    Member("components.runtime", "--runtime", "What runs the containers."),
)
_HARDENING = (
    Member("hardening.enable_cis_k8s_benchmark", "--cis-k8s/--no-cis-k8s", "CIS for Kubernetes.", type=bool),
    Member("hardening.enable_cis_linux_benchmark", "--cis-linux/--no-cis-linux", "CIS for Linux.", type=bool),
    Member("hardening.level", "--cis-level", "Level of both benchmarks, 1 or 2.", type=int),
    Member(
        "hardening.default_deny_network_policies",
        "--default-deny/--no-default-deny",
        "Pods are closed by default.",
        type=bool,
    ),
)

TEMPLATE = Kind(
    kind="Template",
    noun="templates",
    called="name",
    make="POST /api/v1/templates",
    change="PUT /api/v1/templates/{template_id}",
    members=(
        Member("description", "--description", "What it is for."),
        *_TOPOLOGY,
        *_COMPONENTS,
        *_HARDENING,
    ),
    asked=_template,
)
SCHEDULE = Kind(
    kind="Schedule",
    noun="schedules",
    called="name",
    make="POST /api/v1/schedules",
    change="PUT /api/v1/schedules/{schedule_id}",
    members=(
        Member("cluster_id", "--cluster", "For which cluster."),
        Member("job_type", "--job", "Type of the job, such as verify."),
        Member("cron", "--cron", "When: five fields, such as '0 4 * * *'."),
        Member("time_zone", "--time-zone", "Whose clock, such as Europe/Berlin; UTC by default."),
        Member(
            "missed_run_policy", "--missed", "When due times passed unseen.", choices=("skip", "run_once")
        ),
        Member("enabled", "--enabled/--disabled", "Whether it is on.", type=bool),
    ),
    asked=_schedule,
)
CHANNEL = Kind(
    kind="Channel",
    noun="channels",
    called="name",
    make="POST /api/v1/notification-channels",
    change="PUT /api/v1/notification-channels/{channel_id}",
    members=(
        Member("recipients", "--mail-to", "An address; repeatable.", many=True),
        Member("events.job_types", "--job", "Only about jobs of this type; repeatable.", many=True),
        Member("events.statuses", "--status", "Only about jobs that ended so; repeatable.", many=True),
        Member("events.clusters", "--cluster", "Only about this cluster; repeatable.", many=True),
        Member("enabled", "--enabled/--disabled", "Whether it is on.", type=bool),
    ),
    asked=_channel,
    # What follows the host in a webhook's address often is its key.
    secret=Secret("url", "Address of the webhook", "--webhook", instead="recipients"),
    complete=_channel_kind,
)
TENANT = Kind(
    kind="Tenant",
    noun="tenants",
    called="slug",
    make="POST /api/v1/tenants",
    change="PUT /api/v1/tenants/{tenant_id}",
    members=(
        Member("name", "--name", "How it is called."),
        Member("email", "--email", "Whom to write to."),
        Member("status", "--status", "Whether somebody has looked at it.", choices=("pending", "active")),
        Member("contact_info.phone", "--phone", "Whom to call."),
        Member("contact_info.address", "--address", "Where they are."),
        Member("contact_info.company", "--company", "Who they are."),
    ),
    asked=_tenant,
    is_whole=False,
)
USER = Kind(
    kind="User",
    noun="users",
    called="email",
    make="POST /api/v1/users",
    change="PUT /api/v1/users/{user_id}",
    members=(
        Member("full_name", "--full-name", "Name to show."),
        Member("role", "--role", "What they may do.", choices=("admin", "operator", "viewer")),
        Member("enabled", "--enabled/--disabled", "Whether they may sign in.", type=bool),
    ),
    asked=_user,
    secret=Secret("password", "Password of the user", "--password"),
    is_whole=False,
)

KINDS = (TENANT, USER, TEMPLATE, SCHEDULE, CHANNEL)
