"""A file that a job left: the raw report of a scanner."""

from piccolo.columns import UUID, BigInt, Bytea, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.job import Job


class JobArtifact(Table, tablename="job_artifact", db=DATABASE):
    """Unique by job and name (index in the migrations); size and hash are those of the file itself."""

    id = UUID(primary_key=True, default=UUID4())
    job_id = ForeignKey(references=Job, on_delete=OnDelete.cascade, null=False)
    name = Text()
    media_type = Text()
    size = BigInt(default=0)
    sha256 = Text()
    created_at = Timestamptz(default=TimestamptzNow())
    content = Bytea()  # compressed by zlib
