"""Tenants and their members."""

from __future__ import annotations

import uuid
from typing import Any

from tui import wire
from tui.answers import decode
from tui.calls import PAGE_SIZE
from tui.session import Session


class TenantCalls(Session):
    """Tenants and their members."""

    async def tenants(self, page: int = 1, **where: str) -> wire.Page[wire.Tenant]:
        """One page of tenants, by slug; of one `status`."""
        return await self._get(
            "/api/v1/tenants", wire.Page[wire.Tenant], page=page, page_size=PAGE_SIZE, **where
        )

    async def tenant(self, reference: str) -> wire.Tenant:
        """One tenant, by id or slug."""
        return await self._get(f"/api/v1/tenants/{reference}", wire.Tenant)

    async def save_tenant(self, values: dict[str, Any], tenant_id: str | None) -> wire.Tenant:
        """Makes a tenant, or changes what is given of the one with this id. Raises ApiError."""
        if tenant_id is not None:
            response = await self._call("PUT", f"/api/v1/tenants/{tenant_id}", json=values)
        else:
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            response = await self._call("POST", "/api/v1/tenants", headers=headers, json=values)
        return decode(response, wire.Tenant)

    async def delete_tenant(self, tenant_id: str) -> None:
        """Deletes a tenant in which nothing and nobody is left. Raises ApiError."""
        await self._call("DELETE", f"/api/v1/tenants/{tenant_id}")

    async def members(self, tenant_id: str, page: int = 1) -> wire.Page[wire.Member]:
        """One page of a tenant's members, by e-mail address."""
        path = f"/api/v1/tenants/{tenant_id}/members"
        return await self._get(path, wire.Page[wire.Member], page=page, page_size=PAGE_SIZE)

    async def add_member(self, tenant_id: str, email: str) -> wire.Member:
        """Makes a user a member, by e-mail address. Raises ApiError."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        path = f"/api/v1/tenants/{tenant_id}/members"
        return decode(await self._call("POST", path, headers=headers, json={"email": email}), wire.Member)

    async def put_member(self, tenant_id: str, user_id: str) -> wire.Member:
        """Makes sure that a user is a member, by id. Raises ApiError."""
        return decode(await self._call("PUT", f"/api/v1/tenants/{tenant_id}/members/{user_id}"), wire.Member)

    async def remove_member(self, tenant_id: str, user_id: str) -> None:
        """Ends a membership. Raises ApiError."""
        await self._call("DELETE", f"/api/v1/tenants/{tenant_id}/members/{user_id}")
