"""Rows of deliveries, and the fenced statements by which a sender owns one for as long as a try takes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from engine.domain.job_notices import DeliveryStatus
from engine.store import database, records, rows

LEASE_SECONDS = 60  # longer than any try may take

#: One delivery of a channel at a time: a receiver that hangs holds up nobody but itself.
_CLAIMABLE = """
    SELECT * FROM notification_delivery delivery
    WHERE status = 'pending' AND next_try_at <= now() AND (lease_until IS NULL OR lease_until < now())
      AND EXISTS (SELECT 1 FROM notification_channel channel
                  WHERE channel.id = delivery.channel_id AND channel.enabled)
      AND NOT EXISTS (SELECT 1 FROM notification_delivery other
                      WHERE other.channel_id = delivery.channel_id AND other.lease_until >= now())
    ORDER BY next_try_at, created_at LIMIT 1 FOR UPDATE OF delivery SKIP LOCKED"""


async def add_many(deliveries: Sequence[records.NotificationDelivery]) -> None:
    """Write deliveries, in the transaction of what they tell; they are due at once."""
    await rows.insert_many("notification_delivery", deliveries)


async def get(delivery_id: uuid.UUID, *, lock: bool = False) -> records.NotificationDelivery | None:
    """The delivery with this id; locked until the transaction ends if asked."""
    sql = "SELECT * FROM notification_delivery WHERE id = $1" + (" FOR UPDATE" if lock else "")
    return await rows.one(records.NotificationDelivery, sql, delivery_id)


async def page(
    channel_id: uuid.UUID, *, status: DeliveryStatus | None, offset: int, limit: int
) -> tuple[list[records.NotificationDelivery], int]:
    """Deliveries of a channel, latest first, and how many in all."""
    chosen = rows.Filter()
    chosen.add("channel_id = {}", channel_id)
    chosen.add("status = {}", status)
    return await rows.page(
        records.NotificationDelivery,
        "notification_delivery",
        chosen,
        order="created_at DESC, id DESC",
        offset=offset,
        limit=limit,
    )


async def lock_next() -> records.NotificationDelivery | None:
    """A delivery that is due and that nobody is sending, locked until the transaction ends."""
    return await rows.one(records.NotificationDelivery, _CLAIMABLE)


async def claim(
    delivery_id: uuid.UUID, sender: str, tries: Sequence[records.DeliveryTry], tries_in_round: int
) -> records.NotificationDelivery | None:
    """Make a locked delivery ours until the lease ends."""
    sql = """
        UPDATE notification_delivery SET claim = claim + 1, claimed_by = $2, tries = $3, tries_in_round = $4,
               lease_until = now() + make_interval(secs => $5)
        WHERE id = $1 RETURNING *"""
    return await rows.one(
        records.NotificationDelivery, sql, delivery_id, sender, list(tries), tries_in_round, LEASE_SECONDS
    )


async def settle(
    delivery_id: uuid.UUID,
    claim_number: int,
    *,
    status: DeliveryStatus,
    tries: Sequence[records.DeliveryTry],
    tries_in_round: int,
    retry_seconds: float | None,
) -> bool:
    """Write how a try ended; False when the delivery is another sender's by now."""
    sql = """
        UPDATE notification_delivery SET status = $3, tries = $4, tries_in_round = $5,
               next_try_at = now() + make_interval(secs => $6::double precision), lease_until = NULL,
               claimed_by = NULL, delivered_at = CASE WHEN $3 = 'delivered' THEN now() ELSE delivered_at END
        WHERE id = $1 AND claim = $2 AND status = 'pending' RETURNING id"""
    row = await database.fetch_one(
        sql, delivery_id, claim_number, status, list(tries), tries_in_round, retry_seconds
    )
    return row is not None


async def send_again(delivery_id: uuid.UUID) -> bool:
    """Make a delivery due now, with all its tries before it; False while somebody is sending it."""
    sql = """
        UPDATE notification_delivery SET status = 'pending', tries_in_round = 0, next_try_at = now(),
               lease_until = NULL
        WHERE id = $1 AND (lease_until IS NULL OR lease_until < now()) RETURNING id"""
    return await database.fetch_one(sql, delivery_id) is not None


async def forget(keep_days: int) -> None:
    """Delete deliveries that ended longer ago than that."""
    await database.fetch(
        "DELETE FROM notification_delivery WHERE status <> 'pending'"
        " AND created_at < now() - make_interval(days => $1)",
        keep_days,
    )
