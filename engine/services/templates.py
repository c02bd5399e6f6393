"""Templates: what new clusters begin with. Every change is a new version; the older ones can be read."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import msgspec

from engine.domain import catalogue, permissions, spec_rules
from engine.domain import choices as offered
from engine.domain import templates as rules
from engine.domain.errors import Conflict, FieldProblem, Forbidden, InvalidSpec, NameTaken, NotFound
from engine.domain.permissions import Permission, Principal
from engine.domain.specs import Components
from engine.domain.statuses import Role
from engine.domain.templates import Filled, Layer, PartialComponents
from engine.execution import hardening_catalogue
from engine.services import audit_log
from engine.services.identity import Caller
from engine.services.settings import Settings
from engine.store import database, scope, templates
from engine.store.template_records import Template
from engine.store.templates import TemplateView

__all__ = ["TemplateView"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A template as asked for."""

    name: str
    description: str = ""
    layer: Layer = Layer()


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Which template fills a new cluster's request; without a version, the present one."""

    template_id: uuid.UUID
    version: int | None = None


async def page(principal: Principal, *, page: int, page_size: int) -> tuple[list[TemplateView], int]:
    """Templates by name, and how many in all."""
    permissions.require(principal, Permission.TEMPLATE_READ)
    return await templates.page(offset=(page - 1) * page_size, limit=page_size)


async def get(principal: Principal, reference: str, version: int | None = None) -> TemplateView:
    """The template of this id or name, in its present version or another; raises NotFound."""
    permissions.require(principal, Permission.TEMPLATE_READ)
    found = await _find(reference)
    if version is None or version == found.version:
        return found
    older = await templates.get(found.id, version)
    if older is None:
        raise NotFound(f"Template {found.name!r} has no version {version}; its latest is {found.version}.")
    return older


async def versions(
    principal: Principal, reference: str, *, page: int, page_size: int
) -> tuple[list[TemplateView], int]:
    """The versions of a template, latest first, and how many; raises NotFound."""
    permissions.require(principal, Permission.TEMPLATE_READ)
    found = await _find(reference)
    return await templates.versions(found.id, offset=(page - 1) * page_size, limit=page_size)


async def create(wanted: Wanted, caller: Caller) -> TemplateView:
    """A new template; raises InvalidSpec with every problem, NameTaken, Forbidden."""
    principal = _allowed(caller, Permission.TEMPLATE_CREATE)
    _check(wanted)
    template = Template(
        name=wanted.name, created_by=uuid.UUID(principal.account_id), created_by_email=principal.email
    )
    try:
        async with database.transaction():
            await templates.add(template, templates.new_version(template.id, 1, **_said(wanted, principal)))
            made = await _existing(template.id)
            await _record(caller, Permission.TEMPLATE_CREATE, made, {"version": 1})
    except asyncpg.UniqueViolationError as error:
        raise _name_taken(wanted.name) from error
    return made


async def put(reference: str, wanted: Wanted, caller: Caller) -> TemplateView:
    """A new version of a template. Raises like `create`, and NotFound."""
    principal = _allowed(caller, Permission.TEMPLATE_UPDATE)
    found = await _find(reference)
    _check(wanted)
    try:
        async with database.transaction():
            latest = await templates.lock(found.id)
            if latest is None:
                raise _unknown(reference)
            said = _said(wanted, principal)
            await templates.add_version(templates.new_version(found.id, latest + 1, **said))
            changed = await _existing(found.id)
            await _record(caller, Permission.TEMPLATE_UPDATE, changed, {"version": changed.version})
    except asyncpg.UniqueViolationError as error:
        raise _name_taken(wanted.name) from error
    return changed


async def delete(reference: str, caller: Caller) -> None:
    """Delete a template with all its versions; clusters made from it stay as they are.

    Raises NotFound, and Forbidden for who is neither its creator nor an administrator.
    """
    principal = _allowed(caller, Permission.TEMPLATE_DELETE)
    async with database.transaction():
        found = await _find(reference)
        if Role.ADMIN not in principal.roles and str(found.created_by) != principal.account_id:
            raise Forbidden(
                "Not enough permissions: only its creator or an administrator deletes a template."
            )
        await templates.remove(found.id)
        await _record(caller, Permission.TEMPLATE_DELETE, found, {"version": found.version})


