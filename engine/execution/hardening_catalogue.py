"""The catalogue of benchmark items, read from beside the roles that apply them: `roles/*/catalogue/*.yml`.

Strict, so that a slip in a file is found by a test and not by an operator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast, override

import msgspec
import yaml

from engine import content
from engine.domain.errors import MisconfiguredServer
from engine.domain.hardening import Benchmark, Disposition, Item, benchmark_of
from engine.domain.hardening_rules import LEVELS
from engine.domain.statuses import OsType

_ID = re.compile(r"(linux|kubernetes)-[1-9]\d?(\.[1-9]\d?){1,4}|lynis-[A-Z]{2,5}-\d{4}")
# Empty: not in that benchmark, and applied all the same. What only Lynis tells has the id of its test.
_NUMBER = re.compile(r"([1-9]\d?(\.[1-9]\d?){1,4})?|[A-Z]{2,5}-\d{4}")
_RULE = re.compile(r"[a-z][a-z0-9_]+")
_NUMBERED = frozenset(OsType) - {OsType.DEBIAN12}  # its number is the id


class _Entry(Item, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item as a file has it."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Refuses the same key twice, which YAML readers otherwise take for the last of them."""

    @override
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} comes twice", node.start_mark)
        return cast("dict[Any, Any]", super().construct_mapping(node, deep))


def items() -> Mapping[str, Item]:
    """Every item by id, in the order of the numbers. Read once for a place of roles.

    Raises MisconfiguredServer naming the file and the item that does not fit.
    """
    return _read(content.roles())


@lru_cache(maxsize=4)
def _read(roles: Path) -> Mapping[str, Item]:
    found: dict[str, Item] = {}
    for file in sorted(roles.glob("*/catalogue/*.yml")):
        for item_id, item in read(file).items():
            if item_id in found:
                raise MisconfiguredServer(f"{file}: {item_id} is in another file of the catalogue too.")
            found[item_id] = item
    return MappingProxyType({item_id: found[item_id] for item_id in sorted(found, key=_order)})


def read(file: Path) -> dict[str, Item]:
    """The items of one file. Raises MisconfiguredServer naming the item that does not fit, and why."""
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
        entries = msgspec.convert(document or {}, dict[str, _Entry])
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise MisconfiguredServer(f"{file}: {error}") from error
    for item_id, entry in entries.items():
        if wrong := _problem(item_id, entry):
            raise MisconfiguredServer(f"{file}: {item_id}: {wrong}.")
    return dict(entries)


def _problem(item_id: str, item: Item) -> str:
    if not _ID.fullmatch(item_id):
        return "is no id: linux-NUMBER, kubernetes-NUMBER or lynis-TEST"
    if not item.title.strip() or len(item.title) > 200:
        return "needs a title of at most 200 characters"
    if item.disposition is not Disposition.APPLIED and not item.reason.strip():
        return "needs a reason, since it is not applied as it is"
    if item.only_on and item.disposition is not Disposition.ADAPTED:
        return "is only_on some systems, which is for adapted items"
    if wrong := _problem_with_systems(item_id, item):
        return wrong
    if not all(_RULE.fullmatch(rule) for rule in item.rules):
        return "has a rule that is no short id of the SCAP Security Guide"
    return ""


def _problem_with_systems(item_id: str, item: Item) -> str:
    for level in (item.level, *item.levels.values()):
        if level not in LEVELS:
            return f"is of level {level}; there are 1 and 2"
    if not item.levels.keys() <= item.numbers.keys():
        return "has a level on a system whose benchmark does not have it"
    if any(
        system not in _NUMBERED or not _NUMBER.fullmatch(number) for system, number in item.numbers.items()
    ):
        return "has a number that is none, or one for debian12, whose number is the id"
    if item.numbers and benchmark_of(item_id) is Benchmark.KUBERNETES:
        return "has the numbers of operating systems, which no item of the Kubernetes benchmark has"
    return ""


def _order(item_id: str) -> tuple[str, list[tuple[int, str]]]:
    benchmark, _, number = item_id.partition("-")
    parts = re.split(r"[.-]", number)
    return benchmark, [(int(part), "") if part.isdigit() else (0, part) for part in parts]
