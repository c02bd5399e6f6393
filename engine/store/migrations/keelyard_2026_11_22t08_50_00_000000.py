"""The audit log becomes a chain: each entry gets a link with a hash over itself and the link before."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from engine.store.database import DATABASE

ID = "2026-11-22T08:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "audit chain"

LINKS = """
CREATE TABLE audit_link (
    sequence bigint PRIMARY KEY,
    entry_id uuid NOT NULL UNIQUE REFERENCES audit_entry (id),
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL
);

CREATE FUNCTION keelyard_netstring(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value IS NULL THEN '-,'
                ELSE octet_length(convert_to(value, 'UTF8')) || ':' || value || ',' END
$$;

CREATE FUNCTION keelyard_link_audit_entry(entry audit_entry) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    last_sequence bigint;
    last_hash bytea;
BEGIN
    -- Held until the commit that is already under way, so the chain has no fork and nobody waits for long.
    PERFORM pg_advisory_xact_lock(hashtext('keelyard_audit_link'));
    SELECT sequence, hash INTO last_sequence, last_hash FROM audit_link ORDER BY sequence DESC LIMIT 1;
    last_sequence := coalesce(last_sequence, 0);
    last_hash := coalesce(last_hash, decode(repeat('00', 32), 'hex'));
    INSERT INTO audit_link VALUES (last_sequence + 1, entry.id, last_hash, sha256(last_hash || convert_to(
        keelyard_netstring('keelyard-audit-1')
        || keelyard_netstring((last_sequence + 1)::text)
        || keelyard_netstring(entry.id::text)
        || keelyard_netstring(entry.tenant_id::text)
        || keelyard_netstring(to_char(entry."timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        || keelyard_netstring(entry.actor)
        || keelyard_netstring(entry.actor_id::text)
        || keelyard_netstring(entry.action)
        || keelyard_netstring(entry.resource_type)
        || keelyard_netstring(entry.resource_id)
        || keelyard_netstring(entry.resource_name)
        || keelyard_netstring(entry.status)
        || keelyard_netstring(entry.address)
        || keelyard_netstring(entry.correlation_id)
        || keelyard_netstring(entry.details::text), 'UTF8')));
END;
$$;

CREATE FUNCTION keelyard_audit_entry_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM keelyard_link_audit_entry(NEW);
    RETURN NULL;
END;
$$;

DO $$
DECLARE
    entry audit_entry;
BEGIN
    FOR entry IN SELECT * FROM audit_entry ORDER BY "timestamp", id LOOP
        PERFORM keelyard_link_audit_entry(entry);
    END LOOP;
END;
$$;

-- Deferred: the link is made at commit, when the transaction waits for nothing else any more.
CREATE CONSTRAINT TRIGGER audit_entry_linked AFTER INSERT ON audit_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION keelyard_audit_entry_written();
"""

GRANTS = """
REVOKE ALL ON FUNCTION keelyard_link_audit_entry(audit_entry) FROM PUBLIC;
REVOKE ALL ON FUNCTION keelyard_audit_entry_written() FROM PUBLIC;
GRANT SELECT ON audit_link TO keelyard_runtime;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="keelyard", description=DESCRIPTION)

    async def run():
        for script in (LINKS, GRANTS):
            await DATABASE.current_transaction.get().connection.execute(script)

    manager.add_raw(run)
    return manager
