"""The chain over the audit log."""

from piccolo.columns import BigInt, Bytea, ForeignKey
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.audit_entry import AuditEntry


class AuditLink(Table, db=DATABASE):
    """Written by a trigger at commit; the runtime role may only read it."""

    sequence = BigInt(primary_key=True)
    entry_id = ForeignKey(references=AuditEntry, null=False, unique=True)
    previous_hash = Bytea()
    hash = Bytea()
