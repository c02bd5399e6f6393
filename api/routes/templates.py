"""Templates: list, make, look, change by a new version, delete."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from api import guards, replies
from api.decoding import Body
from api.replies import PageNumber, PageSize
from api.schemas import templates as wire
from api.schemas.common import Page
from engine.domain.permissions import Permission
from engine.domain.templates import Layer, PartialComponents, PartialHardening, PartialTopology
from engine.services import templates
from engine.services.templates import TemplateView

_PLACE = "/api/v1/templates"
_READ = [guards.requires(Permission.TEMPLATE_READ), guards.known_query]
_Version = Annotated[
    int | None, QueryParameter(ge=1, le=1_000_000, description="A version; without it the latest")
]


@get("/", summary="List templates", guards=_READ)
async def list_templates(
    request: guards.AnyRequest, page: PageNumber = 1, page_size: PageSize = 20
) -> Response[Page[wire.Template]]:
    """By name, each in its latest version."""
    found, total = await templates.page(guards.principal(request), page=page, page_size=page_size)
    return replies.page([_template(view) for view in found], total, page, page_size)


@post(
    "/",
    status_code=201,
    summary="Create template",
    dto=Body[wire.TemplateRequest],
    guards=[guards.requires(Permission.TEMPLATE_CREATE)],
    opt={"action": Permission.TEMPLATE_CREATE.value},
)
async def create(request: guards.AnyRequest, data: JSONBody[wire.TemplateRequest]) -> Response[wire.Template]:
    """Version 1 of a template."""
    guards.name_target(request, data.name)

    async def work() -> replies.Answer:
        made = await templates.create(_wanted(data), guards.caller(request))
        return replies.Answer(201, _template(made), {"Location": f"{_PLACE}/{made.id}"})

    return await replies.once(request, work)


@get("/{template_id:str}", summary="Get template", guards=_READ)
async def get_template(
    request: guards.AnyRequest, template_id: FromPath[str], version: _Version = None
) -> wire.Template:
    """A template by id or name, in its latest version or another."""
    return _template(await templates.get(guards.principal(request), template_id, version))


@get("/{template_id:str}/versions", summary="Versions of a template", guards=_READ)
async def list_versions(
    request: guards.AnyRequest, template_id: FromPath[str], page: PageNumber = 1, page_size: PageSize = 20
) -> Response[Page[wire.Template]]:
    """Latest first, each as it was written."""
    found, total = await templates.versions(
        guards.principal(request), template_id, page=page, page_size=page_size
    )
    return replies.page([_template(view) for view in found], total, page, page_size)


@put(
    "/{template_id:str}",
    summary="Replace template",
    dto=Body[wire.TemplateRequest],
    guards=[guards.requires(Permission.TEMPLATE_UPDATE)],
    opt={"action": Permission.TEMPLATE_UPDATE.value},
)
async def replace(
    request: guards.AnyRequest, template_id: FromPath[str], data: JSONBody[wire.TemplateRequest]
) -> wire.Template:
    """Writes a new version; the older ones stay readable."""
    return _template(await templates.put(template_id, _wanted(data), guards.caller(request)))


@delete(
    "/{template_id:str}",
    status_code=204,
    summary="Delete template",
    guards=[guards.requires(Permission.TEMPLATE_DELETE), guards.known_query],
    opt={"action": Permission.TEMPLATE_DELETE.value},
)
async def delete_template(request: guards.AnyRequest, template_id: FromPath[str]) -> None:
    """With all its versions, by its creator or an administrator; clusters made from it stay."""
    await templates.delete(template_id, guards.caller(request))


def _wanted(data: wire.TemplateRequest) -> templates.Wanted:
    layer = Layer(
        topology=msgspec.convert(data.topology or {}, PartialTopology, from_attributes=True),
        components=msgspec.convert(data.components or {}, PartialComponents, from_attributes=True),
        hardening=msgspec.convert(data.hardening or {}, PartialHardening, from_attributes=True),
    )
    return templates.Wanted(name=data.name, description=data.description or "", layer=layer)


def _template(view: TemplateView) -> wire.Template:
    return wire.Template(
        id=str(view.id),
        name=view.name,
        description=view.description,
        version=view.version,
        topology=wire.TemplateTopology(**msgspec.structs.asdict(view.topology)),
        components=wire.TemplateComponents(**msgspec.structs.asdict(view.components)),
        hardening=msgspec.convert(view.hardening, wire.TemplateHardening, from_attributes=True),
        created_at=view.created_at,
        updated_at=view.updated_at,
    )


router = Router(
    _PLACE,
    route_handlers=[list_templates, create, get_template, list_versions, replace, delete_template],
    tags=["Templates"],
)
