"""Service tokens."""

from __future__ import annotations

from typing import Any

from tui import wire
from tui.answers import decode
from tui.calls import PAGE_SIZE
from tui.session import Session


class ServiceTokenCalls(Session):
    """Service tokens."""

    async def service_tokens(self, page: int = 1) -> wire.Page[wire.ServiceToken]:
        """One page of tokens, by name, without those that were revoked."""
        return await self._get(
            "/api/v1/service-tokens", wire.Page[wire.ServiceToken], page=page, page_size=PAGE_SIZE
        )

    async def service_token(self, reference: str) -> wire.ServiceToken:
        """One token, by id or name."""
        return await self._get(f"/api/v1/service-tokens/{reference}", wire.ServiceToken)

    async def make_service_token(self, values: dict[str, Any]) -> wire.ServiceTokenMade:
        """Makes a token; this answer alone has it. Raises ApiError."""
        return decode(await self._call("POST", "/api/v1/service-tokens", json=values), wire.ServiceTokenMade)

    async def revoke_service_token(self, token_id: str) -> None:
        """Ends a token. Raises ApiError."""
        await self._call("DELETE", f"/api/v1/service-tokens/{token_id}")
