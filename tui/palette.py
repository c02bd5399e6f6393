"""`:` goes anywhere: the lists by noun, and every cluster by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.message import Message

from tui import errors, messages, text
from tui.screens.resource import ResourceScreen


class Places(Provider):
    """The places the terminal can go to."""

    NOUNS: ClassVar[dict[str, str]] = {
        "clusters": "all clusters",
        "jobs": "all jobs, newest first",
        "workers": "who runs jobs, and with what room",
        "schedules": "jobs that a clock asks for",
        "channels": "where notices about ended jobs go",
        "templates": "what new clusters begin with",
        "audit": "who did what, refused or not",
    }

    async def startup(self) -> None:
        """Learns the clusters; without an answer the nouns alone are offered."""
        self._clusters: dict[str, str] = {}
        if isinstance(self.screen, ResourceScreen):
            try:
                page = await self.screen.client.clusters()
            except errors.ApiError:
                return
            self._clusters = {text.one_line(cluster.name): cluster.id for cluster in page.data}

    async def discover(self) -> Hits:
        """What an empty line offers."""
        for noun, what in self.NOUNS.items():
            yield DiscoveryHit(noun, self._post(messages.Go(noun)), help=what)

    async def search(self, query: str) -> Hits:
        """Nouns first, then clusters."""
        matcher = self.matcher(query)
        for noun, what in self.NOUNS.items():
            if noun.startswith(query.casefold()):
                yield Hit(1.0, noun, self._post(messages.Go(noun)), text=noun, help=what)
        for name, cluster_id in self._clusters.items():
            if (score := matcher.match(name)) > 0:
                command = self._post(messages.OpenCluster(cluster_id))
                yield Hit(score * 0.9, matcher.highlight(name), command, text=name, help="cluster")

    def _post(self, message: Message) -> Callable[[], object]:
        return partial(self.app.post_message, message)
