"""Redis: what several API processes share. Its absence is noticed once, not by every request."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import redis.asyncio
import redis.exceptions
import structlog

from engine.domain.errors import MisconfiguredServer, ServiceUnavailable

TIMEOUT_SECONDS = 0.5
PAUSE_SECONDS = 2.0

log = structlog.get_logger("redis")


class RedisUnavailable(ServiceUnavailable):
    """Redis does not answer, or did not a moment ago."""


class RedisClient:
    """One pool of connections; after a failure nobody asks for a while, so that an outage costs no time."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take `redis://`, `rediss://` or `unix://`; raises MisconfiguredServer for anything else."""
        try:
            self._redis = redis.asyncio.Redis.from_url(
                url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
            )
        except ValueError as error:
            raise MisconfiguredServer(
                f"REDIS_URL does not fit: {error}.", remedy="It looks like redis://host:6379/0."
            ) from error
        self._clock = clock
        self._away_until: float | None = None

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """The answer of a Lua script, which is atomic. Raises RedisUnavailable."""
        if self._away_until is not None and self._clock() < self._away_until:
            raise RedisUnavailable("Redis does not answer.")
        try:
            answer = await cast("Any", self._redis.eval(script, len(keys), *keys, *arguments))
        except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
            if self._away_until is None:
                log.warning("redis is away", error=f"{type(error).__name__}: {error}"[:200])
            self._away_until = self._clock() + PAUSE_SECONDS
            raise RedisUnavailable("Redis does not answer.") from error
        if self._away_until is not None:
            log.info("redis is back")
            self._away_until = None
        return answer

    async def close(self) -> None:
        """Give up the connections."""
        await self._redis.aclose()
