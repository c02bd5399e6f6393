"""When a user of an outside identity provider was last changed from here."""

from piccolo.columns import UUID, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE


class UserChange(Table, db=DATABASE):
    """The outside system tells when a user was made, not when it was changed."""

    user_id = UUID(primary_key=True, default=UUID4())
    changed_at = Timestamptz(default=TimestamptzNow())
