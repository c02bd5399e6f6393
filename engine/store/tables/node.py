"""A machine of a cluster."""

from piccolo.columns import JSONB, UUID, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.cluster import Cluster


class Node(Table, db=DATABASE):
    """Name and address are unique inside a cluster (index in the migrations)."""

    id = UUID(primary_key=True, default=UUID4())
    cluster_id = ForeignKey(references=Cluster, on_delete=OnDelete.cascade, null=False, index=True)
    name = Text()
    role = Text()
    ip_address = Text()
    ssh_port = Integer(default=22)
    os_type = Text()
    status = Text()
    machine_id = Text()  # as recorded by the first run; empty before
    host_keys = JSONB(default="[]")  # pinned, "TYPE BASE64"
    kubernetes_version = Text(null=True, default=None)
    last_seen = Timestamptz(null=True, default=None)
    position = Integer(default=0)  # order in which the operator named them
    created_at = Timestamptz(default=TimestamptzNow())
