"""The command line's own client of the REST API: log in, ask, follow a job's events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from engine.domain.errors import KeelyardError, ServiceUnavailable

RECONNECTS = 30  # of a broken event stream, one second apart


class ApiClient:
    """One logged-in session against one server."""

    def __init__(self, url: str, *, timeout_seconds: float = 30) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def healthy(self) -> bool:
        """Whether the server answers its health check."""
        try:
            return self._http.get("/health", timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def log_in(self, email: str, password: str) -> None:
        """Logs in; later calls carry the token."""
        answer = self.call("POST", "/api/v1/auth/login", {"username": email, "password": password})
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer of one call; raises KeelyardError with the server's own words otherwise."""
        response = self._send(method, path, body)
        return response.json() if response.content else None

    def text(self, path: str) -> str:
        """The body of a GET as text."""
        return self._send("GET", path, None).text

    def _send(self, method: str, path: str, body: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.TransportError as error:
            raise ServiceUnavailable(
                f"The server at {self._http.base_url} does not answer: {error}.",
                remedy="Is `keelyard up` running?",
            ) from error
        if response.is_error:
            raise KeelyardError(f"{method} {path}: {response.status_code} {_words(response)}")
        return response

    def events(self, job_id: str) -> Iterator[dict[str, Any]]:
        """A job's events from the first to the last, over as many connections as it takes."""
        last, failures = 0, 0
        while failures < RECONNECTS:
            try:
                for sequence, event in self._stream(job_id, last):
                    if event is None:
                        return
                    last, failures = max(last, sequence), 0
                    yield event
            except (httpx.TransportError, ServiceUnavailable):
                time.sleep(1)
            failures += 1
        raise ServiceUnavailable(
            f"The events of job {job_id} broke off.", remedy="Is the server still running?"
        )

    def _stream(self, job_id: str, after: int) -> Iterator[tuple[int, dict[str, Any] | None]]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        path = f"/api/v1/jobs/{job_id}/events"
        with self._http.stream("GET", path, headers=headers, timeout=httpx.Timeout(30, read=60)) as response:
            if response.is_error:
                response.read()
                kind = ServiceUnavailable if response.is_server_error else KeelyardError
                raise kind(f"GET {path}: {response.status_code} {_words(response)}")
            yield from _decode(response.iter_lines())


def _decode(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Server-sent events as (sequence, event); the event is None at the end of the job (WHATWG HTML §9.2)."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            continue
        if fields.get("event") == "end":
            yield 0, None
        elif "data" in fields:
            yield int(fields.get("id") or 0), json.loads(fields["data"])
        fields = {}


def _words(response: httpx.Response) -> str:
    try:
        problem = response.json()
    except ValueError:
        return response.text[:200]
    errors = problem.get("errors") or []
    told = "; ".join(f"{error['field']}: {error['message']}" for error in errors)
    return told or str(problem.get("detail") or problem)
