"""The `keelyard` command with the commands that pyproject.toml names, whatever is installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def entry_points() -> dict[str, dict[str, str]]:
    """Of this checkout, by group."""
    found: dict[str, dict[str, str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "entry-points"
    ]
    return found


def write(directory: Path) -> Path:
    """What an installation of this checkout would leave, for a directory that is first on the path."""
    info = directory / "keelyard-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: keelyard\nVersion: 0.1.0\n")
    lines = []
    for group, entries in entry_points().items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return directory
