"""A session of an outside identity provider that was ended here."""

from piccolo.columns import Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table

from engine.store.database import DATABASE


class DeniedSession(Table, db=DATABASE):
    """Its tokens are refused until then; afterwards none of them is alive."""

    session_id = Text(primary_key=True)
    until = Timestamptz(default=TimestamptzNow())
