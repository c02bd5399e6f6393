"""A phase of a job: one play of its playbook."""

from piccolo.columns import UUID, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.job import Job


class Phase(Table, db=DATABASE):
    """Unique by job and slug (index in the migrations)."""

    id = UUID(primary_key=True, default=UUID4())
    job_id = ForeignKey(references=Job, on_delete=OnDelete.cascade, null=False)
    slug = Text()
    name = Text()
    position = Integer(default=0)
    status = Text()
    started_at = Timestamptz(null=True, default=None)
    finished_at = Timestamptz(null=True, default=None)
