"""The table in a hardening role's README: every item that is not as the benchmark has it, and why.

As a program it writes the tables anew: `python -m tests.unit.roles.hardening_table`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.unit.roles.loading import ROLES

ROLE = ROLES / "node_hardening"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
MEANING = {"adapted": "adapted", "reported": "only told", "omitted": "left out"}


def catalogue(role: Path = ROLE) -> dict[str, dict[str, Any]]:
    """Every item of a role's catalogue by its id."""
    items: dict[str, dict[str, Any]] = {}
    for path in sorted((role / "catalogue").glob("*.yml")):
        items |= yaml.safe_load(path.read_text())
    return items


def table(role: Path = ROLE) -> str:
    """The table in Markdown."""
    lines = ["| item | | what the benchmark wants | why not so |", "|---|---|---|---|"]
    for name, item in catalogue(role).items():
        disposition = item.get("disposition", "applied")
        if disposition != "applied":
            what = ", ".join([MEANING[disposition], *item.get("only_on", [])])
            lines.append(f"| {name} | {what} | {item['title']} | {item['reason'].strip()} |")
    return "\n".join(lines) + "\n"


def written(role: Path = ROLE) -> str:
    """The table as it is in the README."""
    return (role / "README.md").read_text().partition(BEGIN)[2].partition(END)[0]


def write(role: Path = ROLE) -> None:
    """Writes the README's table anew."""
    readme = role / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    readme.write_text(before + BEGIN + table(role) + END + rest.partition(END)[2])


if __name__ == "__main__":
    write()
