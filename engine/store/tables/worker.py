"""A worker: the process that starts runs from one KEELYARD_HOME."""

from piccolo.columns import Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table

from engine.store.database import DATABASE


class Worker(Table, db=DATABASE):
    """What it offers and when it was last heard of. Its state and its load are derived when read."""

    name = Text(primary_key=True, default="")
    hostname = Text()
    version = Text()
    forks = Integer(default=1)
    memory_mb = Integer(default=0)
    runs_limit = Integer(null=True, default=None)
    drained = Boolean(default=False)  # by an operator; survives restarts
    started_at = Timestamptz(default=TimestamptzNow())
    last_seen = Timestamptz(default=TimestamptzNow())  # database clock
    stopped_at = Timestamptz(null=True, default=None)  # its process ended when asked to
