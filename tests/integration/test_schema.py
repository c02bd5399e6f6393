"""Migrations against real PostgreSQL."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg
import psycopg
import pytest
from piccolo.columns import ForeignKey

from engine.store import (
    audit_entries,
    database,
    hardening_records,
    migration,
    records,
    tables,
    template_records,
)

ROOT = Path(__file__).parents[2]


async def test_migrated_schema_has_the_columns_of_the_tables(store):
    """A column changed in a table without a migration, or the other way round, shows here."""
    for table in tables.ALL:
        found = {
            row["column_name"]: (row["data_type"], row["is_nullable"] == "YES")
            for row in await database.fetch(
                "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
                " WHERE table_name = $1",
                table._meta.tablename,
            )
        }
        declared = {column._meta.db_column_name: _declared(column) for column in table._meta.columns}

        assert declared == found, table._meta.tablename


def _declared(column) -> tuple[str, bool]:
    kind = column._meta.params["references"]._meta.primary_key if isinstance(column, ForeignKey) else column
    names = {"TIMESTAMPTZ": "timestamp with time zone", "TEXT[]": "ARRAY", "BYTEA": "bytea"}
    declared = kind.column_type
    return names.get(declared, declared.lower()), column._meta.null


async def test_records_have_the_columns_of_the_tables():
    """What is read from a table fits the record it is given as."""
    for table in tables.ALL:
        places = (records, template_records, hardening_records)
        record = next((found for place in places if (found := getattr(place, table.__name__, None))), None)
        if record is not None:
            assert set(record.__struct_fields__) == {column._meta.name for column in table._meta.columns}


async def test_migrating_again_applies_nothing(database_url):
    """`migrate` can run at every start."""
    assert await migration.migrate(database_url) == []


async def test_two_starters_do_not_race(empty_database_url):
    """Of two processes that migrate at once, one does the work."""
    script = (
        "import asyncio, sys; from engine.store import migration; "
        "print(len(asyncio.run(migration.migrate(sys.argv[1]))))"
    )
    starters = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, empty_database_url, stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        for _ in range(2)
    ]
    applied = sorted([int((await starter.communicate())[0]) for starter in starters])

    assert applied[0] == 0
    assert applied[1] >= 3


async def test_runtime_role_cannot_change_the_audit_log(store):
    """Not even by mistake."""
    entry = records.AuditEntry(
        actor="a",
        action="cluster:create",
        resource_type="cluster",
        resource_id="1",
        resource_name="c",
        status="ok",
    )
    await audit_entries.add(entry)

    for statement in (
        "UPDATE audit_entry SET actor = 'b'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.fetch(statement)
    assert [found.actor for found in (await audit_entries.page())[0]] == ["a"]


def test_event_partitions_are_made_ahead(database_url):
    """This month and the next two have a partition of their own."""
    with psycopg.connect(database_url) as connection:
        made = connection.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass"
        ).fetchone()

    assert made == (4,)


async def test_every_table_that_belongs_to_a_tenant_has_a_policy(store):
    """Directly, or by a reference to a table that does; but for those that only administrators read."""
    # Links are hashes without names; tokens are read by administrators only.
    exempt = {"audit_link", "service_token"}
    rows = await database.fetch("""
        SELECT DISTINCT child.relname AS name, child.relrowsecurity AS kept FROM pg_constraint link
        JOIN pg_class child ON child.oid = link.conrelid JOIN pg_class parent ON parent.oid = link.confrelid
        WHERE link.contype = 'f' AND child.relnamespace = current_schema()::regnamespace
        AND (parent.relname = 'tenant' OR parent.relrowsecurity)""")

    assert {row["name"] for row in rows if not row["kept"]} - exempt == set()
    assert {"cluster", "job", "template_version", "audit_entry"} <= {
        row["name"] for row in rows if row["kept"]
    }
