"""`:` goes anywhere: the lists by noun, and every cluster by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.message import Message

from tui import errors, messages, nouns, text
from tui.screens.resource import ResourceScreen


class Places(Provider):
    """The places the terminal can go to."""

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
        for noun in self._listed():
            yield DiscoveryHit(noun.name, self._post(messages.Go(noun.name)), help=noun.what)

    async def search(self, query: str) -> Hits:
        """Nouns first, then clusters."""
        matcher = self.matcher(query)
        for noun in self._listed():
            if noun.name.startswith(query.casefold()):
                yield Hit(1.0, noun.name, self._post(messages.Go(noun.name)), text=noun.name, help=noun.what)
        for name, cluster_id in self._clusters.items():
            if (score := matcher.match(name)) > 0:
                command = self._post(messages.Open("clusters", cluster_id))
                yield Hit(score * 0.9, matcher.highlight(name), command, text=name, help="cluster")

    def _listed(self) -> list[nouns.Noun]:
        user = self.screen.client.user if isinstance(self.screen, ResourceScreen) else None
        role = user.role if user else None
        return [noun for noun in nouns.registered() if noun.screen is not None and noun.offered_to(role)]

    def _post(self, message: Message) -> Callable[[], object]:
        return partial(self.app.post_message, message)
