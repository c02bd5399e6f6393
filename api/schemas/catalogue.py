"""Bodies of the catalogue route."""

from __future__ import annotations

from api.schemas.common import Reply


class Choice(Reply):
    """One value of a member; `refusal` says why this server would not take it, null when it would."""

    value: str | bool | int
    refusal: str | None


class ChoiceField(Reply):
    """A member of `POST /api/v1/clusters` that takes one of these values."""

    field: str
    default: str | bool | int | None
    choices: list[Choice]


class Catalogue(Reply):
    """What a new cluster may be made of."""

    fields: list[ChoiceField]
