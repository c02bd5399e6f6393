"""An account of the local identity provider."""

from piccolo.columns import UUID, Array, Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE


class Account(Table, db=DATABASE):
    """Someone who can log in."""

    id = UUID(primary_key=True, default=UUID4())
    email = Text(unique=True)  # lower case; a check constraint holds it
    full_name = Text()
    password_hash = Text(secret=True)  # Argon2id
    roles = Array(base_column=Text())
    enabled = Boolean(default=True)
    failed_logins = Integer(default=0)
    locked_until = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    updated_at = Timestamptz(default=TimestamptzNow())
