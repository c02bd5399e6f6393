"""The phases of a playbook, read from the playbook itself: one play is one phase, its one tag is the slug."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from engine.domain.errors import NotFound


class Phase(msgspec.Struct, frozen=True):
    """One play of a playbook: slug (its tag), the name the operator reads, and the host pattern it works
    on. A play that asks a control plane on behalf of other nodes says `keelyard_needs_control_plane: true`.
    """

    slug: str
    name: str
    targets: str
    needs_control_plane: bool = False


class _AnyTagLoader(yaml.SafeLoader):
    """Reads playbooks with !vault, !unsafe and the like; their values do not matter here."""


def _ignore_tag(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_AnyTagLoader.add_multi_constructor("!", _ignore_tag)


def phases(playbook: Path) -> list[Phase]:
    """The phases of a playbook in order. Plays tagged `always` (discovery) or `never` are not phases.

    Raises NotFound when there is no such playbook.
    """
    found: list[Phase] = []
    for play in _plays(playbook):
        tags = _as_list(play.get("tags"))
        if "always" in tags or "never" in tags:
            continue
        targets = ",".join(_as_list(play.get("hosts")))
        name = str(play.get("name") or targets)
        needs = bool((play.get("vars") or {}).get("keelyard_needs_control_plane"))
        found.append(Phase(tags[0] if tags else _slug(name), name, targets, needs_control_plane=needs))
    return found


def remaining(planned: Sequence[Phase], finished: Collection[str]) -> tuple[str, ...]:
    """The tags to run: all phases from the first unfinished one on. Empty when every phase is finished."""
    for index, phase in enumerate(planned):
        if phase.slug not in finished:
            return tuple(later.slug for later in planned[index:])
    return ()


def selected(planned: Sequence[Phase], tags: Collection[str]) -> list[Phase]:
    """The phases that a run with these tags will go through; no tags means all."""
    if not tags or "all" in tags:
        return list(planned)
    return [phase for phase in planned if phase.slug in tags]


def _plays(playbook: Path) -> list[dict[str, Any]]:
    if not playbook.is_file():
        raise NotFound(f"There is no playbook {playbook}.")
    document = yaml.load(playbook.read_text(encoding="utf-8"), Loader=_AnyTagLoader)  # noqa: S506 - a SafeLoader
    plays: list[dict[str, Any]] = []
    for play in document or []:
        imported = play.get("ansible.builtin.import_playbook", play.get("import_playbook"))
        if imported:
            plays.extend(_plays(playbook.parent / imported))
        else:
            plays.append(play)
    return plays


def _as_list(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return [str(part) for part in value]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "phase"
