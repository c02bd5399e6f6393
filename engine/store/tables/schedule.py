"""A schedule: a job that a clock asks for."""

from piccolo.columns import JSONB, UUID, Boolean, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.cluster import Cluster
from engine.store.tables.tenant import Tenant


class Schedule(Table, db=DATABASE):
    """`next_run_at` is what schedulers look for, and what fences one due time (index in the migrations)."""

    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False)
    name = Text()  # unique in its tenant (index in the migrations)
    cluster_id = ForeignKey(references=Cluster, on_delete=OnDelete.restrict, null=False)
    job_type = Text()
    cron = Text()
    time_zone = Text()
    enabled = Boolean(default=True)
    missed_run_policy = Text(default="skip")
    parameters = JSONB(default="{}")
    created_by = UUID(null=True, default=None)
    created_by_email = Text()
    created_at = Timestamptz(default=TimestamptzNow())
    updated_at = Timestamptz(default=TimestamptzNow())
    last_run_at = Timestamptz(null=True, default=None)  # the latest due time that was looked at
    next_run_at = Timestamptz(null=True, default=None)  # None while disabled
