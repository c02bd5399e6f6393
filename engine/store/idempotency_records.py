"""Rows of answers to requests with an Idempotency-Key."""

from __future__ import annotations

import uuid

from engine.store import database, records, rows


async def begin(record: records.IdempotencyRecord) -> records.IdempotencyRecord | None:
    """Claim the key; None when it is ours now, else the record of the earlier request.

    Inside a transaction a second claim waits until the first request's transaction ends.
    """
    sql = """
        INSERT INTO idempotency_record (id, account_id, key, request_hash, headers, created_at)
        VALUES ($1, $2, $3, $4, '{}', $5) ON CONFLICT (account_id, key) DO NOTHING RETURNING id"""
    mine = await database.fetch_one(
        sql, record.id, record.account_id, record.key, record.request_hash, record.created_at
    )
    return None if mine else await get(record.account_id, record.key)


async def get(account_id: uuid.UUID, key: str) -> records.IdempotencyRecord | None:
    """The record of a key."""
    sql = "SELECT * FROM idempotency_record WHERE account_id = $1 AND key = $2"
    return await rows.one(records.IdempotencyRecord, sql, account_id, key)


async def complete(
    account_id: uuid.UUID, key: str, *, status_code: int, response: bytes, headers: dict[str, str]
) -> None:
    """Keep the answer."""
    sql = """
        UPDATE idempotency_record SET status_code = $3, response = $4, headers = $5
        WHERE account_id = $1 AND key = $2"""
    await database.fetch(sql, account_id, key, status_code, response, headers)


async def forget(account_id: uuid.UUID, key: str) -> None:
    """Free a key whose request failed before it did anything."""
    await database.fetch("DELETE FROM idempotency_record WHERE account_id = $1 AND key = $2", account_id, key)


async def delete_expired(hours: int = 24) -> None:
    """Forget answers older than this."""
    await database.fetch(
        "DELETE FROM idempotency_record WHERE created_at < now() - make_interval(hours => $1)", hours
    )
