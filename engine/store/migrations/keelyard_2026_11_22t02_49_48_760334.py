"""The first tables, as they were on that day: later changes come as further migrations, never as edits here."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    Bytea,
    ForeignKey,
    Integer,
    OnDelete,
    Text,
    Timestamptz,
)
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

ID = "2026-11-22T02:49:48:760334"
VERSION = "1.38.0"
DESCRIPTION = "first tables"


class Tenant(Table, tablename="tenant"):
    id = UUID(primary_key=True, default=UUID4())
    slug = Text(unique=True)
    name = Text()
    created_at = Timestamptz(default=TimestamptzNow())


class Account(Table, tablename="account"):
    id = UUID(primary_key=True, default=UUID4())
    email = Text(unique=True)
    full_name = Text()
    password_hash = Text(secret=True)
    roles = Array(base_column=Text())
    enabled = Boolean(default=True)
    failed_logins = Integer(default=0)
    locked_until = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    updated_at = Timestamptz(default=TimestamptzNow())


class Session(Table, tablename="session"):
    id = UUID(primary_key=True, default=UUID4())
    account_id = ForeignKey(references=Account, on_delete=OnDelete.cascade, null=False, index=True)
    refresh_hash = Text(unique=True, secret=True)
    family = UUID(index=True, default=UUID4())
    expires_at = Timestamptz(default=TimestamptzNow())
    revoked_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    address = Text()
    user_agent = Text()


class Cluster(Table, tablename="cluster"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False, index=True)
    name = Text()
    description = Text()
    spec = JSONB()
    status = Text()
    conditions = JSONB(default="[]")
    kubeconfig_encrypted = Text(null=True, default=None, secret=True)
    kubernetes_version = Text()
    created_by = UUID(null=True, default=None)
    created_by_email = Text()
    created_at = Timestamptz(default=TimestamptzNow())
    updated_at = Timestamptz(default=TimestamptzNow())
    deleted_at = Timestamptz(null=True, default=None)


class SshCredential(Table, tablename="ssh_credential"):
    id = UUID(primary_key=True, default=UUID4())
    cluster_id = ForeignKey(references=Cluster, on_delete=OnDelete.cascade, null=False, unique=True)
    username = Text()
    auth_method = Text()
    secrets_encrypted = Text(secret=True)
    created_at = Timestamptz(default=TimestamptzNow())


class Node(Table, tablename="node"):
    id = UUID(primary_key=True, default=UUID4())
    cluster_id = ForeignKey(references=Cluster, on_delete=OnDelete.cascade, null=False, index=True)
    name = Text()
    role = Text()
    ip_address = Text()
    ssh_port = Integer(default=22)
    os_type = Text()
    status = Text()
    machine_id = Text()
    host_keys = JSONB(default="[]")
    kubernetes_version = Text(null=True, default=None)
    last_seen = Timestamptz(null=True, default=None)
    position = Integer(default=0)
    created_at = Timestamptz(default=TimestamptzNow())


class Job(Table, tablename="job"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False, index=True)
    cluster_id = ForeignKey(references=Cluster, on_delete=OnDelete.restrict, null=False)
    type = Text()
    status = Text()
    attempt = Integer(default=0)
    lease_until = Timestamptz(null=True, default=None)
    worker = Text(null=True, default=None)
    supervisor_pid = Integer(null=True, default=None)
    cancel_requested_at = Timestamptz(null=True, default=None)
    retry_of = UUID(null=True, default=None)
    retry_hosts = Text(default="all")
    deletes_cluster = Boolean(default=False)
    reason = Text(null=True, default=None)
    message = Text(null=True, default=None)
    requested_by = UUID(null=True, default=None)
    requested_by_email = Text()
    correlation_id = Text()
    created_at = Timestamptz(default=TimestamptzNow())
    started_at = Timestamptz(null=True, default=None)
    finished_at = Timestamptz(null=True, default=None)
    last_sequence = BigInt(default=0)


class Phase(Table, tablename="phase"):
    id = UUID(primary_key=True, default=UUID4())
    job_id = ForeignKey(references=Job, on_delete=OnDelete.cascade, null=False)
    slug = Text()
    name = Text()
    position = Integer(default=0)
    status = Text()
    started_at = Timestamptz(null=True, default=None)
    finished_at = Timestamptz(null=True, default=None)


class AuditEntry(Table, tablename="audit_entry"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = ForeignKey(references=Tenant, on_delete=OnDelete.restrict, null=False)
    timestamp = Timestamptz(default=TimestamptzNow())
    actor = Text()
    actor_id = UUID(null=True, default=None)
    action = Text()
    resource_type = Text()
    resource_id = Text()
    resource_name = Text()
    status = Text()
    address = Text()
    correlation_id = Text()
    details = JSONB(default="{}")


class IdempotencyRecord(Table, tablename="idempotency_record"):
    id = UUID(primary_key=True, default=UUID4())
    account_id = ForeignKey(references=Account, on_delete=OnDelete.cascade, null=False)
    key = Text()
    request_hash = Text()
    status_code = Integer(null=True, default=None)
    response = Bytea(null=True, default=None)
    headers = JSONB(default="{}")
    created_at = Timestamptz(default=TimestamptzNow())


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)
    for table in (
        Tenant,
        Account,
        Session,
        Cluster,
        SshCredential,
        Node,
        Job,
        Phase,
        AuditEntry,
        IdempotencyRecord,
    ):
        tablename = table._meta.tablename
        manager.add_table(class_name=table.__name__, tablename=tablename)
        for column in table._meta.columns:
            manager.add_column(
                table_class_name=table.__name__,
                tablename=tablename,
                column_name=column._meta.name,
                db_column_name=column._meta.db_column_name,
                column_class_name=type(column).__name__,
                column_class=type(column),
                params=column._meta.params,
            )
    return manager
