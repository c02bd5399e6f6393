"""A cluster: what was asked for and what was observed."""

from piccolo.columns import JSONB, UUID, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.tenant import Tenant


class Cluster(Table, db=DATABASE):
    """Soft-deleted by `deleted_at`; names are unique among the others (partial index)."""

    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False, index=True)
    name = Text()
    description = Text()
    spec = JSONB()  # records.ClusterSettings
    status = Text()
    conditions = JSONB(default="[]")
    kubeconfig_encrypted = Text(null=True, default=None, secret=True)
    kubernetes_version = Text()
    created_by = UUID(null=True, default=None)
    created_by_email = Text()
    created_at = Timestamptz(default=TimestamptzNow())
    updated_at = Timestamptz(default=TimestamptzNow())
    deleted_at = Timestamptz(null=True, default=None)
    hardening_changed_at = Timestamptz(null=True, default=None)
