"""What the server offers for a new cluster, and what holds when nobody says anything."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from api.schemas.catalogue import Catalogue, Choice, ChoiceField
from api.schemas.clusters import NetworkingRequest

type Value = str | bool | int

#: What a request may leave out everywhere; the catalogue adds the server's own.
_ALWAYS: dict[str, Value] = {
    "topology.ha": False,
    "topology.control_plane_count": 1,
    "hardening.level": 2,
    "hardening.default_deny_network_policies": False,
    **{f"networking.{name}": value for name, value in msgspec.structs.asdict(NetworkingRequest()).items()},
}


class Choices:
    """The server's catalogue by the fields of a create request."""

    def __init__(self, fields: Iterable[ChoiceField] = ()) -> None:
        self._fields = {field.field: field for field in fields}

    @classmethod
    def of(cls, catalogue: Catalogue) -> Choices:
        """The choices of a catalogue."""
        return cls(catalogue.fields)

    def default(self, field: str) -> Value:
        """What holds for a field when nobody says it; empty when that is not known."""
        known = self._fields.get(field)
        if known is not None and known.default is not None:
            return known.default
        return _ALWAYS.get(field, "")

    def of_field(self, field: str) -> list[Choice]:
        """Every value of a field, refused ones too."""
        known = self._fields.get(field)
        return known.choices if known is not None else []

    def refusal(self, field: str, value: Value) -> str | None:
        """Why the server would not take this value; None when it would, or when the field is free."""
        known = self._fields.get(field)
        if known is None:
            return None
        for choice in known.choices:
            if choice.value == value:
                return choice.refusal
        offered = ", ".join(str(choice.value) for choice in known.choices if choice.refusal is None)
        return f"{str(value)[:80]!r} is unknown; available: {offered}"
