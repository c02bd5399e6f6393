"""How much is read of a report, and what of its text: reports come from nodes, which are believed no more
than any other input.
"""

from __future__ import annotations

from pathlib import Path

from engine.domain.errors import KeelyardError

MOST_BYTES = 64 << 20
MOST_FINDINGS = 5000
LONGEST_TITLE = 300
LONGEST_TEXT = 2000


class UnreadableReport(KeelyardError):
    """A report is not what its scanner writes."""


def content(path: Path) -> bytes:
    """The bytes of a report.

    Raises:
        UnreadableReport: it is no plain file, or longer than any report.
    """
    if path.is_symlink() or not path.is_file():
        raise UnreadableReport("it is not there")
    with path.open("rb") as stream:
        found = stream.read(MOST_BYTES + 1)
    if len(found) > MOST_BYTES:
        raise UnreadableReport(f"it is longer than {MOST_BYTES >> 20} MiB")
    return found


def line(text: str, longest: int = LONGEST_TITLE) -> str:
    """One line of text without what a terminal would obey, cut where it gets too long."""
    return _cut(" ".join(_plain(text).split()), longest)


def lines(text: str, longest: int = LONGEST_TEXT) -> str:
    """Text with its lines, without what a terminal would obey, cut where it gets too long."""
    kept = (part.rstrip() for part in _plain(text).strip().splitlines())
    return _cut("\n".join(kept), longest)


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
