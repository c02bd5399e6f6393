"""What became of a schedule's due time."""

from piccolo.columns import UUID, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.schedule import Schedule


class ScheduleRun(Table, db=DATABASE):
    """One row per due time; times missed in a row share one, with the last and their number."""

    id = UUID(primary_key=True, default=UUID4())
    schedule_id = ForeignKey(references=Schedule, on_delete=OnDelete.cascade, null=False)
    trigger = Text()  # clock | person
    due_at = Timestamptz(default=TimestamptzNow())
    last_due_at = Timestamptz(default=TimestamptzNow())
    due_count = Integer(default=1)
    outcome = Text()
    reason = Text(null=True, default=None)
    message = Text(null=True, default=None)
    job_id = UUID(null=True, default=None)
    recorded_at = Timestamptz(default=TimestamptzNow())
