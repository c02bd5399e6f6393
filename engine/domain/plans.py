"""A plan: per host what a provision run would change, how certain that is, and what identifies it.

`verify` makes the same document: whatever a provision run would change is what differs from the spec.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from engine.domain.specs import ClusterSpec

STALE = "plan is stale"  # the reason of a job that refused to apply a plan
NOT_COMPARED = "plan could not be compared"  # the same, because the nodes could not be looked at
#: Reasons of jobs that failed before they changed anything: they say nothing about the cluster.
REFUSALS = frozenset({STALE, NOT_COMPARED})
_HASH = re.compile(r"[0-9a-f]{64}")
_TOLD = 8  # differences that a message names

#: What is told about a node that a plan rests on. What comes and goes by itself (routes of pods, whether the
#: apiserver answers this second) is left out.
FACTS = (
    "hostname", "machine_id", "kernel", "architecture", "os", "address", "interface", "cgroup_version",
    "has_resolver", "has_network_manager", "identity", "has_admin_conf", "is_initialised", "has_kubeadm",
    "has_kubelet_conf", "has_kubelet_config", "kubelet_version",
)  # fmt: skip


class Certainty(enum.StrEnum):
    """How much a plan item can be relied on."""

    EXACT = "exact"  # looked at on the node; the run will do just this
    DECLARED = "declared"  # what it acts on is not there yet; the role says what it will do
    UNKNOWN = "unknown"  # the task cannot tell without doing it


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """One thing before and after, redacted. `note` says what was left out."""

    title: str = ""
    before: str = ""
    after: str = ""
    note: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One task that would change something on one host."""

    phase: str
    task: str
    what: str
    certainty: Certainty
    role: str = ""
    diffs: tuple[Diff, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not right and that no task changes, such as a node that is not Ready."""

    subject: str
    problem: str


class HostPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One host: what would change, in the order of the run, and the facts that rests on."""

    items: tuple[Item, ...] = ()
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = {}


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A whole plan."""

    spec_hash: str
    hosts: Mapping[str, HostPlan]

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change and nothing is wrong."""
        return not any(host.items or host.findings for host in self.hosts.values())


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A plan in figures."""

    hosts: int
    changed_hosts: int
    changes: int
    exact: int
    declared: int
    unknown: int
    findings: int


def is_hash(text: str) -> bool:
    """Whether a text can be a plan's hash."""
    return bool(_HASH.fullmatch(text))


def spec_hash(spec: ClusterSpec) -> str:
    """What identifies the spec. Host keys and machine ids are learned, not asked for: they do not count."""
    nodes = tuple(msgspec.structs.replace(node, host_keys=(), machine_id="") for node in spec.nodes)
    return _digest(msgspec.to_builtins(msgspec.structs.replace(spec, nodes=nodes)))


def facts_hash(document: Document) -> str:
    """What identifies the facts about all hosts."""
    return _digest({name: dict(host.facts) for name, host in document.hosts.items()})


def plan_hash(document: Document) -> str:
    """What identifies a plan: spec, facts and items; neither time nor findings."""
    items = {name: msgspec.to_builtins(host.items) for name, host in document.hosts.items()}
    return _digest({"spec": document.spec_hash, "facts": facts_hash(document), "items": items})


def summary(document: Document) -> Summary:
    """The figures of a plan."""
    items = [item for host in document.hosts.values() for item in host.items]
    counted = {certainty: sum(item.certainty is certainty for item in items) for certainty in Certainty}
    return Summary(
        hosts=len(document.hosts),
        changed_hosts=sum(bool(host.items) for host in document.hosts.values()),
        changes=len(items),
        exact=counted[Certainty.EXACT],
        declared=counted[Certainty.DECLARED],
        unknown=counted[Certainty.UNKNOWN],
        findings=sum(len(host.findings) for host in document.hosts.values()),
    )


def differences(planned: Document, now: Document) -> list[str]:
    """In what two plans differ, one line per host and item or fact, for who is told that a plan is stale."""
    lines = [] if planned.spec_hash == now.spec_hash else ["the spec changed"]
    for name in sorted({*planned.hosts, *now.hosts}):
        if name not in planned.hosts or name not in now.hosts:
            lines.append(f"{name}: {'left' if name in planned.hosts else 'joined'} the cluster's nodes")
            continue
        lines += _facts_that_differ(name, planned.hosts[name], now.hosts[name])
        lines += _items_that_differ(name, planned.hosts[name], now.hosts[name])
    return lines


def stale_message(planned: Document, now: Document) -> str:
    """Why a plan is not applied."""
    lines = differences(planned, now)
    more = f" and {len(lines) - _TOLD} more" if len(lines) > _TOLD else ""
    return (
        f"The nodes are not what they were when the plan was made; nothing was changed. "
        f"{'; '.join(lines[:_TOLD])}{more}. Make a new plan, read it and apply that."
    )


def drift_message(document: Document) -> str:
    """What differs from the spec, in one sentence; empty when nothing does."""
    lines = [
        *(f"{name}: {finding.subject} {finding.problem}" for name, finding in _each(document, "findings")),
        *(f"{name}: {item.task}" for name, item in _each(document, "items")),
    ]
    if not lines:
        return ""
    more = f" and {len(lines) - _TOLD} more" if len(lines) > _TOLD else ""
    noun = "difference" if len(lines) == 1 else "differences"
    return f"{len(lines)} {noun} from the spec: {'; '.join(lines[:_TOLD])}{more}."


def only_host(document: Document, name: str) -> Document:
    """The part of a document that is about one host; nothing for a host it does not know."""
    return msgspec.structs.replace(
        document, hosts={name: document.hosts[name]} if name in document.hosts else {}
    )


def _each(document: Document, member: str) -> Iterator[tuple[str, Any]]:
    for name, host in document.hosts.items():
        for thing in getattr(host, member):
            yield name, thing


def _facts_that_differ(name: str, before: HostPlan, now: HostPlan) -> Iterator[str]:
    for fact in sorted({*before.facts, *now.facts}):
        old, new = before.facts.get(fact), now.facts.get(fact)
        if old != new:
            yield f"{name}: {fact} is {_brief(new)}, was {_brief(old)}"


def _items_that_differ(name: str, before: HostPlan, now: HostPlan) -> Iterator[str]:
    planned, found = _by_task(before.items), _by_task(now.items)
    for key in [*planned, *(key for key in found if key not in planned)]:
        task = key[1]
        if key not in found:
            yield f"{name}: {task} is not needed any more"
        elif key not in planned:
            yield f"{name}: {task} is needed now ({found[key][0].what})"
        elif planned[key] != found[key]:
            yield f"{name}: {task} would change something else now ({found[key][0].what})"


def _by_task(items: Sequence[Item]) -> dict[tuple[str, str], list[Item]]:
    grouped: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        grouped.setdefault((item.phase, item.task), []).append(item)
    return grouped


def _brief(value: Any) -> str:
    text = "unknown" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _digest(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
