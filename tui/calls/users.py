"""Users."""

from __future__ import annotations

import uuid
from typing import Any

from tui import wire
from tui.answers import decode
from tui.calls import PAGE_SIZE
from tui.session import Session


class UserCalls(Session):
    """Users."""

    async def users(self, page: int = 1, **where: str) -> wire.Page[wire.Account]:
        """One page of users, by e-mail address; narrowed by `search`, `role`, `enabled`."""
        return await self._get(
            "/api/v1/users", wire.Page[wire.Account], page=page, page_size=PAGE_SIZE, **where
        )

    async def user_of(self, user_id: str) -> wire.Account:
        """One user."""
        return await self._get(f"/api/v1/users/{user_id}", wire.Account)

    async def save_user(self, values: dict[str, Any], user_id: str | None = None) -> wire.Account:
        """Makes a user, or changes members of one. Raises ApiError."""
        if user_id is not None:
            response = await self._call("PUT", f"/api/v1/users/{user_id}", json=values)
        else:
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            response = await self._call("POST", "/api/v1/users", headers=headers, json=values)
        return decode(response, wire.Account)

    async def delete_user(self, user_id: str) -> None:
        """Deletes a user. Raises ApiError."""
        await self._call("DELETE", f"/api/v1/users/{user_id}")
