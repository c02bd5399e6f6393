"""A tenant: the outermost border between clusters. One exists from the start."""

from piccolo.columns import UUID, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE


class Tenant(Table, db=DATABASE):
    """Owner of clusters, jobs and audit entries."""

    id = UUID(primary_key=True, default=UUID4())
    slug = Text(unique=True)
    name = Text()
    created_at = Timestamptz(default=TimestamptzNow())
