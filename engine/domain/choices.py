"""What a create request may say where there is a choice: every value, and why it is refused if it is.

The refusals are those of `spec_rules`, so that a form tells the same as the answer to its request would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from engine.domain import catalogue, hardening_rules, spec_rules
from engine.domain.errors import FieldProblem
from engine.domain.specs import Components, Hardening
from engine.domain.statuses import OsType


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One value; `refusal` says why the server would not take it."""

    value: str | bool | int
    refusal: str | None = None


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One member of a create request by its dotted path; `default` holds when nobody says it."""

    field: str
    choices: list[Choice]
    default: str | bool | int | None = None


_COMPONENTS: dict[str, tuple[str, ...]] = {
    "cni": (*spec_rules.CNIS, *spec_rules.LATER_CNIS),
    "ingress": (*spec_rules.INGRESSES, *spec_rules.LATER_INGRESSES),
    "runtime": spec_rules.RUNTIMES,
}


def fields(defaults: Components) -> list[Field]:
    """Every member of a create request that takes one of a few values."""
    versions = catalogue.supported()
    values: dict[str, Iterable[str]] = {"kubernetes_version": versions, **_COMPONENTS}
    components = [
        Field(
            field=f"components.{name}",
            choices=[_component(name, value, versions) for value in offered],
            default=getattr(defaults, name),
        )
        for name, offered in values.items()
    ]
    ha = [
        Choice(value=wanted, refusal=_refusal(spec_rules.topology_problems(wanted, None, None)))
        for wanted in (False, True)
    ]
    systems = [Choice(value=system.value) for system in OsType]
    return [
        Field(field="topology.ha", choices=ha),
        *components,
        *_hardening(),
        Field(field="nodes.os_type", choices=systems),
    ]


def _component(name: str, value: str, versions: list[str]) -> Choice:
    given = dict.fromkeys(("kubernetes_version", *_COMPONENTS)) | {name: value}
    return Choice(value=value, refusal=_refusal(spec_rules.component_problems(given, versions)))


def _hardening() -> Iterator[Field]:
    """All but the exceptions, which are too many to be offered here: `GET /hardening/items` has them."""
    defaults = msgspec.structs.asdict(Hardening())
    for name, default in defaults.items():
        if name == "exceptions":
            continue
        offered = hardening_rules.LEVELS if name == "level" else (False, True)
        choices = []
        for wanted in offered:
            problems = hardening_rules.problems(dict.fromkeys(defaults) | {name: wanted}, {}, None)
            choices.append(Choice(value=wanted, refusal=_refusal(problems)))
        yield Field(field=f"hardening.{name}", choices=choices, default=default)


def _refusal(problems: Iterable[FieldProblem]) -> str | None:
    return next((problem.message for problem in problems), None)
