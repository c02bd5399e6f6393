"""Artifacts of jobs, and hardening reports with their results.

What many hosts have in common about a rule (its title, what to do, why it is excepted) is kept once per
report; a result is then small, and the report of a hundred nodes quickly written, filtered and dropped.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T14:05:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "job artifacts, hardening reports"

TABLES = """
CREATE TABLE job_artifact (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    -- It is a path of the API and a file name in answers.
    name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$'),
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    content bytea NOT NULL
);
ALTER TABLE job_artifact ALTER COLUMN content SET STORAGE EXTERNAL;  -- it comes compressed
CREATE UNIQUE INDEX job_artifact_unique ON job_artifact (job_id, name);

CREATE TABLE hardening_report (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenant (id) ON DELETE RESTRICT,
    cluster_id uuid NOT NULL REFERENCES cluster (id) ON DELETE CASCADE,
    job_id uuid NOT NULL UNIQUE REFERENCES job (id) ON DELETE CASCADE,
    job_type text NOT NULL,
    score double precision,
    counts jsonb NOT NULL DEFAULT '{}',
    scanners jsonb NOT NULL DEFAULT '[]',
    hosts jsonb NOT NULL DEFAULT '[]',
    kept boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT hardening_report_of_its_tenant
        FOREIGN KEY (cluster_id, tenant_id) REFERENCES cluster (id, tenant_id)
);
CREATE INDEX hardening_report_of_cluster ON hardening_report (cluster_id, created_at DESC, id DESC);

CREATE TABLE hardening_rule (
    report_id uuid NOT NULL REFERENCES hardening_report (id) ON DELETE CASCADE,
    number integer NOT NULL,
    scanner text NOT NULL,
    rule text NOT NULL,
    item text NOT NULL,
    title text NOT NULL,
    severity text NOT NULL,
    remediation text NOT NULL,
    reason text NOT NULL,
    excepted_by text,
    PRIMARY KEY (report_id, number)
);
CREATE TABLE hardening_result (
    report_id uuid NOT NULL REFERENCES hardening_report (id) ON DELETE CASCADE,
    position integer NOT NULL,
    number integer NOT NULL,
    host text NOT NULL,
    outcome text NOT NULL,
    evidence text NOT NULL,
    PRIMARY KEY (report_id, position)
);
CREATE INDEX hardening_result_by_outcome ON hardening_result (report_id, outcome, position);
CREATE INDEX hardening_result_by_host ON hardening_result (report_id, host, position);
GRANT SELECT, INSERT, DELETE ON job_artifact, hardening_rule, hardening_result TO keelyard_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON hardening_report TO keelyard_runtime;
"""

_ALL = "(SELECT keelyard_tenants()) IS NULL"
_CHILD = f"{_ALL} OR EXISTS (SELECT 1 FROM {{parent}} WHERE {{parent}}.id = {{table}}.{{parent_id}})"
CHILDREN = (
    ("job_artifact", "job", "job_id"),
    ("hardening_rule", "hardening_report", "report_id"),
    ("hardening_result", "hardening_report", "report_id"),
)


def _policies() -> str:
    rules = {"hardening_report": f"{_ALL} OR tenant_id = ANY ((SELECT keelyard_tenants())::uuid[])"}
    for table, parent, parent_id in CHILDREN:
        rules[table] = _CHILD.format(table=table, parent=parent, parent_id=parent_id)
    return "\n".join(
        f"CREATE POLICY tenants ON {table} USING ({rule}) WITH CHECK ({rule});"
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
        for table, rule in rules.items()
    )


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        for script in (TABLES, _policies()):
            await DATABASE.current_transaction.get().connection.execute(script)

    manager.add_raw(run)
    return manager
