"""The work that goes on meanwhile: a driver per cluster, which always has a job, and readers of streams."""

from __future__ import annotations

import collections
import contextlib
import random
import threading
import time
from typing import Any

from engine.domain import catalogue
from engine.domain.errors import KeelyardError
from engine.processes.api_client import ApiClient
from tests.bench.chaos.nodes import PORT
from tests.bench.chaos.nodes import Site as Nodes
from tests.bench.chaos.site import Site

FINAL = frozenset({"success", "failed", "cancelled", "interrupted"})
POLL_SECONDS = 1.0
CANCEL_SHARE = 0.1


class Load:
    """Drivers and readers until `wind_down`; every job's final status as its driver saw it."""

    def __init__(self, site: Site, nodes: Nodes, *, readers: int, seed: int) -> None:
        self.ended: collections.Counter[str] = collections.Counter()
        self.streams = 0  # read from first to last event
        self.gaps: list[str] = []  # what a reader should not have seen
        self.refused: collections.Counter[str] = collections.Counter()  # requests without an answer
        self._site = site
        self._nodes = nodes
        self._winding_down = threading.Event()
        self._jobs: set[str] = set()
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._threads = [
            threading.Thread(target=self._drive, args=(number, address), name=f"driver-{number}")
            for number, address in enumerate(nodes.addresses)
        ] + [threading.Thread(target=self._read, name=f"reader-{number}") for number in range(readers)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wind_down(self) -> None:
        """No new job; returns when the last one has ended and every stream was read."""
        self._winding_down.set()
        for thread in self._threads:
            thread.join()

    @property
    def active(self) -> int:
        """Jobs that have not ended, as their drivers know."""
        return len(self._jobs)

    def _drive(self, number: int, address: str) -> None:
        name = f"chaos-{number}"
        cluster, last = "", ""
        with contextlib.closing(_Session(self._site, self.refused)) as session:
            while not self._winding_down.is_set():
                job = self._begin(session, name, address, cluster, last)
                if job is None:
                    continue
                cluster = job["cluster_id"]
                last = self._follow(session, job["id"])
                last = job["id"] if last != "success" else ""

    def _begin(
        self, session: _Session, name: str, address: str, cluster: str, unfinished: str
    ) -> dict[str, Any] | None:
        """A new job: the first one, a retry of what did not succeed, or the same again."""
        if not cluster:
            session.call("POST", "/api/v1/clusters", _body(name, address, self._nodes.private_key))
            found = session.call("GET", f"/api/v1/clusters/{name}")
            return self._newest(session, found["id"]) if found else None
        path = f"/api/v1/jobs/{unfinished}/retry" if unfinished else f"/api/v1/clusters/{cluster}/provision"
        answer = session.call("POST", path, {"hosts": "all"} if unfinished else {})
        # A request whose answer was lost may have been done all the same: the newest job is what counts.
        return (
            session.call("GET", f"/api/v1/jobs/{answer['job_id']}")
            if answer
            else self._newest(session, cluster)
        )

    def _newest(self, session: _Session, cluster: str) -> dict[str, Any] | None:
        page = session.call("GET", f"/api/v1/jobs?cluster_id={cluster}&page_size=1")
        return page["data"][0] if page and page["data"] else None

    def _follow(self, session: _Session, job: str) -> str:
        with self._lock:
            self._jobs.add(job)
            cancel_after = (
                self._random.uniform(1, 15) if self._random.random() < CANCEL_SHARE else float("inf")
            )
        began = time.monotonic()
        while True:
            found = session.call("GET", f"/api/v1/jobs/{job}")
            if found and found["status"] in FINAL:
                with self._lock:
                    self._jobs.discard(job)
                    interrupted = found.get("reason") == "interrupted"
                    self.ended["interrupted" if interrupted else found["status"]] += 1
                return str(found["status"])
            if time.monotonic() - began > cancel_after:
                session.call("POST", f"/api/v1/jobs/{job}/cancel", {})
                cancel_after = float("inf")
            time.sleep(POLL_SECONDS)

    def _read(self) -> None:
        while not self._winding_down.is_set():
            with self._lock:
                known = sorted(self._jobs)
                job = self._random.choice(known) if known else None
            if job is None:
                time.sleep(POLL_SECONDS)
                continue
            self._read_one(job)

    def _read_one(self, job: str) -> None:
        seen = 0
        try:
            with self._site.client() as client:
                for event in client.events(job):
                    if event["sequence"] != seen + 1:
                        self.gaps.append(f"job {job}: {event['sequence']} came after {seen}")
                    seen = event["sequence"]
        except KeelyardError:  # the API was away too long; the audit looks at the whole log anyway
            self.refused["stream"] += 1
            time.sleep(POLL_SECONDS)
        else:
            self.streams += 1


class _Session:
    """Calls that do not mind a server that is away: they answer None, and the caller looks again."""

    def __init__(self, site: Site, refused: collections.Counter[str]) -> None:
        self._site = site
        self._refused = refused
        self._stack = contextlib.ExitStack()
        self._client: ApiClient | None = None

    def call(self, method: str, path: str, body: Any = None) -> Any:
        try:
            if self._client is None:
                self._client = self._stack.enter_context(self._site.client())
            return self._client.call(method, path, body)
        except KeelyardError as error:
            self._refused[_kind(str(error))] += 1
            self.close()
            time.sleep(POLL_SECONDS)
            return None

    def close(self) -> None:
        self._client = None
        self._stack.close()


def _kind(error: str) -> str:
    words = error.split()
    status = next((word for word in words if len(word) == 3 and word.isdigit()), "")
    return status or "no answer"


def _body(name: str, address: str, key: str) -> dict[str, Any]:
    return {
        "name": name,
        "topology": {"ha": False, "control_plane_count": 1, "worker_count": 0},
        "components": {
            "kubernetes_version": catalogue.DEFAULT.kubernetes,
            "cni": "flannel",
            "ingress": "none",
            "runtime": "containerd",
        },
        "nodes": [
            {
                "name": "cp-1",
                "role": "control-plane",
                "ip_address": address,
                "ssh_port": PORT,
                "os_type": "debian12",
            }
        ],
        "ssh_config": {"username": "root", "auth_method": "private_key", "private_key": key},
    }
