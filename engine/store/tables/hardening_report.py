"""What scanners found on a cluster's nodes at one moment."""

from piccolo.columns import JSONB, UUID, Boolean, DoublePrecision, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.cluster import Cluster
from engine.store.tables.job import Job
from engine.store.tables.tenant import Tenant


class HardeningReport(Table, tablename="hardening_report", db=DATABASE):
    """Written once by the job that scanned (unique by job).

    Its results have tables with keys of two columns, which Piccolo cannot say: see the migrations.
    """

    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False)
    cluster_id = ForeignKey(references=Cluster, on_delete=OnDelete.cascade, null=False)
    job_id = ForeignKey(references=Job, on_delete=OnDelete.cascade, null=False)
    job_type = Text()
    score = DoublePrecision(null=True, default=None)
    counts = JSONB(default="{}")
    scanners = JSONB(default="[]")
    hosts = JSONB(default="[]")
    kept = Boolean(default=True)  # whether its results and the job's artifacts are still there
    created_at = Timestamptz(default=TimestamptzNow())
