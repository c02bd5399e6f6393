"""Why a terminal's connection ends, told to the page in the WebSocket's closing frame."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True)
class Closing:
    """A code that the page's script knows, and a line for the person."""

    code: int
    reason: str

    async def tell(self, websocket: web.WebSocketResponse) -> None:
        """Closes with it, if there is somebody left; a closing frame has room for 123 bytes of reason."""
        with suppress(ConnectionError):
            await websocket.close(code=self.code, message=self.reason.encode()[:120])


LEFT = Closing(4000, "You left the terminal.")
SIGNED_OUT = Closing(4001, "You have signed out.")
ENDED = Closing(4001, "Your session has ended. Sign in again.")
IDLE = Closing(4002, "Closed because nobody used it.")
FAILED = Closing(4004, "The terminal stopped on an error of its own. Clusters and jobs are not affected.")
STOPPING = Closing(1012, "The terminal's server is restarting.")


def away(reason: str) -> Closing:
    """The API does not answer, so there is nothing to show."""
    return Closing(4005, reason)


def full(reason: str) -> Closing:
    """No room for another terminal."""
    return Closing(4003, reason)
