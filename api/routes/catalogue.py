"""What a new cluster may be made of, for forms that ask for one."""

from __future__ import annotations

from litestar import Router, get

from api import guards, state
from api.schemas import catalogue as wire
from engine.domain.permissions import Permission
from engine.services import templates


@get("/", summary="Get catalogue", guards=[guards.requires(Permission.CLUSTER_READ), guards.known_query])
async def get_catalogue(request: guards.AnyRequest) -> wire.Catalogue:
    """Versions, components and switches that a create request may name, with the reason for those refused."""
    fields = [
        wire.ChoiceField(
            field=field.field,
            default=field.default,
            choices=[wire.Choice(value=choice.value, refusal=choice.refusal) for choice in field.choices],
        )
        for field in templates.choices(state.of(request.app).settings)
    ]
    return wire.Catalogue(fields=fields)


router = Router("/api/v1/catalogue", route_handlers=[get_catalogue], tags=["Clusters"])
