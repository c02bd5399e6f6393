"""A tenant: the outermost border between clusters. One exists from the start."""

from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE


class Tenant(Table, db=DATABASE):
    """Owner of clusters, jobs, templates and audit entries; a deleted one stays for the audit log."""

    id = UUID(primary_key=True, default=UUID4())
    slug = Text()  # unique among undeleted ones, as the name is (indexes in the migrations)
    name = Text()
    email = Text(default="")
    contact_info = JSONB(default="{}")
    status = Text(default="pending")
    created_at = Timestamptz(default=TimestamptzNow())
    updated_at = Timestamptz(default=TimestamptzNow())
    deleted_at = Timestamptz(null=True, default=None)
