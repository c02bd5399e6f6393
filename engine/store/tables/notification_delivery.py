"""One notice for one channel, from the end of its job until it is delivered or given up."""

from piccolo.columns import JSONB, UUID, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.notification_channel import NotificationChannel


class NotificationDelivery(Table, db=DATABASE):
    """Written with the end of the job; `claim` fences senders that lost their lease."""

    id = UUID(primary_key=True, default=UUID4())
    channel_id = ForeignKey(references=NotificationChannel, on_delete=OnDelete.cascade, null=False)
    event = Text()
    job_id = UUID(null=True, default=None)
    content = JSONB(default="{}")
    status = Text()
    tries = JSONB(default="[]")
    tries_in_round = Integer(default=0)  # since it was made or sent again by a person
    next_try_at = Timestamptz(null=True, default=None)
    claim = Integer(default=0)
    claimed_by = Text(null=True, default=None)
    lease_until = Timestamptz(null=True, default=None)  # database clock
    created_at = Timestamptz(default=TimestamptzNow())
    delivered_at = Timestamptz(null=True, default=None)
