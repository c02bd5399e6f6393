"""The columns of every noun."""

from __future__ import annotations

from typing import Any

import msgspec

from tui import text, wire
from tui.command_line.table import Column, Thing, at, listed, moment, short, since, switch, took, until

_ID = Column("ID", at("id"), wide=True)


def plan_text(thing: Any) -> str:
    """A whole plan as lines for people."""
    return wire.plan_as_text(msgspec.convert(thing, wire.Plan))


def _nodes(thing: Thing) -> str:
    topology = thing.get("topology") or {}
    counts = [topology.get("control_plane_count"), topology.get("worker_count")]
    return "+".join("?" if count is None else str(count) for count in counts)


def _state_of_job(thing: Thing) -> object:
    return "interrupted" if thing.get("reason") == "interrupted" else thing.get("status")


def _why(thing: Thing) -> object:
    return thing.get("message") or thing.get("waiting_for") or thing.get("reason")


def _target(thing: Thing) -> object:
    return thing.get("url") or ",".join(thing.get("recipients") or ())


def _last_try(thing: Thing) -> object:
    tries = thing.get("tries") or [{}]
    return tries[-1].get("error")


def _share(taken: str, whole: str) -> Any:
    return lambda thing: f"{thing.get(taken)}/{thing.get(whole)}"


def _choices(thing: Thing, *, refused: bool) -> str:
    found = [each for each in thing.get("choices") or () if bool(each.get("refusal")) is refused]
    if refused:
        return "; ".join(f"{each['value']}: {each['refusal']}" for each in found)
    return ", ".join(str(each["value"]) for each in found)


def _clock(thing: Thing) -> str:
    at_that = moment(thing.get("created_at"))
    return text.clock(at_that) if at_that else ""


