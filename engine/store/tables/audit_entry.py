"""Who did what to what, readable after the thing is gone."""

from piccolo.columns import JSONB, UUID, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.tenant import Tenant


class AuditEntry(Table, db=DATABASE):
    """Append-only: the runtime role may neither update nor delete."""

    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False)
    timestamp = Timestamptz(default=TimestamptzNow())
    actor = Text()
    actor_id = UUID(null=True, default=None)
    action = Text()
    resource_type = Text()
    resource_id = Text()
    resource_name = Text()
    status = Text()
    address = Text()
    correlation_id = Text()
    details = JSONB(default="{}")
