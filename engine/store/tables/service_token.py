"""What automation authenticates with."""

from piccolo.columns import UUID, Array, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.tenant import Tenant


class ServiceToken(Table, db=DATABASE):
    """The token itself is nowhere; a name is free again once its token is revoked."""

    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=True)  # None: any tenant
    name = Text()
    token_hash = Text(unique=True, secret=True)
    permissions = Array(base_column=Text())
    created_by = UUID(null=True, default=None)
    created_by_email = Text()
    created_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=TimestamptzNow())
    last_used_at = Timestamptz(null=True, default=None)
    last_used_address = Text()
    revoked_at = Timestamptz(null=True, default=None)
