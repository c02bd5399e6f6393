"""Rows of templates and of their versions."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import msgspec

from engine.domain.templates import PartialComponents, PartialHardening, PartialTopology
from engine.store import database, records, rows
from engine.store.template_records import Template, TemplateVersion


class TemplateView(msgspec.Struct, frozen=True, kw_only=True):
    """A template as one of its versions has it."""

    id: uuid.UUID
    tenant_id: uuid.UUID
    name: str
    description: str
    version: int
    topology: PartialTopology
    components: PartialComponents
    hardening: PartialHardening
    created_by: uuid.UUID | None
    created_by_email: str  # who wrote this version
    created_at: datetime  # of the template
    updated_at: datetime  # of this version


_SELECT = """
    SELECT template.id, template.tenant_id, said.name, said.description, said.version, said.topology,
        said.components, said.hardening, template.created_by, said.created_by_email, template.created_at,
        said.created_at AS updated_at
    FROM template JOIN template_version said ON said.template_id = template.id"""


async def add(template: Template, version: TemplateVersion) -> None:
    """Write a template; asyncpg.UniqueViolationError (`template_name_unique`) when the name is taken."""
    await rows.insert("template", template)
    await rows.insert("template_version", version)


async def add_version(version: TemplateVersion) -> None:
    """Make a version the present one; raises like `add`."""
    await rows.insert("template_version", version)
    await rows.update(
        "template",
        version.template_id,
        name=version.name,
        version=version.version,
        updated_at=version.created_at,
    )


async def get(template_id: uuid.UUID, version: int | None = None) -> TemplateView | None:
    """A template in its present version, or in another."""
    sql = f"{_SELECT} WHERE template.id = $1 AND said.version = coalesce($2::integer, template.version)"
    return await rows.one(TemplateView, sql, template_id, version)


async def named(name: str) -> list[TemplateView]:
    """The templates of this name in their present versions: one in each tenant at most."""
    sql = f"{_SELECT} WHERE template.name = $1 AND said.version = template.version ORDER BY template.id"
    return await rows.many(TemplateView, sql, name)


async def lock(template_id: uuid.UUID) -> int | None:
    """The latest version of a template, which stays so until the transaction ends; None without it."""
    row = await database.fetch_one("SELECT version FROM template WHERE id = $1 FOR UPDATE", template_id)
    return None if row is None else int(row["version"])


async def remove(template_id: uuid.UUID) -> None:
    """Delete a template with all its versions; clusters made from it stay."""
    await database.fetch("DELETE FROM template WHERE id = $1", template_id)


async def page(*, offset: int, limit: int) -> tuple[list[TemplateView], int]:
    """Templates by name in their present versions, and how many in all."""
    order = "ORDER BY template.name, template.id OFFSET $1 LIMIT $2"
    sql = f"{_SELECT} WHERE said.version = template.version {order}"
    return await rows.many(TemplateView, sql, offset, limit), await _count("template")


async def versions(template_id: uuid.UUID, *, offset: int, limit: int) -> tuple[list[TemplateView], int]:
    """The versions of a template, latest first, and how many in all."""
    sql = f"{_SELECT} WHERE template.id = $1 ORDER BY said.version DESC OFFSET $2 LIMIT $3"
    found = await rows.many(TemplateView, sql, template_id, offset, limit)
    return found, await _count("template_version WHERE template_id = $1", template_id)


async def _count(of: str, *arguments: Any) -> int:
    row = await database.fetch_one(f"SELECT count(*) AS n FROM {of}", *arguments)
    return int(row["n"]) if row else 0


def new_version(template_id: uuid.UUID, number: int, **said: Any) -> TemplateVersion:
    """A version written now."""
    return TemplateVersion(template_id=template_id, version=number, created_at=records.now(), **said)
