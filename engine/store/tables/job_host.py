"""What a job did on one host: kept apart from the events, so that it is there when they are gone."""

from piccolo.columns import UUID, BigInt, DoublePrecision, ForeignKey, Integer, OnDelete, Text
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.job import Job


class JobHost(Table, tablename="job_host", db=DATABASE):
    """Unique by job and host (index in the migrations); written together with the events it counts."""

    id = UUID(primary_key=True, default=UUID4())
    job_id = ForeignKey(references=Job, on_delete=OnDelete.cascade, null=False)
    host = Text()
    position = Integer(default=0)
    because = Text()  # why a retry works on it; empty where the job works on every node
    ok = Integer(default=0)  # includes changed, as in Ansible's recap
    changed = Integer(default=0)
    failed = Integer(default=0)
    unreachable = Integer(default=0)
    skipped = Integer(default=0)
    rescued = Integer(default=0)
    ignored = Integer(default=0)
    duration_seconds = DoublePrecision(default=0.0)  # sum of its tasks
    lost = Text(null=True, default=None)  # failed | unreachable
    phase = Text(null=True, default=None)
    task = Text(null=True, default=None)  # the latest that reported
    failure = Text(null=True, default=None)  # what lost it
    failed_task = Text(null=True, default=None)
    last_sequence = BigInt(default=0)  # of the last event counted here
