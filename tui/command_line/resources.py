"""What can be got: every noun of the API with its operations, its columns and what tells that it changed."""

from __future__ import annotations

from tui.command_line import columns, hardening_resources, overviews
from tui.command_line.resource import Resource

CLUSTERS, JOBS = frozenset({"clusters"}), frozenset({"jobs"})
BOTH = CLUSTERS | JOBS


_CLUSTER = "/api/v1/clusters/{cluster_id}"
_JOB = "/api/v1/jobs/{job_id}"
_TEMPLATE = "/api/v1/templates/{template_id}"
_SCHEDULE = "/api/v1/schedules/{schedule_id}"
_CHANNEL = "/api/v1/notification-channels/{channel_id}"
_TENANT = "/api/v1/tenants/{tenant_id}"
_BY_CLUSTER = {"cluster": "cluster_id"}

RESOURCES: tuple[Resource, ...] = (
    Resource(
        name="overview",
        singular="overview",
        what="what wants you now, what runs, and how much of everything there is",
        one="GET /api/v1/overview",
        as_text=overviews.as_text,
        aliases=("ov",),
        called="at",
        is_paged=False,
        news=BOTH,
    ),
    Resource(
        name="clusters",
        singular="cluster",
        what="clusters and how they are",
        list="GET /api/v1/clusters",
        one=f"GET {_CLUSTER}",
        columns=columns.CLUSTERS,
        aliases=("cl",),
        takes_names=True,
        filters={"status": "status_filter"},
        sorts=True,
        news=CLUSTERS,
    ),
    Resource(
        name="specs",
        singular="spec",
        what="what a cluster was asked to be: a spec file",
        one=f"GET {_CLUSTER}/spec",
        parent="clusters",
        is_paged=False,
        news=CLUSTERS,
    ),
    Resource(
        name="nodes",
        singular="node",
        what="the machines of a cluster",
        list=f"GET {_CLUSTER}/nodes",
        parent="clusters",
        columns=columns.NODES,
        aliases=("no",),
        filters={"status": "status_filter"},
        sorts=True,
        news=BOTH,
    ),
    Resource(
        name="plans",
        singular="plans",
        what="what plan and verify jobs of a cluster found",
        list=f"GET {_CLUSTER}/plans",
        parent="clusters",
        columns=columns.PLANS,
        called="hash",
        news=JOBS,
    ),
    Resource(
        name="plan",
        singular="plan",
        what="the whole plan of one plan or verify job",
        one=f"GET {_JOB}/plan",
        parent="jobs",
        as_text=columns.plan_text,
        called="hash",
        is_paged=False,
        news=JOBS,
    ),
    Resource(
        name="jobs",
        singular="job",
        what="jobs, newest first",
        list="GET /api/v1/jobs",
        one=f"GET {_JOB}",
        columns=columns.JOBS,
        aliases=("jo",),
        called="id",
        filters={"status": "status_filter", **_BY_CLUSTER},
        sorts=True,
        news=JOBS,
    ),
    Resource(
        name="hosts",
        singular="host",
        what="how a job stands on each of its nodes",
        list=f"GET {_JOB}/hosts",
        parent="jobs",
        columns=columns.HOSTS,
        called="host",
        news=JOBS,
    ),
    Resource(
        name="tasks",
        singular="task",
        what="the slowest tasks of a job",
        list=f"GET {_JOB}/tasks",
        parent="jobs",
        columns=columns.TASKS,
        called="task",
        is_paged=False,
        news=JOBS,
    ),
    Resource(
        name="events",
        singular="event",
        what="the last events of a job; `keelyard logs` has them all",
        list=f"GET {_JOB}/events",
        parent="jobs",
        columns=columns.EVENTS,
        aliases=("ev",),
        called="sequence",
        is_paged=False,
        news=JOBS,
    ),
    *hardening_resources.RESOURCES,
    Resource(
        name="catalogue",
        singular="catalogue",
        what="what a new cluster may be made of",
        list="GET /api/v1/catalogue",
        columns=columns.CATALOGUE,
        called="field",
        is_paged=False,
        data="fields",
    ),
    Resource(
        name="templates",
        singular="template",
        what="what new clusters begin with",
        list="GET /api/v1/templates",
        one=f"GET {_TEMPLATE}",
        columns=columns.TEMPLATES,
        aliases=("tp",),
        takes_names=True,
    ),
    Resource(
        name="versions",
        singular="version",
        what="a template as it was written over time",
        list=f"GET {_TEMPLATE}/versions",
        parent="templates",
        columns=columns.TEMPLATES,
        called="version",
    ),
    Resource(
        name="schedules",
        singular="schedule",
        what="jobs that a clock asks for",
        list="GET /api/v1/schedules",
        one=f"GET {_SCHEDULE}",
        columns=columns.SCHEDULES,
        aliases=("sc",),
        filters=_BY_CLUSTER,
        news=JOBS,
    ),
    Resource(
        name="runs",
        singular="run",
        what="what became of a schedule's due times",
        list=f"GET {_SCHEDULE}/runs",
        parent="schedules",
        columns=columns.RUNS,
        called="id",
        news=JOBS,
    ),
    Resource(
        name="channels",
        singular="channel",
        what="where notices about ended jobs go",
        list="GET /api/v1/notification-channels",
        one=f"GET {_CHANNEL}",
        columns=columns.CHANNELS,
        aliases=("ch",),
        news=JOBS,
    ),
    Resource(
        name="deliveries",
        singular="delivery",
        what="a channel's notices",
        list=f"GET {_CHANNEL}/deliveries",
        one=f"GET {_CHANNEL}/deliveries/{{delivery_id}}",
        parent="channels",
        columns=columns.DELIVERIES,
        called="id",
        news=JOBS,
    ),
    Resource(
        name="workers",
        singular="worker",
        what="who runs jobs, with what room",
        list="GET /api/v1/workers",
        one="GET /api/v1/workers/{name}",
        columns=columns.WORKERS,
        aliases=("wo",),
        takes_names=True,
        news=JOBS,
    ),
    Resource(
        name="users",
        singular="user",
        what="who can sign in",
        list="GET /api/v1/users",
        one="GET /api/v1/users/{user_id}",
        columns=columns.USERS,
        aliases=("us",),
        called="email",
    ),
    Resource(
        name="tenants",
        singular="tenant",
        what="owners of clusters",
        list="GET /api/v1/tenants",
        one=f"GET {_TENANT}",
        columns=columns.TENANTS,
        aliases=("te",),
        called="slug",
        takes_names=True,
    ),
    Resource(
        name="members",
        singular="member",
        what="who belongs to a tenant",
        list=f"GET {_TENANT}/members",
        parent="tenants",
        columns=columns.MEMBERS,
        called="email",
    ),
    Resource(
        name="tokens",
        singular="token",
        what="service tokens, without the tokens themselves",
        list="GET /api/v1/service-tokens",
        one="GET /api/v1/service-tokens/{token_id}",
        columns=columns.TOKENS,
        aliases=("to",),
        takes_names=True,
    ),
    Resource(
        name="audit",
        singular="audit-entry",
        what="who did what, newest first",
        list="GET /api/v1/audit-logs",
        columns=columns.AUDIT,
        aliases=("au",),
        called="id",
    ),
    Resource(
        name="audit-head",
        singular="audit-head",
        what="the end of the chain over the audit log",
        one="GET /api/v1/audit-logs/head",
        columns=columns.AUDIT_HEAD,
        called="hash",
        is_paged=False,
    ),
    Resource(
        name="me",
        singular="me",
        what="who you are to the server",
        one="GET /api/v1/auth/me",
        columns=columns.ME,
        called="email",
        is_paged=False,
    ),
)


def find(word: str) -> Resource | None:
    """The noun of this name, in either number, or alias."""
    return next((one for one in RESOURCES if word in (one.name, one.singular, *one.aliases)), None)


def named(name: str) -> Resource:
    """The noun of this plural. Raises KeyError."""
    return _BY_NAME[name]


_BY_NAME = {one.name: one for one in RESOURCES}
