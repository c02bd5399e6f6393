"""The nouns of the terminal: what can be listed, opened and done, one file in `tui.screens` each.

A module of `tui.screens` joins by defining `NOUN`. Nothing else has to know it: the terminal's modes,
`:` commands, digits, `--open` paths and the list of reachable operations come from here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from textual.screen import Screen

from tui.client import Client

#: Roles from the least to the most powerful.
ROLES = ("viewer", "operator", "admin")


@dataclass(frozen=True, kw_only=True)
class Noun:
    """One noun: how it is called, listed and opened, and which operations of the API its keys carry out."""

    name: str  # plural, as in `:clusters` and in /clusters
    what: str  # a few words for help and completion
    screen: Callable[[Client], Screen[Any]] | None = None  # the list; None for what is only ever opened
    detail: Callable[[Client, str], Screen[Any]] | None = None  # one thing by its id
    create: Callable[[Client], Screen[Any]] | None = None  # what makes a new one: the key `new`
    key: str = ""  # the digit that goes there
    aliases: tuple[str, ...] = ()  # shorter names, as in `:cl`
    of: str = ""  # the noun that one is opened by: `:hardening CLUSTER`
    least: str = "viewer"  # the role from which on it is offered
    order: int = 100  # where it stands among the others
    #: Binding id, or "" for what the screens read by themselves -> operations as in "POST /api/v1/clusters".
    operations: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def singular(self) -> str:
        """One of them, as in `:cluster NAME`; empty when that is the same word."""
        one = self.name.removesuffix("s")
        return one if one != self.name and one in self.aliases else ""

    @property
    def words(self) -> tuple[str, ...]:
        """What its list can be narrowed to, as in `:jobs failed`."""
        return tuple(getattr(self.screen, "STATUSES", ()))

    def offered_to(self, role: str | None) -> bool:
        """Whether somebody of this role is shown the noun."""
        return role in ROLES and ROLES.index(role) >= ROLES.index(self.least)


@cache
def registered() -> tuple[Noun, ...]:
    """Every noun, in the order in which they are shown.

    Raises:
        ValueError: two nouns claim one name, alias or key.
    """
    found = sorted(
        (module.NOUN for module in _modules() if isinstance(getattr(module, "NOUN", None), Noun)),
        key=lambda noun: (noun.order, noun.name),
    )
    claimed: dict[str, str] = {}
    for noun in found:
        for word in filter(None, (noun.name, noun.key, *noun.aliases)):
            if word in claimed:
                raise ValueError(f"{word!r} is claimed by {claimed[word]} and {noun.name}.")
            claimed[word] = noun.name
    return tuple(found)


def opened(path: str) -> tuple[Noun, str] | None:
    """The noun and the id, or "", that a path such as `/clusters`, `jobs/ID` or `clusters/new` names."""
    name, _, key = path.strip("/").partition("/")
    noun = find(name)
    return None if noun is None or "/" in key else (noun, key)


def find(word: str) -> Noun | None:
    """The noun of this name or alias."""
    return next((noun for noun in registered() if word == noun.name or word in noun.aliases), None)


#: Sent as a POST, changes nothing.
_HARMLESS = frozenset({"POST /api/v1/clusters/test-ssh"})


@cache
def changing() -> frozenset[str]:
    """The ids of the bindings that change something on the server."""
    return frozenset(
        binding_id
        for noun in registered()
        for binding_id, operations in noun.operations.items()
        if binding_id and any(not _only_reads(operation) for operation in operations)
    )


def _only_reads(operation: str) -> bool:
    return operation.startswith(("GET ", "HEAD ")) or operation in _HARMLESS


def _modules() -> list[ModuleType]:
    package = importlib.import_module("tui.screens")
    found = pkgutil.iter_modules(package.__path__)
    return [importlib.import_module(f"tui.screens.{module.name}") for module in found]
