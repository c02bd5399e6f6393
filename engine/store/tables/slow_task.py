"""One of the slowest tasks of a phase of a job."""

from piccolo.columns import UUID, BigInt, DoublePrecision, ForeignKey, OnDelete, Text
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.job import Job


class SlowTask(Table, tablename="slow_task", db=DATABASE):
    """A few per phase are kept; unique by job and sequence of the event (index in the migrations)."""

    id = UUID(primary_key=True, default=UUID4())
    job_id = ForeignKey(references=Job, on_delete=OnDelete.cascade, null=False)
    sequence = BigInt(default=0)
    phase = Text()
    task = Text()
    role = Text(null=True, default=None)
    host = Text()
    seconds = DoublePrecision(default=0.0)
