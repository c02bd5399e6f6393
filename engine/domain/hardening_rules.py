"""What is wrong with the hardening that is asked for. Pure: the catalogue of items is handed in.

An exception of an item that Keelyard only reports or leaves out is taken: it changes nothing on the nodes,
but the owner's own reason then stands in the reports; and a spec stays good when a later version applies the
item, or applies it no more.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.domain.errors import FieldProblem
from engine.domain.hardening import Benchmark, HardeningException, Item, benchmark_of, number_of
from engine.domain.specs import Hardening

LEVELS = (1, 2)
MAXIMUM_EXCEPTIONS = 1000
MAXIMUM_REASON = 500
CNIS_WITHOUT_POLICIES = ("flannel", "bridge")  # they connect pods and keep none apart

_SWITCHES = {
    Benchmark.KUBERNETES: "enable_cis_k8s_benchmark",
    Benchmark.LINUX: "enable_cis_linux_benchmark",
    Benchmark.LYNIS: "enable_cis_linux_benchmark",
}
_MOST_HINTS = 20  # looking for the nearest id is slow, and a longer list of wrong ones is wrong altogether

Problems = Iterator[FieldProblem]


def problems(given: Mapping[str, Any], items: Mapping[str, Item], cni: str | None) -> Problems:
    """Problems of what is asked for, by the names in `specs.Hardening`; None is what is left open.

    `items` are those of the catalogue by id, `cni` is what connects the pods, None where that is left open.
    """
    level = given["level"]
    if level is not None and level not in LEVELS:
        yield FieldProblem("hardening.level", f"must be 1 or 2; it is {level}")
    yield from _exceptions(given, items)
    yield from _default_deny(given, cni)


def switched_on(hardening: Hardening) -> frozenset[Benchmark]:
    """The benchmarks that a cluster's nodes are brought up to."""
    return frozenset(benchmark for benchmark, switch in _SWITCHES.items() if getattr(hardening, switch))


def _exceptions(given: Mapping[str, Any], items: Mapping[str, Item]) -> Problems:
    exceptions: Sequence[HardeningException] = given["exceptions"] or ()
    if len(exceptions) > MAXIMUM_EXCEPTIONS:
        message = f"lists {len(exceptions)} exceptions; at most {MAXIMUM_EXCEPTIONS} are supported"
        yield FieldProblem("hardening.exceptions", message)
        return
    first: dict[str, int] = {}
    hints = _MOST_HINTS
    for index, exception in enumerate(exceptions):
        at = f"hardening.exceptions.{index}"
        earlier = first.setdefault(exception.id, index)
        if earlier != index:
            yield FieldProblem(f"{at}.id", f"{_short(exception.id)} is hardening.exceptions.{earlier} too")
        elif exception.id not in items:
            hint = _hint(exception.id, items) if hints else ""
            hints -= hints > 0
            yield FieldProblem(f"{at}.id", f"{_short(exception.id)} is no item of the benchmarks{hint}")
        elif given[switch := _SWITCHES[benchmark_of(exception.id)]] is False:
            message = f"{exception.id} is applied only with hardening.{switch}, which is off; leave it out"
            yield FieldProblem(f"{at}.id", message)
        yield from _reason(f"{at}.reason", exception.reason)


def _reason(field: str, reason: str) -> Problems:
    if not reason.strip():
        yield FieldProblem(field, "is empty; say why the item is turned off")
    elif len(reason) > MAXIMUM_REASON:
        message = f"has {len(reason)} characters; at most {MAXIMUM_REASON} are kept"
        yield FieldProblem(field, message)
    elif not reason.isprintable():
        yield FieldProblem(field, "holds a line break or another character that is not shown")


def _hint(wrong: str, items: Mapping[str, Item]) -> str:
    if len(wrong) > 60:
        return ""
    near = [known for known in items if number_of(known) == wrong.strip()]
    near = near or difflib.get_close_matches(wrong, items, n=1, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _default_deny(given: Mapping[str, Any], cni: str | None) -> Problems:
    field = "hardening.default_deny_network_policies"
    if not given["default_deny_network_policies"]:
        return
    if cni is None or cni in CNIS_WITHOUT_POLICIES:
        # Every network of this version is one of these: a template that leaves it open is refused too.
        names = " nor ".join(CNIS_WITHOUT_POLICIES)
        message = f"needs a network that enforces NetworkPolicy; neither {names} does: set it to false"
        yield FieldProblem(field, message)
    elif given["enable_cis_k8s_benchmark"] is False:
        yield FieldProblem(field, "needs hardening.enable_cis_k8s_benchmark, which is off")


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
