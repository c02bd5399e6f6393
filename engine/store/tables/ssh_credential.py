"""How Keelyard logs in to the nodes of a cluster."""

from piccolo.columns import UUID, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.cluster import Cluster


class SshCredential(Table, db=DATABASE):
    """One per cluster; the secrets are encrypted JSON of `engine.domain.specs.SshSecrets`."""

    id = UUID(primary_key=True, default=UUID4())
    cluster_id = ForeignKey(references=Cluster, on_delete=OnDelete.cascade, null=False, unique=True)
    username = Text()
    auth_method = Text()
    secrets_encrypted = Text(secret=True)
    created_at = Timestamptz(default=TimestamptzNow())
