"""Where the product's own files and its state live: the only module that knows both homes of playbooks."""

from __future__ import annotations

import os
from pathlib import Path


def _root() -> Path:
    """`KEELYARD_CONTENT` names another root with playbooks and roles, for tests and for own content."""
    if configured := os.environ.get("KEELYARD_CONTENT"):
        return Path(configured).absolute()
    packaged = Path(__file__).parent / "_content"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent


def playbooks() -> Path:
    """Directory of the playbooks, in the installed wheel or in the checkout."""
    return _root() / "playbooks"


def roles() -> Path:
    """Directory of the roles, in the installed wheel or in the checkout."""
    return _root() / "roles"


def home() -> Path:
    """Directory of all state (`KEELYARD_HOME`); not created here."""
    if configured := os.environ.get("KEELYARD_HOME"):
        return Path(configured).absolute()
    return Path("/var/lib/keelyard") if os.geteuid() == 0 else Path.home() / ".local/share/keelyard"


def cache() -> Path:
    """Directory of what can be made again (`KEELYARD_CACHE`); not created here."""
    if configured := os.environ.get("KEELYARD_CACHE"):
        return Path(configured).absolute()
    return Path("/var/cache/keelyard") if os.geteuid() == 0 else Path.home() / ".cache/keelyard"