async def fill(request: Layer, source: Source | None, settings: Settings) -> tuple[Filled, dict[str, Any]]:
    """What a new cluster is made from, and what the audit log tells of its template.

    The request wins, then its template, then the settings. Raises InvalidSpec for a template that is not
    there and for what nobody says.
    """
    layers, told = [request], {}
    if source is not None:
        template = await _source(source)
        layers.append(_layer(template))
        told = {"template": template.name, "template_version": template.version}
    filled, problems = rules.fill([*layers, _defaults(settings)])
    if filled is None:
        raise InvalidSpec(problems)
    return filled, told


def choices(settings: Settings) -> list[offered.Field]:
    """Every member of a create request that takes one of a few values, with this server's defaults."""
    return offered.fields(_default_components(settings))


def _defaults(settings: Settings) -> Layer:
    """What holds when neither request nor template says it."""
    said = msgspec.structs.asdict(_default_components(settings))
    return Layer(components=PartialComponents(**said))


def _default_components(settings: Settings) -> Components:
    return Components(
        kubernetes_version=settings.default_k8s_version or catalogue.DEFAULT.kubernetes,
        cni=settings.default_cni or spec_rules.CNIS[0],
        ingress=settings.default_ingress or spec_rules.INGRESSES[0],
        runtime=settings.default_container_runtime or spec_rules.RUNTIMES[0],
    )


async def _source(source: Source) -> TemplateView:
    found = await templates.get(source.template_id)
    if found is None or found.tenant_id != scope.for_new():
        raise InvalidSpec([FieldProblem("template_id", f"there is no template {source.template_id}")])
    if source.version is None or source.version == found.version:
        return found
    older = await templates.get(source.template_id, source.version)
    if older is None:
        raise InvalidSpec([FieldProblem("template_version", f"{found.name} has no version {source.version}")])
    return older


async def _find(reference: str) -> TemplateView:
    if spec_rules.is_uuid(reference):
        return await _existing(uuid.UUID(reference))
    found = await templates.named(reference) if spec_rules.is_label(reference) else []
    home = scope.current().home
    own = [template for template in found if template.tenant_id == home]
    if len(own or found) > 1:
        raise Conflict(
            f"Several of your tenants have a template {reference!r}.",
            remedy="Name it by its id, or the tenant by X-Tenant-ID.",
        )
    if not found:
        raise _unknown(reference)
    return (own or found)[0]


async def _existing(template_id: uuid.UUID) -> TemplateView:
    found = await templates.get(template_id)
    if found is None:
        raise _unknown(str(template_id))
    return found


def _layer(template: TemplateView) -> Layer:
    return Layer(topology=template.topology, components=template.components, hardening=template.hardening)


def _said(wanted: Wanted, principal: Principal) -> dict[str, Any]:
    layer = wanted.layer
    return {
        "name": wanted.name,
        "description": wanted.description,
        "topology": layer.topology,
        "components": layer.components,
        "hardening": layer.hardening,
        "created_by_email": principal.email,
    }


def _check(wanted: Wanted) -> None:
    surroundings = spec_rules.Surroundings(
        kubernetes_versions=catalogue.supported(), hardening_items=hardening_catalogue.items()
    )
    found = list(rules.problems(wanted.name, wanted.description, wanted.layer, surroundings))
    if found:
        raise InvalidSpec(found)


def _name_taken(name: str) -> NameTaken:
    return NameTaken(f"There is a template {name!r} already.", remedy="Choose another name.")


def _unknown(reference: str) -> NotFound:
    return NotFound(f"There is no template {reference[:100]!r}.")


def _allowed(caller: Caller, permission: Permission) -> Principal:
    assert caller.principal is not None
    permissions.require(caller.principal, permission)
    return caller.principal


async def _record(
    caller: Caller, permission: Permission, template: TemplateView, details: dict[str, Any]
) -> None:
    resource = audit_log.Resource("template", str(template.id), template.name, template.tenant_id)
    await audit_log.record(caller, permission.value, resource, details=details)
