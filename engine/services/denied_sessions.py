"""Sessions whose tokens are refused although they are signed and have not expired."""

from __future__ import annotations

import contextlib
import math
import time
from datetime import timedelta
from typing import Protocol

from engine.clients.redis import RedisClient, RedisUnavailable
from engine.store import denied_sessions, records

# For so long a session that another process has ended may still be believed here.
MEMORY_SECONDS = 5.0
MEMORY_ENTRIES = 10_000

_PREFIX = "keelyard:denied"
_DENY = "redis.call('SET', KEYS[1], '1', 'EX', ARGV[1]) return 1"
_DENIED = "return redis.call('EXISTS', KEYS[1])"


class DenyList(Protocol):
    """Remembers ended sessions until none of their tokens can be alive."""

    async def deny(self, session_id: str, lasting: timedelta) -> None:
        """Refuse the tokens of a session from now on, for as long as they can live."""
        ...

    async def denied(self, session_id: str) -> bool:
        """Whether tokens of this session are refused."""
        ...


class StoredDenyList:
    """In PostgreSQL, so that a restart and every process knows; what was asked is remembered for seconds."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, bool]] = {}

    async def deny(self, session_id: str, lasting: timedelta) -> None:
        """Refuse the tokens of a session from now on."""
        await denied_sessions.add(session_id, records.now() + lasting)
        self._remember(session_id, denied=True)

    async def denied(self, session_id: str) -> bool:
        """Whether tokens of this session are refused."""
        known = self._known.get(session_id)
        if known is not None and time.monotonic() - known[0] < MEMORY_SECONDS:
            return known[1]
        denied = await denied_sessions.has(session_id)
        self._remember(session_id, denied=denied)
        return denied

    def _remember(self, session_id: str, *, denied: bool) -> None:
        if len(self._known) >= MEMORY_ENTRIES:
            self._known.clear()
        self._known[session_id] = (time.monotonic(), denied)


class SharedDenyList:
    """In PostgreSQL, and in Redis as well, so that other processes know at once.

    PostgreSQL keeps the truth: what Redis has lost, or was not told while it was away, is found there.
    """

    def __init__(self, client: RedisClient, stored: DenyList) -> None:
        self._client = client
        self._stored = stored

    async def deny(self, session_id: str, lasting: timedelta) -> None:
        """Refuse the tokens of a session from now on."""
        await self._stored.deny(session_id, lasting)
        seconds = max(1, math.ceil(lasting.total_seconds()))
        with contextlib.suppress(RedisUnavailable):
            await self._client.run(_DENY, [f"{_PREFIX}:{session_id}"], [seconds])

    async def denied(self, session_id: str) -> bool:
        """Whether tokens of this session are refused."""
        with contextlib.suppress(RedisUnavailable):
            if await self._client.run(_DENIED, [f"{_PREFIX}:{session_id}"], []):
                return True
        return await self._stored.denied(session_id)


def of(client: RedisClient | None) -> DenyList:
    """What API processes with this Redis, or without one, share."""
    stored = StoredDenyList()
    return stored if client is None else SharedDenyList(client, stored)
