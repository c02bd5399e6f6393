"""The chain over the audit log, against somebody who owns the database."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest
from click.testing import CliRunner

from engine.processes.commands.audit import audit
from engine.services import audit_chain, audit_log
from engine.services.audit_log import Resource
from engine.services.identity import Caller
from engine.store import database

CALLER = Caller(address="192.0.2.7", correlation_id="c-1")


async def write(count: int, **details: object) -> None:
    for number in range(count):
        await audit_log.record(
            CALLER,
            "cluster:create",
            Resource("cluster", str(number), "yard"),
            details={"n": number, **details},
        )


@pytest.fixture
async def owner(store):
    """A connection with the rights of the database's owner."""
    connection = await asyncpg.connect(**database.connection_arguments(store, role=None))
    yield connection
    await connection.close()


async def tampered(
    owner: asyncpg.Connection, statement: str, kept: audit_chain.Head | None = None
) -> list[str]:
    await owner.execute(statement)
    return [finding.what for finding in (await audit_chain.verify(kept)).findings]


async def test_what_was_written_is_intact(store):
    """Whatever is in the details: the hash is taken over what PostgreSQL keeps."""
    await write(3, text='ä "quoted"\n\u2028', number=1.50, big=10**30, nested={"b": [None, True], "a": {}})
    head = await audit_chain.head()
    await write(2)

    verdict = await audit_chain.verify(head)

    assert (verdict.intact, verdict.entries, verdict.head.sequence, head.sequence) == (True, 5, 5, 3)


async def test_an_empty_log_is_intact(store):
    """And its head vouches for nothing."""
    head = await audit_chain.head()

    assert (await audit_chain.verify(head)).intact


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit_entry SET actor = 'somebody else' WHERE details->>'n' = '1'", "not what was written"),
        ("UPDATE audit_entry SET details = '{}' WHERE details->>'n' = '1'", "not what was written"),
        ("UPDATE audit_entry SET \"timestamp\" = now() WHERE details->>'n' = '1'", "not what was written"),
        (
            "ALTER TABLE audit_link DROP CONSTRAINT audit_link_entry_id_fkey;"
            "DELETE FROM audit_entry WHERE details->>'n' = '1'",
            "the entry was removed",
        ),
        ("DELETE FROM audit_link WHERE sequence = 2", "links 2 to 2 were removed"),
        (
            "ALTER TABLE audit_entry DISABLE TRIGGER ALL; INSERT INTO audit_entry SELECT"
            " (jsonb_populate_record(entry, jsonb_build_object('id', gen_random_uuid()))).*"
            " FROM audit_entry entry LIMIT 1",
            "inserted around the chain",
        ),
    ],
)
async def test_changes_are_found_without_a_head(owner, statement, told):
    """As long as the hashes are not computed anew."""
    await write(3)

    assert any(told in finding for finding in await tampered(owner, statement))


async def test_a_cut_off_end_is_found_with_a_head(owner):
    """The rest is a valid chain: only the head can tell."""
    await write(3)
    head = await audit_chain.head()
    statement = (
        "CREATE TEMP TABLE gone AS SELECT entry_id FROM audit_link WHERE sequence = 3;"
        "DELETE FROM audit_link WHERE sequence = 3;"
        "DELETE FROM audit_entry WHERE id IN (SELECT entry_id FROM gone)"
    )

    findings = await tampered(owner, statement, head)

    assert (await audit_chain.verify()).intact
    assert findings == ["the chain ends at 2, the kept head says 3: it was cut off"]


async def test_a_chain_computed_anew_is_found_with_a_head(owner):
    """Who owns the database can make a valid chain of other entries, but not the old hash."""
    await write(3)
    head = await audit_chain.head()
    statement = """
        UPDATE audit_entry SET actor = 'somebody else' WHERE details->>'n' = '1';
        CREATE TEMP TABLE kept AS SELECT entry_id, sequence FROM audit_link;
        DELETE FROM audit_link;
        DO $$ DECLARE entry audit_entry; BEGIN
            FOR entry IN SELECT audit_entry.* FROM audit_entry JOIN kept ON entry_id = id ORDER BY sequence
            LOOP
                PERFORM keelyard_link_audit_entry(entry);
            END LOOP; END $$;
    """

    findings = await tampered(owner, statement, head)

    assert (await audit_chain.verify()).intact
    assert findings == ["the link is not the one of the kept head"]


