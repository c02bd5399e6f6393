"""Drafts that outlive the terminal: one file per server and user, for its owner alone, without any secret."""

from __future__ import annotations

import hashlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tui.wizard.draft import Draft


class Kept(msgspec.Struct, kw_only=True):
    """A draft as it lies in its file."""

    draft: Draft
    saved_at: datetime


class Drafts:
    """The draft of one user on one server."""

    def __init__(self, url: str, user_id: str, directory: Path | None = None) -> None:
        place = re.sub(r"[^a-z0-9]+", "-", url.partition("://")[2].lower()).strip("-")[:40]
        mark = hashlib.sha256(f"{url}\0{user_id}".encode()).hexdigest()[:12]
        self.path = (directory or default_directory()) / f"{place}-{mark}.json"

    def load(self) -> Kept | None:
        """The draft that was left; None when there is none that can be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError):
            return None

    def save(self, draft: Draft) -> None:
        """Keeps a draft in place of the one before; readers see the old one or the new one.

        Raises:
            OSError: the file cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self.path.with_suffix(f".{os.getpid()}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(Kept(draft=draft, saved_at=datetime.now(UTC))))
        new.replace(self.path)

    def forget(self) -> None:
        """Removes the draft, if there is one."""
        self.path.unlink(missing_ok=True)


def default_directory() -> Path:
    """`$XDG_STATE_HOME/keelyard/drafts`."""
    state = os.environ.get("XDG_STATE_HOME", "")
    home = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return home / "keelyard" / "drafts"
