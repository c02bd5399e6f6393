"""Where notices about ended jobs go."""

from piccolo.columns import JSONB, UUID, Boolean, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.tenant import Tenant


class NotificationChannel(Table, db=DATABASE):
    """Addresses of webhooks often are secrets themselves, so the whole configuration is encrypted."""

    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False)
    name = Text()  # unique in its tenant (index in the migrations)
    kind = Text()
    enabled = Boolean(default=True)
    event_filter = JSONB(default="{}")  # job_notices.EventFilter
    configuration_encrypted = Text(secret=True)
    created_by = UUID(null=True, default=None)
    created_by_email = Text()
    created_at = Timestamptz(default=TimestamptzNow())
    updated_at = Timestamptz(default=TimestamptzNow())
