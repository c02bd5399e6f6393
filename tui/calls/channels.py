"""Notification channels and their deliveries."""

from __future__ import annotations

from typing import Any

from tui import wire
from tui.answers import decode
from tui.calls import PAGE_SIZE
from tui.session import Session


class ChannelCalls(Session):
    """Notification channels and their deliveries."""

    async def channels(self, page: int = 1) -> wire.Page[wire.Channel]:
        """One page of notification channels, by name."""
        return await self._get(
            "/api/v1/notification-channels", wire.Page[wire.Channel], page=page, page_size=PAGE_SIZE
        )

    async def channel(self, channel_id: str) -> wire.Channel:
        """One channel."""
        return await self._get(f"/api/v1/notification-channels/{channel_id}", wire.Channel)

    async def delivery(self, channel_id: str, delivery_id: str) -> wire.Delivery:
        """One notice with all its tries."""
        path = f"/api/v1/notification-channels/{channel_id}/deliveries/{delivery_id}"
        return await self._get(path, wire.Delivery)

    async def deliveries(self, channel_id: str, page: int = 1) -> wire.Page[wire.Delivery]:
        """One page of a channel's notices, latest first."""
        path = f"/api/v1/notification-channels/{channel_id}/deliveries"
        return await self._get(path, wire.Page[wire.Delivery], page=page, page_size=PAGE_SIZE)

    async def save_channel(self, values: dict[str, Any], channel_id: str | None) -> wire.Channel:
        """Makes a channel, whose answer alone has the secret, or replaces the one with this id."""
        method, path = ("POST", "") if channel_id is None else ("PUT", f"/{channel_id}")
        response = await self._call(method, f"/api/v1/notification-channels{path}", json=values)
        return decode(response, wire.Channel)

    async def rotate_secret(self, channel_id: str) -> wire.Channel:
        """Gives a webhook a new secret; this answer alone has it."""
        path = f"/api/v1/notification-channels/{channel_id}/rotate-secret"
        return decode(await self._call("POST", path), wire.Channel)

    async def switch_channel(self, channel_id: str, *, enabled: bool) -> wire.Channel:
        """Turns a channel on or off."""
        path = f"/api/v1/notification-channels/{channel_id}"
        return decode(await self._call("PATCH", path, json={"enabled": enabled}), wire.Channel)

    async def test_channel(self, channel_id: str) -> wire.DeliveryQueued:
        """Queues a notice that says it is a test."""
        path = f"/api/v1/notification-channels/{channel_id}/test"
        return decode(await self._call("POST", path), wire.DeliveryQueued)

    async def redeliver(self, channel_id: str, delivery_id: str) -> wire.DeliveryQueued:
        """Sends a notice once more."""
        path = f"/api/v1/notification-channels/{channel_id}/deliveries/{delivery_id}/redeliver"
        return decode(await self._call("POST", path), wire.DeliveryQueued)

    async def delete_channel(self, channel_id: str) -> None:
        """Deletes a channel and its notices."""
        await self._call("DELETE", f"/api/v1/notification-channels/{channel_id}")
