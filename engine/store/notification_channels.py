"""Rows of notification channels."""

from __future__ import annotations

import uuid
from typing import Any

from engine.store import database, records, rows


async def add(channel: records.NotificationChannel) -> None:
    """Write a channel; asyncpg.UniqueViolationError (`notification_channel_name_unique`) for a taken name."""
    await rows.insert("notification_channel", channel)


async def get(channel_id: uuid.UUID, *, lock: bool = False) -> records.NotificationChannel | None:
    """The channel with this id; locked until the transaction ends if asked."""
    sql = "SELECT * FROM notification_channel WHERE id = $1" + (" FOR UPDATE" if lock else "")
    return await rows.one(records.NotificationChannel, sql, channel_id)


async def update(channel_id: uuid.UUID, **values: Any) -> None:
    """Set columns; `updated_at` follows."""
    await rows.update("notification_channel", channel_id, **values, updated_at=records.now())


async def remove(channel_id: uuid.UUID) -> None:
    """Delete a channel and its deliveries, sent or not."""
    await database.fetch("DELETE FROM notification_channel WHERE id = $1", channel_id)


async def page(*, offset: int, limit: int) -> tuple[list[records.NotificationChannel], int]:
    """Channels by name, and how many in all."""
    return await rows.page(
        records.NotificationChannel,
        "notification_channel",
        rows.Filter(),
        order="name, id",
        offset=offset,
        limit=limit,
    )


async def enabled(tenant_id: uuid.UUID) -> list[records.NotificationChannel]:
    """The channels that get notices."""
    sql = "SELECT * FROM notification_channel WHERE tenant_id = $1 AND enabled ORDER BY name, id"
    return await rows.many(records.NotificationChannel, sql, tenant_id)


async def counts(channel_ids: list[uuid.UUID]) -> dict[uuid.UUID, dict[str, int]]:
    """How many deliveries of each status the channels have."""
    sql = """
        SELECT channel_id, status, count(*) AS n FROM notification_delivery
        WHERE channel_id = ANY($1) GROUP BY channel_id, status"""
    found: dict[uuid.UUID, dict[str, int]] = {channel_id: {} for channel_id in channel_ids}
    for row in await database.fetch(sql, channel_ids):
        found[row["channel_id"]][row["status"]] = row["n"]
    return found
