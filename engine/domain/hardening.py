"""What hardening is asked for, what is known of each benchmark item, and what scanners found about it.

Item ids are `linux-` or `kubernetes-` and the item's number: in the CIS Debian Linux 12 Benchmark 1.1.0
for nodes (the numbers of other systems are in the catalogue), and in the CIS Kubernetes Benchmark 1.12.0
for Kubernetes. What only Lynis tells is `lynis-` and the id of its test.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime

import msgspec

from engine.domain.statuses import OsType


class Benchmark(enum.StrEnum):
    """Which benchmark an item belongs to: also the first part of its id."""

    LINUX = "linux"
    KUBERNETES = "kubernetes"
    LYNIS = "lynis"  # no benchmark: what Lynis asks for beyond CIS; switched by the Linux one


class Disposition(enum.StrEnum):
    """What Keelyard does about an item."""

    APPLIED = "applied"  # as the benchmark has it
    ADAPTED = "adapted"  # with another value, since the benchmark's breaks a Kubernetes node
    REPORTED = "reported"  # cannot be changed on an installed node, or is the site's to decide: scanned only
    OMITTED = "omitted"  # would break a Kubernetes node: not applied


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the catalogue: `roles/*_hardening/catalogue/*.yml` hold them by id.

    `numbers` are those of the other systems' benchmarks by `OsType`; a system that is left out has no
    such item; where the number is empty the benchmark has none, and Keelyard applies it all the same.
    `levels` are those systems' whose benchmark has the item on another level.
    `reason` is written for everything but `applied`; with `only_on` an adapted item is so on these systems
    alone, and as the benchmark has it on the others. `lab` says why a lab node cannot show the item, if
    so. `rules` are SCAP Security Guide rules beyond those that name the item's number themselves.
    """

    title: str
    level: int = 1
    levels: Mapping[OsType, int] = {}
    disposition: Disposition = Disposition.APPLIED
    reason: str = ""
    lab: str = ""
    only_on: tuple[OsType, ...] = ()
    numbers: Mapping[OsType, str] = {}
    rules: tuple[str, ...] = ()


def benchmark_of(item_id: str) -> Benchmark:
    """The benchmark that an item of the catalogue belongs to."""
    return Benchmark(item_id.partition("-")[0])


def number_of(item_id: str) -> str:
    """An item's number in its benchmark: what follows the benchmark's name in its id."""
    return item_id.partition("-")[2]


def exists_on(item_id: str, item: Item, system: OsType) -> bool:
    """Whether the benchmark of this system has the item; Kubernetes and Lynis are the same on all."""
    return system is OsType.DEBIAN12 or system in item.numbers or benchmark_of(item_id) is not Benchmark.LINUX


def level_on(item: Item, system: OsType) -> int:
    """The level of an item in the benchmark of a system."""
    return item.levels.get(system, item.level)


def differs_on(item: Item, system: OsType) -> bool:
    """Whether Keelyard does otherwise than the benchmark says on a system that has the item."""
    return item.disposition is not Disposition.APPLIED and (not item.only_on or system in item.only_on)


class HardeningException(msgspec.Struct, frozen=True, kw_only=True):
    """An item that a cluster's owner has turned off, and why."""

    id: str
    reason: str


class Scanner(enum.StrEnum):
    """Whose word a result is."""

    KUBE_BENCH = "kube-bench"
    OPENSCAP = "openscap"
    LYNIS = "lynis"


class Outcome(enum.StrEnum):
    """What is known of an item on a node, once exceptions are counted."""

    PASS = "pass"  # noqa: S105 - a result, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    EXCEPTED = "excepted"  # the scanner failed it, and there is a written reason
    MANUAL = "manual"  # the scanner leaves it to a person


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a scanner's report, as it said it. `rule` is the scanner's own id; `item` the
    catalogue's, if any.
    """

    rule: str
    outcome: Outcome
    title: str
    item: str = ""
    severity: str = ""
    evidence: str = ""
    remediation: str = ""


class HostScan(msgspec.Struct, frozen=True, kw_only=True):
    """What one scanner found on one host. `unavailable` says why it did not run; then there are no findings.

    `index` is Lynis' own hardening index, 0 to 100.
    """

    host: str
    scanner: Scanner
    version: str = ""
    profile: str = ""
    finished_at: datetime | None = None
    index: int | None = None
    unavailable: str = ""
    findings: tuple[Finding, ...] = ()
