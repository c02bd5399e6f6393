"""One noun of `keelyard get`: its operations, its columns and what tells that it changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.command_line.table import Column


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One noun. Operations are named as in the OpenAPI document; their parameters are given in its order."""

    name: str  # plural
    singular: str
    what: str
    list: str = ""  # the operation that lists them; empty for what there is one of
    one: str = ""  # the operation that gets one
    parent: str = ""  # the noun that they belong to and that is named first
    columns: Sequence[Column] = ()
    as_text: Callable[[Any], str] | None = None  # instead of a table
    aliases: tuple[str, ...] = ()
    called: str = "name"  # the member that names one
    takes_names: bool = False  # the server finds one by its name, too
    filters: Mapping[str, str] = field(default_factory=dict[str, str])  # short name -> query parameter
    sorts: bool = False  # the server puts them in order, else the command does with what it got
    is_paged: bool = True
    data: str = "data"  # the member of the answer that lists them
    most: int = 100  # the largest page the server gives
    news: frozenset[str] = frozenset()  # what the server's stream has to tell for it to be read again

    @property
    def operations(self) -> tuple[str, ...]:
        """What it is read by."""
        return tuple(filter(None, (self.list, self.one)))
