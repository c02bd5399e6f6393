"""`python -m tests.bench.flood PORT`: one job whose events never stop, over real HTTP, in its own process.

A real server at 5,000 events a second takes most of a small machine; what is measured here is the terminal.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from tests.standins.provisioner_bodies import EMAIL, EVENT, JOB_ID, host, job

HOSTS = 200
PASSWORD = "bench"
_TICK_SECONDS = 0.02
_TOKENS = {"access_token": "a", "refresh_token": "r", "token_type": "bearer", "expires_in": 86_400}


class Flood:
    """The job; its events come at the rate that the last PUT /rate/N set."""

    def __init__(self) -> None:
        self.rate = 0
        self.sequence = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request after the other."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                headers = head.lower()
                size = headers.partition(b"content-length:")[2].split(b"\r\n")[0]
                await reader.readexactly(int(size or 0))
                if b"text/event-stream" in headers and "jobs" in path:
                    await self._stream(writer)
                writer.write(_answer(*self._told(method, path)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _told(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        if method == "PUT":
            self.rate = int(path.rpartition("/")[2])
            return 200, {"sequence": self.sequence}
        user = {"id": "1", "email": EMAIL, "role": "admin", "full_name": "Bench"}
        match path.partition("?")[0].removeprefix("/api/v1").strip("/").split("/"):
            case ["auth", "login" | "refresh"]:
                return 200, {**_TOKENS, "user": user}
            case ["jobs"]:
                return 200, _page([job()])
            case ["jobs", _]:
                return 200, job()
            case ["jobs", _, "hosts"]:
                return 200, _page([host(f"node-{number:03}") for number in range(HOSTS)])
            case ["jobs", _, "events"]:
                nothing = {"data": [], "next": None, "previous": None, "events_expired": False}
                return 200, {**nothing, "last_sequence": self.sequence}
        return 404, {"type": "about:blank", "title": "Not here", "status": 404, "detail": path}

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        due, owed = time.monotonic(), 0.0
        while True:
            due += _TICK_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            owed += self.rate * _TICK_SECONDS
            count, owed = int(owed), owed % 1
            writer.write(b"".join(self._event() for _ in range(count)))
            await writer.drain()

    def _event(self) -> bytes:
        self.sequence += 1
        number = self.sequence
        event = {
            **EVENT,
            "sequence": number,
            "job_id": JOB_ID,
            "kind": "host_changed" if number % 7 == 0 else "host_ok",
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "phase": "preflight",
            "host": f"node-{number % HOSTS:03}",
            "task": f"Install thing {number}",
            "duration_seconds": 0.1,
            "data": {"result": {"changed": False, "stdout": "x" * 200}},
        }
        return f"id: {number}\nevent: {event['kind']}\ndata: {json.dumps(event)}\n\n".encode()


def _page(things: list[dict[str, Any]]) -> dict[str, Any]:
    return {"total": len(things), "page": 1, "page_size": 1000, "total_pages": 1, "data": things}


def _answer(status: int, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def main(port: int) -> None:
    """Serves until it is killed."""
    async with await asyncio.start_server(Flood().serve, "127.0.0.1", port) as listener:
        await listener.serve_forever()


JOB = JOB_ID

if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
