"""What `?` shows: every key that works here and now, with what it does, and every command."""

from __future__ import annotations

from textual.app import App
from textual.binding import ActiveBinding

from tui import bindings
from tui.commands import Grammar
from tui.screens.listing import ListScreen
from tui.screens.resource import ResourceScreen

type Group = tuple[str, list[tuple[str, str]]]

_MOVING = [
    ("enter", "Open what the cursor is on"),
    ("tab", "Next part of the screen"),
    ("↑ ↓ pgup pgdn", "Move, as home and end, the wheel and a click do"),
]


def groups(app: App[None], grammar: Grammar) -> list[Group]:
    """This screen's own keys, those that lists and everything have, moving, and commands."""
    found: dict[str, dict[str, tuple[list[str], str]]] = {"This screen": {}, "Lists": {}, "Everywhere": {}}
    for active in app.screen.active_bindings.values():
        name = active.binding.id
        if name and active.enabled:
            keys, _ = found[_group(active, name)].setdefault(name, ([], _what(active)))
            keys.append(app.get_key_display(active.binding))
    shown: list[Group] = [
        (title, [(" ".join(dict.fromkeys(keys)), what) for keys, what in group.values()])
        for title, group in found.items()
    ]
    commands = [(f":{word}", what) for word, what in grammar.places()]
    return [group for group in [*shown, ("Moving", _MOVING), ("Commands", commands)] if group[1]]


def _group(active: ActiveBinding, name: str) -> str:
    if isinstance(active.node, App) or name in bindings.of(ResourceScreen):
        return "Everywhere"
    return "Lists" if name in bindings.of(ListScreen) else "This screen"


def _what(active: ActiveBinding) -> str:
    return active.tooltip or active.binding.tooltip or active.binding.description
