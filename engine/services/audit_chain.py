"""Whether the audit log is still what was written: the chain is computed again and compared with a kept head.

Each entry's link hashes the entry and the link before it. Who owns the database can rewrite entries and every
hash after them; who kept a head from before sees it, because that link has another hash now, or is gone.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated

import msgspec

from engine.domain.errors import FieldProblem, InvalidSpec
from engine.store import audit_entries
from engine.store.audit_entries import LinkedEntry

EMPTY_HASH = b"\0" * 32
MAXIMUM_FINDINGS = 20
_VERSION = "keelyard-audit-1"
_HASHED = ("id", "tenant_id", "timestamp", "actor", "actor_id", "action", "resource_type", "resource_id",
           "resource_name", "status", "address", "correlation_id", "details")  # fmt: skip


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the chain at one time; kept elsewhere, it vouches for everything before it."""

    sequence: Annotated[int, msgspec.Meta(ge=0)]
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]  # zeros before the first entry
    timestamp: datetime | None = None  # of the entry


class Finding(msgspec.Struct, frozen=True):
    """One place where the log is not what was written."""

    sequence: int | None
    entry_id: str | None
    what: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found; `findings` are the first of all."""

    entries: int
    head: Head
    findings: list[Finding]
    finding_count: int

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return self.finding_count == 0


async def head() -> Head:
    """The end of the chain now."""
    link = await audit_entries.link()
    if link is None:
        return Head(sequence=0, hash=EMPTY_HASH.hex())
    return Head(sequence=link.sequence, hash=link.hash.hex(), timestamp=link.timestamp)


def read_head(text: bytes) -> Head:
    """A head as it was exported; raises InvalidSpec."""
    try:
        return msgspec.json.decode(text, type=Head)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidSpec([FieldProblem("head", f"is no head of an audit log: {error}")]) from error


async def verify(kept: Head | None = None) -> Verdict:
    """Compute every hash again, look for entries outside the chain, and compare with a kept head."""
    last = await head()
    checker = _Checker(kept)
    async for batch in audit_entries.linked(up_to=last.sequence):
        for entry in batch:
            checker.take(entry)
    for row in await audit_entries.unlinked(MAXIMUM_FINDINGS):
        checker.found(None, str(row["id"]), "the entry is in no link: it was inserted around the chain")
    if kept is not None and kept.sequence > last.sequence:
        what = f"the chain ends at {last.sequence}, the kept head says {kept.sequence}: it was cut off"
        checker.found(kept.sequence, None, what)
    return Verdict(
        entries=checker.entries, head=last, findings=checker.findings, finding_count=checker.finding_count
    )


class _Checker:
    """Walks along the chain."""

    def __init__(self, kept: Head | None) -> None:
        self.entries = 0
        self.findings: list[Finding] = []
        self.finding_count = 0
        self._kept = kept
        self._sequence = 0
        self._hash = EMPTY_HASH

    def found(self, sequence: int | None, entry_id: str | None, what: str) -> None:
        self.finding_count += 1
        if len(self.findings) < MAXIMUM_FINDINGS:
            self.findings.append(Finding(sequence, entry_id, what))

    def take(self, entry: LinkedEntry) -> None:
        if entry.sequence != self._sequence + 1:
            gone = f"links {self._sequence + 1} to {entry.sequence - 1} were removed"
            self.found(self._sequence + 1, None, gone)
        elif entry.previous_hash != self._hash:
            self.found(entry.sequence, entry.id, "the link does not continue the one before it")
        if entry.id is None:
            self.found(entry.sequence, None, "the entry was removed")
        else:
            self.entries += 1
            if _digest(entry) != entry.hash:
                self.found(entry.sequence, entry.id, "the entry is not what was written")
        kept = self._kept
        if kept is not None and entry.sequence == kept.sequence and entry.hash.hex() != kept.hash:
            self.found(entry.sequence, entry.id, "the link is not the one of the kept head")
        self._sequence, self._hash = entry.sequence, entry.hash


def _digest(entry: LinkedEntry) -> bytes:
    """The hash of a link: SHA-256 over the previous hash and the entry's columns as netstrings."""
    parts = [_netstring(_VERSION), _netstring(str(entry.sequence))]
    for name in _HASHED:
        value = getattr(entry, name)
        parts.append(_netstring(_utc(value) if isinstance(value, datetime) else value))
    return hashlib.sha256(entry.previous_hash + b"".join(parts)).digest()


def _netstring(value: str | None) -> bytes:
    if value is None:
        return b"-,"
    raw = value.encode()
    return b"%d:%b," % (len(raw), raw)


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # connections are in UTC
