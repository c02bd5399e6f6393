"""What belongs to a cluster as lines: its nodes, conditions and plans, and all of it in a few words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from tui import text, wire
from tui.widgets.row_table import Column, Row

NODE_COLUMNS = (
    Column("name", "NODE", 16, "name"),
    Column("role", "ROLE", 13, "role"),
    Column("address", "ADDRESS", 15, "ip_address"),
    Column("status", "STATUS", 14, "status"),
    Column("version", "VERSION", 8, "kubernetes_version"),
    Column("os", "OS", 8, "os_type"),
    Column("seen", "LAST SEEN", 11, "last_seen"),
)
CONDITION_COLUMNS = (
    Column("type", "CONDITION", 22),
    Column("status", "STATUS", 9),
    Column("since", "SINCE", 11),
    Column("why", "WHY", 80),
)
PLAN_COLUMNS = (
    Column("kind", "KIND", 7),
    Column("made", "MADE", 11),
    Column("changes", "CHANGES", 7),
    Column("hosts", "NODES", 7),
    Column("findings", "NOT RIGHT", 9),
    Column("hash", "HASH", 14),
)
#: What an empty tab says.
EMPTY = {
    "nodes": "No node has this in its name or address. esc drops the search.",
    "conditions": "Nothing was observed yet; the first provision or verify job does.",
    "jobs": "No jobs yet. p provisions the cluster, v verifies it.",
    "plans": "No plans yet. P finds out what provisioning would change.",
    "schedules": "No schedules yet. Make one among the schedules (4, then n).",
}
_JOBS = 5


def node_row(node: wire.Node) -> Row:
    """A node as a line."""
    address = node.ip_address if node.ssh_port == 22 else f"{node.ip_address}:{node.ssh_port}"
    cells = (
        text.plain(node.name),
        text.plain(node.role),
        text.plain(address),
        text.status(node.status),
        text.plain(node.kubernetes_version),
        text.plain(node.os_type),
        Text(text.ago(node.last_seen)),
    )
    seen = text.aware(node.last_seen).timestamp() if node.last_seen else 0.0
    return Row(node.id, cells, {"seen": seen})


def condition_row(condition: wire.Condition) -> Row:
    """A condition as a line."""
    why = f"{condition.reason}: {condition.message}" if condition.message else condition.reason
    cells = (
        text.plain(condition.type),
        text.status(condition.status),
        Text(text.ago(condition.last_transition_time)),
        text.plain(why),
    )
    return Row(condition.type, cells, {"since": text.aware(condition.last_transition_time).timestamp()})


def plan_row(plan: wire.PlanLine) -> Row:
    """A plan as a line."""
    told = plan.summary
    cells = (
        text.plain(plan.kind),
        Text(text.ago(plan.created_at)),
        Text(str(told.changes)),
        Text(f"{told.changed_hosts}/{told.hosts}"),
        Text(f"▲ {told.findings}" if told.findings else "0"),
        text.plain(plan.hash[:12]),
    )
    return Row(plan.id, cells, {"made": text.aware(plan.created_at).timestamp()})


def overview(cluster: wire.Cluster, jobs: Sequence[wire.Job]) -> Text:
    """What an operator asks first: is it well, what is it, what happened last."""
    parts, topology = cluster.components, cluster.topology
    facts = {
        "status": text.status(cluster.status).plain,
        "about": text.one_line(cluster.description or ""),
        "tenant": f"{cluster.tenant.name} ({cluster.tenant.slug})" if cluster.tenant else "",
        "version": f"Kubernetes {cluster.kubernetes_version} on {parts.runtime}",
        "network": f"cni {parts.cni} · ingress {parts.ingress}",
        "nodes": f"{topology.control_plane_count} control-plane, {topology.worker_count} worker"
        f"{' · highly available' if topology.ha else ''}",
        "created": text.ago(cluster.created_at),
        "id": cluster.id,
    }
    lines = Text()
    for label, value in facts.items():
        if value:
            lines.append(f" {label:<9}", style="dim")
            lines.append(f"{text.one_line(value)}\n")
    lines.append("\n CONDITIONS\n", style="bold")
    lines.append_text(_conditions(cluster))
    lines.append("\n LAST JOBS\n", style="bold")
    lines.append_text(_jobs(jobs))
    return lines


def _conditions(cluster: wire.Cluster) -> Text:
    """Those that are not well in full, the others by their names."""
    lines = Text()
    for condition in cluster.conditions:
        row = condition_row(condition)
        lines.append_text(Text.assemble("  ", row.cells[1], "  ", row.cells[0], "  "))
        lines.append(f"{row.cells[3].plain} · {row.cells[2].plain}\n")
    return lines if cluster.conditions else Text(f"  {EMPTY['conditions']}\n")


def _jobs(jobs: Sequence[wire.Job]) -> Text:
    lines = Text()
    for job in jobs[:_JOBS]:
        lines.append_text(Text.assemble("  ", text.status(job.status, works=True)))
        lines.append(
            f"  {text.one_line(job.type)}  {text.ago(job.created_at)}  by {text.one_line(job.created_by)}\n"
        )
    return lines if jobs else Text(f"  {EMPTY['jobs']}\n")
