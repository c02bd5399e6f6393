"""The answer that was given to a request with an Idempotency-Key."""

from piccolo.columns import JSONB, UUID, Bytea, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE


class IdempotencyRecord(Table, db=DATABASE):
    """Unique by account and key (index in the migrations); no answer yet while the request is under way."""

    id = UUID(primary_key=True, default=UUID4())
    account_id = UUID()  # of an account here, in an outside system, or of a service token
    key = Text()
    request_hash = Text()
    status_code = Integer(null=True, default=None)
    response = Bytea(null=True, default=None)
    headers = JSONB(default="{}")
    created_at = Timestamptz(default=TimestamptzNow())
