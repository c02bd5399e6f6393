"""Prints the part of requirements.lock that some packages need, hashes and all.

    python3 deploy/container/runtime_requirements.py            what Keelyard needs at run time
    python3 deploy/container/runtime_requirements.py hatchling  what that package needs

The lock holds the tools of development too, which have no business in an image. Each entry of the lock names
the packages that ask for it ("via"), so that the rest follows without asking any registry. Standard library
only: it runs before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_VIA = re.compile(r"^    #(?: via)?\s+([A-Za-z0-9][A-Za-z0-9._-]*)")


def canonical(name: str) -> str:
    """A package's name as the lock writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> dict[str, str]:
    """The text of each package's entry, by name."""
    starts = [match.start() for match in re.finditer(r"^[a-z0-9]", lock, flags=re.MULTILINE)]
    texts = [lock[start:end] for start, end in zip(starts, [*starts[1:], len(lock)], strict=True)]
    return {canonical(text.partition("==")[0]): text for text in texts}


def asked_by(entry: str) -> set[str]:
    """The packages that an entry says it is there for."""
    return {canonical(found[1]) for line in entry.splitlines() if (found := _VIA.match(line))}


def needed(locked: Mapping[str, str], roots: Iterable[str]) -> list[str]:
    """Names of what these packages need, and of themselves, in order; raises KeyError for one not locked."""
    todo = {canonical(root) for root in roots}
    if missing := todo - locked.keys():
        raise KeyError(f"not in the lock: {', '.join(sorted(missing))}")
    found: set[str] = set()
    while todo:
        found |= todo
        todo = {name for name, entry in locked.items() if asked_by(entry) & todo} - found
    return sorted(found)


def of_the_project(text: str) -> list[str]:
    """Names of the packages that pyproject.toml asks for at run time."""
    wanted = tomllib.loads(text)["project"]["dependencies"]
    return [match[0] for requirement in wanted if (match := _NAME.match(requirement))]


def main() -> None:
    """Print the entries."""
    locked = entries((ROOT / "requirements.lock").read_text())
    roots = sys.argv[1:] or of_the_project((ROOT / "pyproject.toml").read_text())
    sys.stdout.write("".join(locked[name] for name in needed(locked, roots)))


if __name__ == "__main__":
    main()
