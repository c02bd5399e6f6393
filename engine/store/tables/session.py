"""A login's refresh token, as a hash."""

from piccolo.columns import UUID, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.account import Account


class Session(Table, db=DATABASE):
    """One refresh token; those that followed each other share a family."""

    id = UUID(primary_key=True, default=UUID4())
    account_id = ForeignKey(references=Account, on_delete=OnDelete.cascade, null=False, index=True)
    refresh_hash = Text(unique=True, secret=True)
    family = UUID(index=True, default=UUID4())
    expires_at = Timestamptz(default=TimestamptzNow())
    revoked_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    address = Text()
    user_agent = Text()
