"""A job: one playbook run for a cluster."""

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    DoublePrecision,
    ForeignKey,
    Integer,
    OnDelete,
    Text,
    Timestamptz,
)
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.cluster import Cluster
from engine.store.tables.tenant import Tenant


class Job(Table, db=DATABASE):
    """The truth about a run: the queue only triggers. A partial index allows one running job per cluster."""

    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False, index=True)
    cluster_id = ForeignKey(references=Cluster, on_delete=OnDelete.restrict, null=False)
    type = Text()
    status = Text()
    attempt = Integer(default=0)  # fences copies of a supervisor that lost the job
    lease_until = Timestamptz(null=True, default=None)  # changes at each sign of life; compared with no clock
    lease_seconds = DoublePrecision(default=180.0)  # so long without a change, and the run counts as dead
    worker = Text(null=True, default=None)
    supervisor_pid = Integer(null=True, default=None)
    cancel_requested_at = Timestamptz(null=True, default=None)
    retry_of = UUID(null=True, default=None)
    retry_hosts = Text(default="all")  # all | failed | chosen
    left_out = Array(base_column=Text())  # unfinished nodes that a retry on chosen ones does not work on
    schedule_id = UUID(null=True, default=None)  # the schedule that asked for it, also when that is gone
    deletes_cluster = Boolean(default=False)  # on success the cluster is deleted
    plan_id = UUID(null=True, default=None)  # the plan that it applies
    reason = Text(null=True, default=None)
    message = Text(null=True, default=None)  # first failure, for the operator
    requested_by = UUID(null=True, default=None)
    requested_by_email = Text()
    correlation_id = Text()
    created_at = Timestamptz(default=TimestamptzNow())
    started_at = Timestamptz(null=True, default=None)
    finished_at = Timestamptz(null=True, default=None)
    last_sequence = BigInt(default=0)  # of the event log; gapless from 1
    expectation = JSONB(null=True, default=None)  # seconds per phase, known when it began
