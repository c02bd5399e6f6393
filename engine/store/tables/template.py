"""A template: what new clusters begin with."""

from piccolo.columns import UUID, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.tenant import Tenant


class Template(Table, db=DATABASE):
    """Its name, unique in its tenant, and which of its versions is the present one."""

    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False)
    name = Text()
    version = Integer(default=1)
    created_by = UUID(null=True, default=None)
    created_by_email = Text()
    created_at = Timestamptz(default=TimestamptzNow())
    updated_at = Timestamptz(default=TimestamptzNow())
