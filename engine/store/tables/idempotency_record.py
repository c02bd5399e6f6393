"""The answer that was given to a request with an Idempotency-Key."""

from piccolo.columns import JSONB, UUID, Bytea, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.account import Account


class IdempotencyRecord(Table, db=DATABASE):
    """Unique by account and key (index in the migrations); no answer yet while the request is under way."""

    id = UUID(primary_key=True, default=UUID4())
    account_id = ForeignKey(references=Account, on_delete=OnDelete.cascade, null=False)
    key = Text()
    request_hash = Text()
    status_code = Integer(null=True, default=None)
    response = Bytea(null=True, default=None)
    headers = JSONB(default="{}")
    created_at = Timestamptz(default=TimestamptzNow())
