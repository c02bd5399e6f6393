"""What Keelyard does about each item of the benchmarks: listed, and as far as it concerns one cluster."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from engine.domain import permissions
from engine.domain.hardening import (
    Benchmark,
    Disposition,
    HardeningException,
    Item,
    benchmark_of,
    differs_on,
    exists_on,
    number_of,
)
from engine.domain.permissions import Permission, Principal
from engine.domain.statuses import OsType
from engine.execution import hardening_catalogue


class Known(msgspec.Struct, frozen=True):
    """An item with its id."""

    id: str
    item: Item

    @property
    def numbers(self) -> dict[OsType, str]:
        """Its number on each system whose benchmark has it; nothing for what is the same on all."""
        if benchmark_of(self.id) is not Benchmark.LINUX:
            return {}
        return {OsType.DEBIAN12: number_of(self.id), **self.item.numbers}


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which items to list; None means any. `search` looks into id, numbers, title and reason."""

    benchmark: Benchmark | None = None
    system: OsType | None = None
    disposition: Disposition | None = None
    search: str | None = None


class Whose(enum.StrEnum):
    """Who says that an item is not as its benchmark has it."""

    PRODUCT = "product"
    LAB = "lab"
    CLUSTER = "cluster"


class Adapted(msgspec.Struct, frozen=True, kw_only=True):
    """An item that is not as its benchmark has it, and why."""

    id: str
    item: Item
    by: Whose
    reason: str


def items() -> Mapping[str, Item]:
    """The whole catalogue by id."""
    return hardening_catalogue.items()


def page(principal: Principal, filters: Filters, *, page: int, page_size: int) -> tuple[list[Known], int]:
    """Items in the order of their numbers, and how many there are."""
    permissions.require(principal, Permission.CLUSTER_READ)
    found = [known for known in _all() if _fits(known, filters)]
    return found[(page - 1) * page_size : page * page_size], len(found)


def adapted(
    systems: Collection[OsType], exceptions: Sequence[HardeningException], *, lab: bool
) -> list[Adapted]:
    """What is not as the benchmarks have it on a cluster of these systems, whatever is switched on: scans are
    read by it too.
    """
    excepted = {exception.id: exception.reason for exception in exceptions}
    found = []
    for known in _all():
        having = [system for system in systems if exists_on(known.id, known.item, system)]
        if having:
            differs = any(differs_on(known.item, system) for system in having)
            reasons = {
                Whose.PRODUCT: known.item.reason if differs else "",
                Whose.LAB: known.item.lab if lab else "",
                Whose.CLUSTER: excepted.get(known.id, ""),
            }
            found += [
                Adapted(id=known.id, item=known.item, by=by, reason=reason)
                for by, reason in reasons.items()
                if reason
            ]
    return found


def _all() -> Iterator[Known]:
    return (Known(item_id, item) for item_id, item in hardening_catalogue.items().items())


def _disposition(item: Item, system: OsType | None) -> Disposition:
    """What Keelyard does about an item on a system; on any system where it is None."""
    return item.disposition if system is None or differs_on(item, system) else Disposition.APPLIED


def _fits(known: Known, filters: Filters) -> bool:
    item = known.item
    if filters.benchmark is not None and benchmark_of(known.id) is not filters.benchmark:
        return False
    if filters.system is not None and not exists_on(known.id, item, filters.system):
        return False
    if filters.disposition is not None and _disposition(item, filters.system) is not filters.disposition:
        return False
    if filters.search is None:
        return True
    wanted = filters.search.casefold()
    return any(
        wanted in text.casefold() for text in (known.id, item.title, item.reason, *item.numbers.values())
    )
