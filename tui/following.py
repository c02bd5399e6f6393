"""The jobs whose events the live stream carries besides the news: those on the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from tui import wire
from tui.stream import StreamState, Told

_MOST_PENDING = 50_000  # events; beyond that the server waits, so that memory does not grow with its haste
_OVER = frozenset({StreamState.ENDED, StreamState.REFUSED})


class FollowedJob(Told):
    """One job as one screen follows it. `changed` is told the state of its stream, and why."""

    def __init__(
        self, job_id: str, after: int = 0, changed: Callable[[StreamState, str], object] = lambda *_: None
    ) -> None:
        super().__init__(job_id, after)
        self._changed = changed

    @property
    def is_over(self) -> bool:
        """Whether nothing will come any more."""
        return self.state in _OVER

    def tell(self, state: StreamState, detail: str = "") -> None:
        """How its stream stands now."""
        self.state = state
        self._changed(state, detail)


class Following:
    """What one session follows; screens add and drop, the live stream reads it whenever it connects."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()  # the open connection does not carry what is wanted now
        self.listener: Callable[[], object] | None = None  # of that connection
        self._jobs: list[FollowedJob] = []

    def add(self, job: FollowedJob) -> None:
        """From now on; again is the same."""
        if job in self._jobs or job.is_over:
            return
        self._jobs.append(job)
        job.tell(StreamState.CONNECTING)
        self._change()

    def drop(self, job: FollowedJob) -> None:
        """Nobody looks at it any more; it can be added again where it was left."""
        if job in self._jobs:
            self._jobs.remove(job)
            if not job.is_over:
                self._change()

    def positions(self) -> dict[str, int]:
        """The jobs to ask for, each with the sequence behind which its events are wanted."""
        self.changed.clear()
        found: dict[str, int] = {}
        for job in self._wanted():
            found[job.job_id] = min(job.last_sequence, found.get(job.job_id, job.last_sequence))
        return found

    def take(self, event: wire.JobEvent) -> None:
        """One event of one of them."""
        for job in self._jobs:
            if job.job_id == event.job_id:
                job.add(event)

    @property
    def is_behind(self) -> bool:
        """Whether more has come than the screens could take."""
        return any(job.pending > _MOST_PENDING for job in self._jobs)

    def ended(self, job_id: str) -> None:
        """All events of this job were told."""
        for job in self._wanted():
            if job.job_id == job_id:
                job.tell(StreamState.ENDED)

    def connected(self, carried: Mapping[str, int]) -> None:
        """There is a connection that carries these."""
        for job in self._wanted():
            if job.job_id in carried:
                job.tell(StreamState.LIVE)

    def lost(self, why: str) -> None:
        """There is no connection; it will be tried again."""
        for job in self._wanted():
            job.tell(StreamState.RECONNECTING, why)

    def refuse(self, jobs: Iterable[str], why: str) -> None:
        """The server will not tell of these."""
        refused = set(jobs)
        for job in self._wanted():
            if job.job_id in refused:
                job.tell(StreamState.REFUSED, why)

    def _change(self) -> None:
        self.changed.set()
        if self.listener is not None:
            self.listener()

    def _wanted(self) -> list[FollowedJob]:
        return [job for job in self._jobs if not job.is_over]
