"""A plan: what a provision run would change, or what a verification found, at one moment."""

from piccolo.columns import JSONB, UUID, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.cluster import Cluster
from engine.store.tables.job import Job
from engine.store.tables.tenant import Tenant


class Plan(Table, db=DATABASE):
    """Written once by the job that made it (unique by job) and never changed; old ones are dropped."""

    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False)
    cluster_id = ForeignKey(references=Cluster, on_delete=OnDelete.restrict, null=False)
    job_id = ForeignKey(references=Job, on_delete=OnDelete.cascade, null=False)
    kind = Text()  # plan | verify
    hash = Text()
    facts_hash = Text()
    spec_hash = Text()
    summary = JSONB(default="{}")
    document = JSONB(default="{}")
    created_at = Timestamptz(default=TimestamptzNow())
