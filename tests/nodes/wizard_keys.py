"""How an operator goes through the wizard: keys, pastes and what has to be seen between them.

Whoever drives a terminal carries the actions out: the tests of the terminal, of tmux and of the browser.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Press:
    """A key by Textual's name for it: "a", "tab", "ctrl+n"."""

    key: str


@dataclass(frozen=True)
class Paste:
    """A text, pasted in one go."""

    text: str


@dataclass(frozen=True)
class Sees:
    """Waits until the words are on the screen."""

    words: str


@dataclass(frozen=True)
class Gone:
    """Waits until the words are on the screen no more."""

    words: str


type Action = Press | Paste | Sees | Gone


def _tab(label: str) -> list[Action]:
    """To the next field, which has this label."""
    return [Press("tab"), Sees(f"▸{label}")]


def through(name: str, nodes: str, count: int, *, key: str, lab: bool = True) -> list[Action]:
    """From the list of clusters to the job that sets up a new one.

    `nodes` is what is pasted, and names `count` nodes; `key` is the private key's path, or the key itself.
    """
    # A key that moves the cursor is waited for: what follows at once would go to the field before.
    ticked: list[Action] = [
        *_tab("Workers"),
        *_tab("Availability"),
        *_tab("Lab"),
        Press("space"),
    ]
    return [
        Press("n"),
        Sees("everything is said by hand"),
        Sees("▸Name"),
        Paste(name),
        Sees(f"‹ clusters ‹ {name}"),
        Press("ctrl+n"),
        Sees("▸Control planes"),
        *([*ticked, Sees("▐x▌ nodes of keelyard lab")] if lab else []),
        Press("ctrl+n"),
        Sees("paste a list"),
        Paste(nodes),
        Sees(f"{count} node{'' if count == 1 else 's'} can be read"),
        Press("ctrl+l"),
        Sees("as the topology asks"),
        Press("ctrl+n"),
        Sees("▸User"),
        *_tab("Log in with"),
        *_tab("Private key"),
        Paste(key),
        Sees("in memory only"),
        Press("ctrl+t"),
        Sees("key seen first time"),
        Gone("◐ testing"),
        *_tab("Passphrase"),
        *_tab("Password for sudo"),
        Press("tab"),
        Gone("▸"),
        Press("C"),
        Sees(f"host keys of {count} node"),
        Press("y"),
        Sees("● key confirmed"),
        Gone("▲ key seen first time"),
        Press("ctrl+s"),
        Sees("as YAML"),
        Press("ctrl+s"),
        Sees(f"provision {name}"),
    ]
