"""A mailed permission to choose a new password, as a hash."""

from piccolo.columns import UUID, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE


class PasswordReset(Table, db=DATABASE):
    """One token. The account may be one of an outside system, so that nothing refers to it."""

    id = UUID(primary_key=True, default=UUID4())
    account_id = UUID()
    email = Text()
    token_hash = Text(unique=True, secret=True)
    expires_at = Timestamptz(default=TimestamptzNow())
    used_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=TimestamptzNow())