async def test_writers_at_once_make_one_chain(store):
    """Transactions that write in any order and roll back leave neither fork nor gap."""

    async def deed(number: int) -> None:
        async with database.transaction():
            await write(1)
            await asyncio.sleep(0)
            if number % 5 == 0:
                raise LookupError
            await write(1)

    await asyncio.gather(*(deed(number) for number in range(40)), return_exceptions=True)
    verdict = await audit_chain.verify()

    assert (verdict.intact, verdict.entries, verdict.head.sequence) == (True, 64, 64)


async def test_a_transaction_waits_for_the_chain_only_when_it_commits(store):
    """An entry written early in a long transaction stops nobody."""
    written, done = asyncio.Event(), asyncio.Event()

    async def long() -> None:
        async with database.transaction():
            await write(1)
            written.set()
            await done.wait()

    slow = asyncio.create_task(long())
    await written.wait()
    await write(1)
    before = (await audit_chain.head()).sequence
    done.set()
    await slow

    assert (before, (await audit_chain.head()).sequence) == (1, 2)


@pytest.mark.parametrize("table", ["audit_entry", "audit_link"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE", "ALTER TABLE {} DISABLE TRIGGER ALL"],
)
async def test_the_runtime_role_only_appends(store, table, statement):
    """Neither entries nor links can be changed by a process that serves requests."""
    await write(1)
    column = {"audit_entry": "actor", "audit_link": "hash"}[table]

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.fetch(statement.format(table, column, column))


async def test_the_runtime_role_writes_no_links_of_its_own(store):
    """They come from the trigger alone."""
    await write(1)
    for statement in (
        "INSERT INTO audit_link SELECT 2, entry_id, hash, hash FROM audit_link",
        "SELECT keelyard_link_audit_entry(audit_entry) FROM audit_entry",
        "ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_pkey CASCADE",
        "DROP TRIGGER audit_entry_linked ON audit_entry",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.fetch(statement)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b'{"sequence": 1, "hash": "zz"}', b'{"sequence": -1, "hash": ""}']
)
def test_a_file_that_is_no_head_is_refused(text):
    """Before anything is compared."""
    from engine.domain.errors import InvalidSpec

    with pytest.raises(InvalidSpec, match="head"):
        audit_chain.read_head(text)


def test_the_command_verifies_and_exports(database_url, monkeypatch, tmp_path):
    """Exit code 2, as plan and verify, when the log is not what was written."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    kept = tmp_path / "head.json"

    async def prepare() -> None:
        await database.connect(database_url)
        await write(2)
        await audit_log.record(CALLER, "=1+1", Resource("cluster", "3", "@SUM(A1)"))
        await database.close()

    async def change() -> None:
        connection = await asyncpg.connect(**database.connection_arguments(database_url, role=None))
        await connection.execute("UPDATE audit_entry SET status = 'failed' WHERE details->>'n' = '0'")
        await connection.close()

    def run(*arguments: str):
        return CliRunner().invoke(audit, arguments, standalone_mode=False)

    asyncio.run(prepare())
    kept.write_text(run("head").stdout)
    good = run("verify", "--head", str(kept))
    lines = [json.loads(line) for line in run("export").stdout.splitlines()]
    run("export", "--format", "csv", "--action", "=1+1", "--to", str(tmp_path / "log.csv"))
    asyncio.run(change())
    bad = run("verify", "--head", str(kept))

    assert (good.return_value, good.stdout) == (
        0,
        "The audit log is intact: 3 entries, and continues the kept head at 3.\n",
    )
    assert [(line["sequence"], line["details"]) for line in lines] == [(1, {"n": 0}), (2, {"n": 1}), (3, {})]
    assert lines[1]["previous_hash"] == lines[0]["hash"]
    [_, row] = (tmp_path / "log.csv").read_text().splitlines()
    assert row.startswith("3,")
    assert ",'=1+1," in row
    assert ",'@SUM(A1)," in row
    assert bad.return_value == 2
    assert "link 1, entry" in bad.stdout
