"""The keys of screens as data: which there are, by their ids, and which of them a configuration may move."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, Keys
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
_NAMED = frozenset(key.value for key in Keys) | frozenset(KEY_NAME_REPLACEMENTS.values())


def is_typed_into(widget: Widget | None) -> bool:
    """Whether a character is a character there, and no key."""
    return isinstance(widget, Input) or (isinstance(widget, TextArea) and not widget.read_only)


@cache
def of(kind: type[DOMNode]) -> Mapping[str, Binding]:
    """The bindings of a screen or a widget that have ids, those it inherits among them."""
    found: dict[str, Binding] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("tui."):
            bindings = (each for each in base.__dict__.get("BINDINGS", ()) if isinstance(each, Binding))
            found |= {binding.id: binding for binding in bindings if binding.id}
    return found


def shown(screen: Screen[Any], name: str) -> str:
    """The key of a screen's binding as it is shown, wherever the configuration has moved it."""
    binding = of(type(screen))[name]
    keys = screen.app._keymap.get(name, binding.key)  # noqa: SLF001  told nowhere else
    return screen.app.get_key_display(replace(binding, key=keys.partition(",")[0]))


def owners() -> Iterator[type[DOMNode]]:
    """Every part of the terminal that has keys. The modules of the screens have to be loaded."""
    waiting: list[type[DOMNode]] = [DOMNode]
    seen: set[type[DOMNode]] = set()
    while waiting:
        kind = waiting.pop()
        for narrower in kind.__subclasses__():
            if narrower not in seen:
                seen.add(narrower)
                waiting.append(narrower)
                if narrower.__module__.startswith("tui."):
                    yield narrower


def checked(wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The keys that can be moved as wanted, and why the others cannot."""
    every = {kind: dict(of(kind)) for kind in owners()}
    known = {name for bindings in every.values() for name in bindings}
    terminal = {
        name: each for kind, found in every.items() if issubclass(kind, App) for name, each in found.items()
    }
    taken, told = {}, []
    for name, keys in wanted.items():
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            told.append(f"keys: nothing is called {name!r}" + (f"; near: {near[0]}." if near else "."))
        elif bad := [key for key in _split(keys) if not _is_key(key)]:
            told.append(f"keys: {name}: {bad[0]!r} is no key.")
        else:
            taken[name] = keys
    for name in list(taken):
        for bindings in every.values():
            if name in bindings and (other := _clash(name, {**terminal, **bindings}, taken)):
                told.append(f"keys: {name}: {taken[name]!r} is the key of {other} already.")
                del taken[name]
                break
    return taken, told


def _clash(name: str, bindings: Mapping[str, Binding], taken: Mapping[str, str]) -> str:
    """What else would have the key; what has had the same key before is no clash."""
    wanted = set(_split(taken[name]))
    before = set(_split(bindings[name].key))
    for other, binding in bindings.items():
        keys = set(_split(taken.get(other, binding.key)))
        if other != name and wanted & keys and not before & set(_split(binding.key)):
            return other
    return ""


def _split(keys: str) -> list[str]:
    return [_named(key.strip()) for key in keys.split(",")] if keys != "," else ["comma"]


def _named(key: str) -> str:
    """A character by the name that bindings use."""
    if len(key) == 1 and not key.isalnum():
        name = unicodedata.name(key, key).casefold().replace("-", "_").replace(" ", "_")
        return KEY_NAME_REPLACEMENTS.get(name, name)
    return key


def _is_key(key: str) -> bool:
    *modifiers, base = key.split("+")
    if not base or not _MODIFIERS.issuperset(modifiers):
        return False
    return len(base) == 1 or base in _NAMED or _is_character(base)


def _is_character(name: str) -> bool:
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return False
    return True
