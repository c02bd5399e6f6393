"""A job as it goes on: read once, then told by the session's one stream while it is on the screen."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod

from textual import on, work
from textual.screen import ModalScreen

from tui import errors, job_words, messages, text
from tui.client import Client
from tui.following import FollowedJob
from tui.log_feed import LogFeed
from tui.log_lines import LogLine, log_line
from tui.progress import JobProgress
from tui.screens.job_actions import JobActions
from tui.stream import StreamState

DRAIN_SECONDS = 0.1
_DRAIN_MOST = 100  # events between two looks at the clock
_DRAIN_BUDGET_SECONDS = 0.02  # what one drain may take, so that keys stay answered in a flood
_RETRY_SECONDS = 3.0


class JobFollowing(JobActions):
    """Knows how the job stands; a subclass draws it."""

    def __init__(self, client: Client, job_id: str) -> None:
        super().__init__(client, job_id)
        self._opened = False
        self._hosts_wanted = True
        self.stream = FollowedJob(job_id)
        self.stream_words = job_words.stream(StreamState.CONNECTING)
        self.progress = JobProgress()

    @abstractmethod
    def feed(self) -> LogFeed:
        """Fills the log that is opened first."""

    @abstractmethod
    def draw_progress(self) -> None:
        """Shows everything that events change."""

    @abstractmethod
    def draw_log_line(self) -> None:
        """Shows where the log stands, and its stream."""

    # --- while it is seen ---

    def on_mount(self) -> None:
        """Starts the one drain for everything that streams in."""
        self.set_interval(DRAIN_SECONDS, self._drain)

    def on_screen_resume(self) -> None:
        """Takes the stream up again where it was left."""
        self._follow()

    def on_screen_suspend(self) -> None:
        """A hidden screen follows nothing; a question on top does not hide it."""
        if not isinstance(self.app.screen, ModalScreen):
            self._leave()

    def on_unmount(self) -> None:
        """Nor does one that is gone."""
        self._leave()

    def _leave(self) -> None:
        self.workers.cancel_group(self, "open")
        self.client.following.drop(self.stream)

    # --- loading and following ---

    async def fetch(self) -> None:
        """The job; its hosts the first time, when asked, and when the stream was away: else events tell."""
        self.job = await self.client.job(self._job_id)
        if self._hosts_wanted:
            self.progress.read_hosts(await self.client.job_hosts(self._job_id))
            self._hosts_wanted = False

    def action_refresh(self) -> None:
        """Asks the server now, for the hosts too."""
        self._hosts_wanted = True
        super().action_refresh()

    @work(group="open", exclusive=True)
    async def _follow(self) -> None:
        try:
            while not self._opened:
                await self._open()
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.ApiError as refused:
            self.post_message(messages.LoadFailed(str(refused)))
        else:
            if self.stream.state is StreamState.REFUSED:  # it may be told now
                self.stream = FollowedJob(self._job_id, self.stream.last_sequence, self._tell)
            self.client.following.add(self.stream)

    async def _open(self) -> None:
        """The end of the log first; what comes before it when somebody scrolls up there."""
        try:
            last = await self.feed().open()
        except (errors.Unreachable, errors.ServerFailed, errors.TooManyRequests) as failed:
            self.post_message(messages.LoadFailed(str(failed)))
            await asyncio.sleep(_RETRY_SECONDS)
            return
        self.stream = FollowedJob(self._job_id, last, self._tell)
        self._opened = True

    def _tell(self, state: StreamState, detail: str) -> None:
        self._hosts_wanted |= state in {StreamState.RECONNECTING, StreamState.ENDED}
        self.post_message(messages.StreamChanged(state, detail))

    @on(messages.StreamChanged)
    def _stream_changed(self, message: messages.StreamChanged) -> None:
        state = StreamState(message.state)
        self.stream_words = f"{job_words.stream(state)}  {text.one_line(message.detail)}".rstrip()
        self.draw_log_line()
        if state is StreamState.ENDED:
            self.load()
        elif state is StreamState.REFUSED:
            self.post_message(messages.LoadFailed(message.detail))

    def _drain(self) -> None:
        until, lines, changed = time.monotonic() + _DRAIN_BUDGET_SECONDS, list[LogLine](), False
        while taken := self.stream.drain(_DRAIN_MOST):
            for event in taken:
                changed |= self.progress.apply(event)
                if (line := log_line(event)) is not None:
                    lines.append(line)
            if time.monotonic() > until:
                break
        else:
            if not lines and not changed:
                return
        for source in self.sources():
            source.log.add(lines)
        self.draw_progress()
        if changed:
            self.load()
