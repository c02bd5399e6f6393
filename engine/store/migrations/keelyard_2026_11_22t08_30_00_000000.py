"""Tenants with members, templates with versions, and the policies that keep tenants apart."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T08:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "tenants, members, templates, row level security"

TENANTS = """
ALTER TABLE tenant
    ADD COLUMN email text NOT NULL DEFAULT '',
    ADD COLUMN contact_info jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'active')),
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN deleted_at timestamptz;
UPDATE tenant SET status = 'active' WHERE slug = 'default';
-- A deleted tenant stays, because the audit log names it; its slug and its name are free again.
DO $$
DECLARE
    old text;
BEGIN
    FOR old IN SELECT conname FROM pg_constraint WHERE conrelid = 'tenant'::regclass AND contype = 'u' LOOP
        EXECUTE format('ALTER TABLE tenant DROP CONSTRAINT %I', old);
    END LOOP;
END;
$$;
CREATE UNIQUE INDEX tenant_slug_unique ON tenant (slug) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX tenant_name_unique ON tenant (lower(name)) WHERE deleted_at IS NULL;

CREATE TABLE tenant_member (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id) ON DELETE RESTRICT,
    -- No reference: accounts may be those of an outside system.
    account_id uuid NOT NULL,
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz
);
CREATE UNIQUE INDEX tenant_member_unique ON tenant_member (tenant_id, account_id);
CREATE INDEX tenant_member_of_account ON tenant_member (account_id);
GRANT SELECT, INSERT, UPDATE ON tenant TO keelyard_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_member TO keelyard_runtime;
"""

TEMPLATES = """
CREATE TABLE template (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id) ON DELETE RESTRICT,
    name text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_by uuid,
    created_by_email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX template_name_unique ON template (tenant_id, name);
CREATE TABLE template_version (
    id uuid PRIMARY KEY,
    template_id uuid NOT NULL REFERENCES template (id) ON DELETE CASCADE,
    version integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    topology jsonb NOT NULL DEFAULT '{}',
    components jsonb NOT NULL DEFAULT '{}',
    hardening jsonb NOT NULL DEFAULT '{}',
    created_by_email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX template_version_unique ON template_version (template_id, version);
GRANT SELECT, INSERT, UPDATE, DELETE ON template TO keelyard_runtime;
GRANT SELECT, INSERT, DELETE ON template_version TO keelyard_runtime;
"""

#: What a thing refers to belongs to the same tenant.
SAME_TENANT = """
CREATE UNIQUE INDEX cluster_with_tenant ON cluster (id, tenant_id);
ALTER TABLE job ADD CONSTRAINT job_of_its_tenant
    FOREIGN KEY (cluster_id, tenant_id) REFERENCES cluster (id, tenant_id);
ALTER TABLE plan ADD CONSTRAINT plan_of_its_tenant
    FOREIGN KEY (cluster_id, tenant_id) REFERENCES cluster (id, tenant_id);
ALTER TABLE schedule ADD CONSTRAINT schedule_of_its_tenant
    FOREIGN KEY (cluster_id, tenant_id) REFERENCES cluster (id, tenant_id);
"""

SCOPE = """
-- The tenants that the statement may see, as `engine.store.scope` says them; NULL means all.
CREATE FUNCTION keelyard_tenants() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE coalesce(current_setting('keelyard.tenants', true), '')
        WHEN '' THEN NULL
        WHEN '-' THEN '{}'::uuid[]
        ELSE string_to_array(current_setting('keelyard.tenants', true), ',')::uuid[] END
$$;
"""

_ALL = "(SELECT keelyard_tenants()) IS NULL"
_OWN = f"{_ALL} OR {{column}} = ANY ((SELECT keelyard_tenants())::uuid[])"
_CHILD = f"{_ALL} OR EXISTS (SELECT 1 FROM {{parent}} WHERE {{parent}}.id = {{table}}.{{parent_id}})"

OWNERS = ("cluster", "job", "plan", "schedule", "notification_channel", "template", "tenant_member")
#: Seen by whoever sees what they belong to. `event` is not here: COPY does not go with policies, and its rows
#: are read by the id of a job that was found before.
CHILDREN = (
    ("node", "cluster", "cluster_id"),
    ("ssh_credential", "cluster", "cluster_id"),
    ("phase", "job", "job_id"),
    ("job_host", "job", "job_id"),
    ("slow_task", "job", "job_id"),
    ("schedule_run", "schedule", "schedule_id"),
    ("notification_delivery", "notification_channel", "channel_id"),
    ("template_version", "template", "template_id"),
)


def _policies() -> str:
    script = []
    for table in OWNERS:
        rule = _OWN.format(column="tenant_id")
        script.append(f"CREATE POLICY tenants ON {table} USING ({rule}) WITH CHECK ({rule});")
    for table, parent, parent_id in CHILDREN:
        rule = _CHILD.format(table=table, parent=parent, parent_id=parent_id)
        script.append(f"CREATE POLICY tenants ON {table} USING ({rule}) WITH CHECK ({rule});")
    # Whatever is refused is written down, also what was asked of somebody else's tenant.
    script.append(
        f"CREATE POLICY tenants ON audit_entry FOR SELECT USING ({_OWN.format(column='tenant_id')});"
    )
    script.append("CREATE POLICY written ON audit_entry FOR INSERT WITH CHECK (true);")
    # Who registers a tenant is not a member of it.
    script.append(f"CREATE POLICY tenants ON tenant FOR SELECT USING ({_OWN.format(column='id')});")
    script.append(f"CREATE POLICY changed ON tenant FOR UPDATE USING ({_OWN.format(column='id')});")
    script.append("CREATE POLICY registered ON tenant FOR INSERT WITH CHECK (true);")
    tables = (*OWNERS, *(table for table, _, _ in CHILDREN), "audit_entry", "tenant")
    script += [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;" for table in tables]
    return "\n".join(script)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        for script in (TENANTS, TEMPLATES, SAME_TENANT, SCOPE, _policies()):
            await DATABASE.current_transaction.get().connection.execute(script)

    manager.add_raw(run)
    return manager
