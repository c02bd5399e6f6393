"""Templates and their versions."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from tui import wire
from tui.answers import decode
from tui.calls import PAGE_SIZE
from tui.session import Session


class TemplateCalls(Session):
    """Templates and their versions."""

    async def templates(self, page: int = 1) -> wire.Page[wire.Template]:
        """One page of templates, by name."""
        return await self._get("/api/v1/templates", wire.Page[wire.Template], page=page, page_size=PAGE_SIZE)

    async def every_template(self) -> list[wire.Template]:
        """All of them, by name."""
        found, number, pages = list[wire.Template](), 1, 1
        while number <= pages:
            answer = await self.templates(number)
            found += answer.data
            number, pages = number + 1, answer.total_pages
        return found

    async def template_versions(self, template_id: str, page: int = 1) -> wire.Page[wire.Template]:
        """One page of a template's versions, latest first."""
        path = f"/api/v1/templates/{template_id}/versions"
        return await self._get(path, wire.Page[wire.Template], page=page, page_size=PAGE_SIZE)

    async def template(self, reference: str, version: int | None = None) -> wire.Template:
        """A template by id or name, in its latest version or another."""
        query = {} if version is None else {"version": version}
        return await self._get(f"/api/v1/templates/{reference}", wire.Template, **query)

    async def save_template(self, values: dict[str, Any], template_id: str | None) -> wire.Template:
        """Makes a template, or writes a new version of the one with this id. Raises ApiError."""
        if template_id is not None:
            response = await self._call("PUT", f"/api/v1/templates/{template_id}", json=values)
        else:
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            response = await self._call("POST", "/api/v1/templates", headers=headers, json=values)
        return decode(response, wire.Template)

    async def template_from(self, cluster: wire.Cluster, name: str, description: str) -> wire.Template:
        """Makes a template of what a cluster is. Raises ApiError."""
        said = {
            "name": name,
            "description": description,
            "topology": msgspec.to_builtins(cluster.topology),
            "components": msgspec.to_builtins(cluster.components),
        }
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        response = await self._call("POST", "/api/v1/templates", headers=headers, json=said)
        return decode(response, wire.Template)

    async def delete_template(self, template_id: str) -> None:
        """Deletes a template with all its versions. Raises ApiError."""
        await self._call("DELETE", f"/api/v1/templates/{template_id}")
