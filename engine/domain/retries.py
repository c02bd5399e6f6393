"""Which nodes a retry works on, and why each of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from engine.domain.errors import FieldProblem, InvalidSpec
from engine.domain.recaps import HostStatus
from engine.domain.statuses import NodeRole

ALL = "all"
FAILED = "failed"
CHOSEN = "chosen"


class HostChoice(msgspec.Struct, frozen=True):
    """A node that a job works on; `because` is empty where the job works on every node."""

    host: str
    because: str


class LeftPhase(msgspec.Struct, frozen=True, kw_only=True):
    """A phase that the retry will go through."""

    name: str
    targets: frozenset[str]  # nodes it works on
    ended: bool  # it came to its end: who was not lost in it is through with it
    needs_control_plane: bool  # it asks a control plane on behalf of other nodes


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """What the job to be retried left."""

    nodes: Mapping[str, NodeRole]  # of the cluster, in order
    hosts: Mapping[str, HostStatus]  # the job's recap; what it did not work on is missing
    left_out: Collection[str]  # unfinished nodes that it did not work on
    phases: Sequence[LeftPhase]


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes to work on, and unfinished ones that are left out."""

    hosts: tuple[HostChoice, ...]
    left_out: tuple[str, ...] = ()


def select(wanted: str | Sequence[str], run: LastRun) -> Selection:
    """The nodes for `all`, for `failed` (what is not done), or for the ones named.

    Control planes join where a remaining phase cannot do without them. When nothing tells which node failed,
    `failed` means every node.

    Raises InvalidSpec naming the field for unknown nodes, or when none are named.
    """
    if wanted == ALL:
        return Selection(hosts=tuple(HostChoice(name, "") for name in run.nodes))
    undone = unfinished(run)
    if isinstance(wanted, str):
        chosen = undone or dict.fromkeys(run.nodes, "nothing tells which node failed")
    else:
        _refuse_unknown(wanted, run.nodes)
        chosen = {name: undone.get(name, "chosen") for name in wanted}
    chosen = chosen | _control_planes(chosen, run)
    return Selection(
        hosts=tuple(HostChoice(name, chosen[name]) for name in run.nodes if name in chosen),
        left_out=tuple(name for name in run.nodes if name in undone and name not in chosen),
    )


def unfinished(run: LastRun) -> dict[str, str]:
    """Nodes that are not through with the job, with the reason."""
    found: dict[str, str] = {}
    for name in run.nodes:
        if name in run.left_out:
            found[name] = "left out of the retry before"
        elif name in run.hosts and (because := _why(name, run)):
            found[name] = because
    return found


def _why(name: str, run: LastRun) -> str:
    status = run.hosts[name]
    if status in (HostStatus.FAILED, HostStatus.UNREACHABLE):
        return status.value
    waiting = [phase.name for phase in run.phases if name in phase.targets and not phase.ended]
    if not waiting:
        return ""
    return "never reached" if status is HostStatus.PENDING else f"did not come through “{waiting[0]}”"


def _control_planes(chosen: Collection[str], run: LastRun) -> dict[str, str]:
    """All of them: the one that leads is found by looking at each."""
    planes = [name for name, role in run.nodes.items() if role is NodeRole.CONTROL_PLANE]
    missing = [name for name in planes if name not in chosen]
    for phase in run.phases:
        if phase.needs_control_plane or (phase.targets and phase.targets <= set(planes)):
            return dict.fromkeys(missing, f"“{phase.name}” cannot do without it")
    return {}


def _refuse_unknown(wanted: Sequence[str], nodes: Collection[str]) -> None:
    if not wanted:
        raise InvalidSpec([FieldProblem("hosts", "names no node")])
    unknown = sorted({name[:100] for name in wanted if name not in nodes})
    if unknown:
        known = ", ".join(list(nodes)[:20]) + (", …" if len(nodes) > 20 else "")
        problem = f"the cluster has no node {', '.join(unknown[:20])}; it has {known}"
        raise InvalidSpec([FieldProblem("hosts", problem)])
