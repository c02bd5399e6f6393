"""`Idempotency-Key`: the same request twice does its work once and is answered twice.

The answer is kept in the transaction of the work itself, so a crash leaves both or neither.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Awaitable, Callable

import msgspec

from engine.domain.errors import Conflict, FieldProblem, IdempotencyMismatch, InvalidSpec
from engine.domain.permissions import Principal
from engine.store import database, idempotency_records, locks, records

KEPT_HOURS = 24
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer as far as it must be repeated."""

    status_code: int
    body: bytes
    headers: dict[str, str] = {}
    replayed: bool = False


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Whose request it is, under which key, and what it asks for."""

    principal: Principal
    key: str
    method: str
    path: str
    body: bytes

    @property
    def fingerprint(self) -> str:
        """Tells two different requests under one key apart."""
        parts = (self.method.encode(), self.path.encode(), self.body)
        return hashlib.sha256(b"\0".join(parts)).hexdigest()


async def once(claim: Claim | None, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do the work in one transaction, or repeat the answer that it had the first time.

    Raises Conflict while the first request is still under way, IdempotencyMismatch when the key belongs to
    another request. Refused work keeps no answer: the key may be used again once the request is mended.
    """
    if claim is None:
        async with database.transaction():
            return await work()
    if not _KEY.fullmatch(claim.key):
        raise InvalidSpec([FieldProblem("Idempotency-Key", "must be 1 to 255 printable characters")])
    account_id = uuid.UUID(claim.principal.account_id)
    await idempotency_records.delete_expired(KEPT_HOURS)
    async with database.transaction():
        if not await locks.try_until_commit(f"keelyard:idempotency:{account_id}:{claim.key}"):
            raise Conflict(
                "A request with this Idempotency-Key is still under way.", remedy="Ask again in a moment."
            )
        record = records.IdempotencyRecord(
            account_id=account_id, key=claim.key, request_hash=claim.fingerprint
        )
        earlier = await idempotency_records.begin(record)
        if earlier is not None:
            return _repeat(earlier, claim)
        answer = await work()
        await idempotency_records.complete(
            account_id,
            claim.key,
            status_code=answer.status_code,
            response=answer.body,
            headers=answer.headers,
        )
        return answer


def _repeat(earlier: records.IdempotencyRecord, claim: Claim) -> Answer:
    if earlier.request_hash != claim.fingerprint:
        raise IdempotencyMismatch(
            "This Idempotency-Key belongs to another request.", remedy="Use a new key for every new request."
        )
    assert earlier.status_code is not None
    assert earlier.response is not None
    return Answer(
        status_code=earlier.status_code, body=earlier.response, headers=earlier.headers, replayed=True
    )
