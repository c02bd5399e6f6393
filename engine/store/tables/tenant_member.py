"""Who belongs to which tenant."""

from piccolo.columns import UUID, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.tenant import Tenant


class TenantMember(Table, db=DATABASE):
    """A removed member keeps its row: an account without any row is a member of the default tenant."""

    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False)
    account_id = UUID()
    email = Text()
    created_at = Timestamptz(default=TimestamptzNow())
    removed_at = Timestamptz(null=True, default=None)