CLUSTERS = (
    Column("NAME", at("name")),
    Column("STATUS", at("status"), is_state=True),
    Column("VERSION", at("kubernetes_version")),
    Column("NODES", _nodes),
    Column("CREATED", since("created_at")),
    Column("CNI", at("components", "cni"), wide=True),
    Column("INGRESS", at("components", "ingress"), wide=True),
    Column("DESCRIPTION", at("description"), wide=True),
    _ID,
)
NODES = (
    Column("NAME", at("name")),
    Column("ROLE", at("role")),
    Column("STATUS", at("status"), is_state=True),
    Column("ADDRESS", at("ip_address")),
    Column("OS", at("os_type")),
    Column("VERSION", at("kubernetes_version")),
    Column("SEEN", since("last_seen")),
    Column("PORT", at("ssh_port"), wide=True),
    _ID,
)
PLANS = (
    Column("JOB", short("job_id")),
    Column("KIND", at("kind")),
    Column("CHANGES", at("summary", "changes")),
    Column("FINDINGS", at("summary", "findings")),
    Column("NODES", at("summary", "hosts")),
    Column("MADE", since("created_at")),
    Column("HASH", at("hash"), wide=True),
    Column("JOB ID", at("job_id"), wide=True),
)
JOBS = (
    Column("ID", short("id")),
    Column("TYPE", at("type")),
    Column("CLUSTER", at("cluster_name")),
    Column("STATUS", _state_of_job, is_state=True, works=True),
    Column("PROGRESS", lambda thing: f"{thing.get('progress')}%"),
    Column("TOOK", took("started_at", "finished_at")),
    Column("ASKED", since("created_at")),
    Column("BY", at("created_by"), wide=True),
    Column("WORKER", at("worker"), wide=True),
    Column("WHY", _why, wide=True),
    Column("FULL ID", at("id"), wide=True),
)
HOSTS = (
    Column("HOST", at("host")),
    Column("STATUS", at("status"), is_state=True, works=True),
    Column("OK", at("ok")),
    Column("CHANGED", at("changed")),
    Column("FAILED", at("failed")),
    Column("SKIPPED", at("skipped")),
    Column("TOOK", lambda thing: text.duration(float(thing.get("duration_seconds") or 0))),
    Column("TASK", at("task")),
    Column("FAILURE", at("failure"), wide=True),
    Column("BECAUSE", at("because"), wide=True),
)
TASKS = (
    Column("SECONDS", lambda thing: f"{float(thing.get('seconds') or 0):.1f}"),
    Column("HOST", at("host")),
    Column("PHASE", at("phase")),
    Column("TASK", at("task")),
    Column("ROLE", at("role"), wide=True),
    Column("EVENT", at("sequence"), wide=True),
)
EVENTS = (
    Column("SEQUENCE", at("sequence")),
    Column("TIME", _clock),
    Column("KIND", at("kind")),
    Column("HOST", at("host")),
    Column("TASK", at("task")),
    Column("MESSAGE", at("message")),
    Column("PHASE", at("phase"), wide=True),
    Column("SECONDS", at("duration_seconds"), wide=True),
)
CATALOGUE = (
    Column("MEMBER", at("field")),
    Column("DEFAULT", at("default")),
    Column("CHOICES", lambda thing: _choices(thing, refused=False)),
    Column("NOT HERE", lambda thing: _choices(thing, refused=True), wide=True),
)
TEMPLATES = (
    Column("NAME", at("name")),
    Column("VERSION", at("version")),
    Column("NODES", _nodes),
    Column("KUBERNETES", at("components", "kubernetes_version")),
    Column("CNI", at("components", "cni")),
    Column("WRITTEN", since("updated_at")),
    Column("INGRESS", at("components", "ingress"), wide=True),
    Column("DESCRIPTION", at("description"), wide=True),
    _ID,
)
SCHEDULES = (
    Column("NAME", at("name")),
    Column("STATE", switch("enabled"), is_state=True),
    Column("CLUSTER", at("cluster_name")),
    Column("JOB", at("job_type")),
    Column("CRON", at("cron")),
    Column("ZONE", at("time_zone")),
    Column("NEXT", until("next_run")),
    Column("LAST", at("last_run", "outcome"), is_state=True),
    Column("BY", at("created_by"), wide=True),
    _ID,
)
DUE_TIMES = (Column("UTC", at("utc")), Column("THERE", at("local")))
RUNS = (
    Column("DUE", since("due_at")),
    Column("OUTCOME", at("outcome"), is_state=True),
    Column("TRIGGER", at("trigger")),
    Column("TIMES", at("due_count")),
    Column("JOB", short("job_id")),
    Column("WHY", lambda thing: thing.get("message") or thing.get("reason")),
    _ID,
)
CHANNELS = (
    Column("NAME", at("name")),
    Column("STATE", switch("enabled"), is_state=True),
    Column("KIND", at("kind")),
    Column("PENDING", at("deliveries", "pending")),
    Column("DELIVERED", at("deliveries", "delivered")),
    Column("DEAD", at("deliveries", "dead")),
    Column("STATUSES", listed("events", "statuses"), wide=True),
    Column("JOBS", listed("events", "job_types"), wide=True),
    Column("TO", _target, wide=True),
    _ID,
)
DELIVERIES = (
    Column("ID", at("id")),
    Column("STATUS", at("status"), is_state=True),
    Column("EVENT", at("event")),
    Column("JOB", short("job_id")),
    Column("TRIES", lambda thing: len(thing.get("tries") or ())),
    Column("MADE", since("created_at")),
    Column("NEXT", until("next_try_at"), wide=True),
    Column("ERROR", _last_try, wide=True),
)
WORKERS = (
    Column("NAME", at("name")),
    Column("STATE", at("state"), is_state=True),
    Column("JOBS", lambda thing: len(thing.get("jobs") or ())),
    Column("FORKS", _share("forks_used", "forks")),
    Column("MEMORY MB", _share("memory_mb_used", "memory_mb")),
    Column("VERSION", at("version")),
    Column("SEEN", lambda thing: f"{text.duration(float(thing.get('silent_seconds') or 0))} ago"),
    Column("HOST", at("hostname"), wide=True),
    Column("STARTED", since("started_at"), wide=True),
)
USERS = (
    Column("EMAIL", at("email")),
    Column("NAME", at("full_name")),
    Column("ROLE", at("role")),
    Column("STATE", switch("enabled"), is_state=True),
    Column("CREATED", since("created_at")),
    _ID,
)
TENANTS = (
    Column("SLUG", at("slug")),
    Column("NAME", at("name")),
    Column("STATUS", at("status"), is_state=True),
    Column("EMAIL", at("email")),
    Column("CREATED", since("created_at")),
    Column("COMPANY", at("contact_info", "company"), wide=True),
    _ID,
)
MEMBERS = (
    Column("EMAIL", at("email")),
    Column("SINCE", since("created_at")),
    Column("USER ID", at("user_id"), wide=True),
)
TOKENS = (
    Column("NAME", at("name")),
    Column("EXPIRES", until("expires_at")),
    Column("USED", since("last_used_at")),
    Column("PERMISSIONS", listed("permissions")),
    Column("BY", at("created_by"), wide=True),
    Column("FROM", at("last_used_address"), wide=True),
    _ID,
)
AUDIT = (
    Column("TIME", since("timestamp")),
    Column("WHO", at("actor")),
    Column("ACTION", at("action")),
    Column("RESULT", at("status"), is_state=True),
    Column("WHAT", lambda thing: thing.get("resource_name") or thing.get("resource_type")),
    Column("FROM", at("address"), wide=True),
    Column("TIMESTAMP", at("timestamp"), wide=True),
    Column("CORRELATION", at("correlation_id"), wide=True),
)
AUDIT_HEAD = (
    Column("SEQUENCE", at("sequence")),
    Column("TIMESTAMP", at("timestamp")),
    Column("HASH", at("hash")),
)
ME = (
    Column("EMAIL", at("email")),
    Column("NAME", at("full_name")),
    Column("ROLE", at("role")),
    _ID,
)
