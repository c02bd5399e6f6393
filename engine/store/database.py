"""The one PostgreSQL connection pool of a process, and the transaction around it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, override

import asyncpg
import msgspec
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

from engine.domain.errors import ServiceUnavailable
from engine.store import scope as tenancy

RUNTIME_ROLE = "keelyard_runtime"  # may not touch what is written in the audit log; made by the migrations
POOL_MAXIMUM = 10
CLOSE_SECONDS = 5.0


class DatabaseUnavailable(ServiceUnavailable):
    """The server was not there when it was asked, or went away before it answered."""


#: A process that is frozen in the middle of a transaction, or a host that vanished, keeps no lock for long.
_GONE_CLIENTS = {
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30s",  # what was sent and never acknowledged: keepalives do not run then
}


class _Engine(PostgresEngine):
    """Piccolo's engine without its habit of connecting when it is made."""

    @override
    async def check_version(self) -> None:
        return


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that knows which tenants its statements see (`engine.store.scope`).

    What was said last is remembered, so that it costs a round trip only when it changes, and forgotten while
    a change is under way: when that is cut short, nobody knows whether the server has heard of it.
    """

    _session: str | None = ""
    _local: str | None = ""

    def begun(self) -> None:
        """A transaction has begun: what holds for the session holds in it until something else is said."""
        self._local = self._session

    async def see(self, wanted: str) -> None:
        """Let statements outside transactions see these tenants."""
        if self._session != wanted:
            self._session = None
            await self.fetchval("SELECT set_config($1, $2, false)", tenancy.SETTING, wanted)
            self._session = wanted

    async def see_in_transaction(self, wanted: str) -> None:
        """Let statements of the open transaction see these tenants."""
        if self._local != wanted:
            self._local = None
            await self.fetchval("SELECT set_config($1, $2, true)", tenancy.SETTING, wanted)
            self._local = wanted


#: Tables, migrations and queries share this engine; `connect` says where it leads.
DATABASE = _Engine(config={})

#: What a lost or unreachable server raises, whatever the moment.
CONNECTION_ERRORS = (
    DatabaseUnavailable,
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg makes of a connection lost between query and answer
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


async def connect(url: str, *, role: str | None = RUNTIME_ROLE, maximum: int = POOL_MAXIMUM) -> None:
    """Open the pool.

    Args:
        url: a PostgreSQL URL; `postgresql://user@/name?host=/socket/directory` for a Unix socket.
        role: database role of every connection; None keeps the login's own (migrations).
        maximum: connections at most.

    Raises ServiceUnavailable when the server does not answer or the role is not there yet.
    """
    DATABASE.config = connection_arguments(url, role=role)
    try:
        # No connection is kept at all costs: a server that is away would be asked every second.
        await DATABASE.start_connection_pool(
            min_size=0,
            max_size=maximum,
            init=prepare,
            reset=_nothing_to_reset,
            connection_class=_Connection,
        )
        await fetch("SELECT 1")
    except asyncpg.InvalidParameterValueError as error:
        await close()
        raise ServiceUnavailable(
            f"The database has no role {role}.", remedy="Run `keelyard migrate` on it first."
        ) from error
    except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
        await close()
        raise ServiceUnavailable(
            f"The database does not answer: {error or type(error).__name__}.",
            remedy="Check DATABASE_URL and that the server runs.",
        ) from error


async def close() -> None:
    """Close the pool; quietly nothing when none is open.

    A connection lost in the middle of something may never come back to the pool: it is not waited for.
    """
    pool = DATABASE.pool
    if pool is None:
        return
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await DATABASE.close_connection_pool()
    except CONNECTION_ERRORS:
        pool.terminate()
        DATABASE.pool = None


def connection_arguments(url: str, *, role: str | None = RUNTIME_ROLE) -> dict[str, Any]:
    """Arguments of `asyncpg.connect` for a connection outside the pool (COPY, LISTEN)."""
    settings = {"application_name": "keelyard", "timezone": "UTC", **_GONE_CLIENTS}
    if role is not None:
        settings["role"] = role
    return {"dsn": url, "server_settings": settings, "timeout": 15}


async def prepare(connection: Any) -> None:
    """Let a connection read JSON columns as Python values.

    Text passes unchanged on the way in: Piccolo encodes JSON itself.
    """
    await connection.set_type_codec(
        "jsonb", encoder=_encode, decoder=_decode, schema="pg_catalog", format="binary"
    )


_JSONB_VERSION = b"\x01"  # the binary format of jsonb is a version byte and the text


async def _nothing_to_reset(_: Any) -> None:
    """Instead of one statement after every use.

    An open transaction is rolled back without it, and nothing else outlives one here: advisory locks end with
    theirs, the scope is set anew when it differs, and LISTEN has a connection of its own.
    """


def _encode(value: Any) -> bytes:
    return _JSONB_VERSION + (value.encode() if isinstance(value, str) else msgspec.json.encode(value))


def _decode(value: bytes) -> Any:
    return msgspec.json.decode(value[1:])


@contextlib.asynccontextmanager
async def transaction() -> AsyncIterator[PostgresTransaction]:
    """Queries of this task inside the block commit or roll back together; inner blocks join the outer one.

    Raises DatabaseUnavailable when there is no server to begin or end it with.
    """
    scope = DATABASE.transaction()
    try:
        with _telling():
            opened = await scope.__aenter__()
        if opened is scope:
            opened.connection.begun()
        try:
            yield opened
        except BaseException as error:
            with _telling():
                await scope.__aexit__(type(error), error, error.__traceback__)
            raise
        with _telling():
            await scope.__aexit__(None, None, None)
    finally:
        # When the connection is lost, Piccolo leaves the block with the dead transaction still current.
        if DATABASE.current_transaction.get() is scope:
            DATABASE.current_transaction.set(None)
            if DATABASE.pool is not None:
                with contextlib.suppress(*CONNECTION_ERRORS, asyncpg.PostgresError):
                    await DATABASE.pool.release(scope.connection)


async def fetch(sql: str, *arguments: Any) -> list[dict[str, Any]]:
    """Rows of a statement with `$1` placeholders, inside the transaction of this task if there is one.

    Rows of tenants that the task's scope does not hold are not there.

    Raises DatabaseUnavailable when the server is away, and what PostgreSQL has against the statement.
    """
    current = DATABASE.current_transaction.get()
    wanted = tenancy.current().setting
    with _telling():
        if current is not None:
            await current.connection.see_in_transaction(wanted)
            return [dict(row) for row in await current.connection.fetch(sql, *arguments)]
        if DATABASE.pool is None:
            raise DatabaseUnavailable("The database is not connected.")
        async with DATABASE.pool.acquire() as connection:
            await connection.see(wanted)
            return [dict(row) for row in await connection.fetch(sql, *arguments)]


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """Whatever a lost server raises here, as one error that a caller can be told."""
    try:
        yield
    except DatabaseUnavailable:
        raise
    except CONNECTION_ERRORS as error:
        raise DatabaseUnavailable(
            f"The database does not answer: {error or type(error).__name__}.",
            remedy="Ask again in a moment.",
        ) from error


async def fetch_one(sql: str, *arguments: Any) -> dict[str, Any] | None:
    """The first row of a statement, or None."""
    rows = await fetch(sql, *arguments)
    return rows[0] if rows else None


async def reachable() -> bool:
    """Whether the server answers now."""
    try:
        return bool(await fetch("SELECT 1"))
    except (*CONNECTION_ERRORS, ServiceUnavailable):
        return False
