"""Lists of 20 clusters per second, over HTTP with a token, against the same written with FastAPI."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt

from engine.domain import catalogue
from tests.bench import figures, server
from tests.bench.figures import BenchNotPossible, Figure, Narrate

CLUSTERS = 20
CONNECTIONS = 16
ROUNDS = 5
ROUND_SECONDS = 4
WARM_UP_SECONDS = 2
PATH = "/api/v1/clusters?page_size=20"


def measure(narrate: Narrate) -> list[Figure]:
    """Interleaved rounds of wrk against both, one server process each."""
    if shutil.which("wrk") is None:
        raise BenchNotPossible("wrk is not installed: `apt-get install wrk` (a small load generator).")
    with server.running() as keelyard:
        _fill(keelyard)
        token = keelyard.login()["access_token"]
        with _equivalent(keelyard.database_url) as (url, own_token):
            sides = [(keelyard.url, token), (url, own_token)]
            sizes = [_check(*side) for side in sides]
            for side in sides:
                _requests_per_second(*side, seconds=WARM_UP_SECONDS)
            measured: list[list[float]] = [[], []]
            loads = figures.load()
            for number in range(ROUNDS):
                for side, results in zip(sides, measured, strict=True):
                    results.append(_requests_per_second(*side))
                narrate(f"round {number + 1}: {measured[0][-1]:,.0f} and {measured[1][-1]:,.0f} requests/s")
    return [
        Figure(
            name="GET /api/v1/clusters, 20 rows, with a token",
            unit="/s",
            aim=2.0,
            higher_is_better=True,
            measured=measured[0],
            baseline=measured[1],
            load=loads,
            notes=[
                f"wrk, 1 thread, {CONNECTIONS} connections, {ROUND_SECONDS} s a round",
                "one server process each, on the same PostgreSQL; both log each request",
                f"replies of {sizes[0]} and {sizes[1]} bytes; uvicorn with {_accelerators()}",
            ],
        )
    ]


def _accelerators() -> str:
    there = [name for name in ("uvloop", "httptools") if importlib.util.find_spec(name)]
    return " and ".join(there) or "asyncio and h11 (uvloop and httptools are not installed)"


def _fill(keelyard: server.Server) -> None:
    with keelyard.client() as client:
        for number in range(CLUSTERS):
            client.call("POST", "/api/v1/clusters", cluster(f"bench-{number:02}", f"10.0.{number}"))


def cluster(name: str, prefix: str) -> dict[str, Any]:
    """A create request of a plausible size that starts nothing."""
    nodes = [("control-01", "control-plane"), ("worker-01", "worker"), ("worker-02", "worker")]
    return {
        "name": name,
        "description": "One of the clusters that the list is measured with",
        "topology": {"ha": False, "control_plane_count": 1, "worker_count": 2},
        "components": {
            "kubernetes_version": catalogue.DEFAULT.kubernetes,
            "cni": "flannel",
            "ingress": "none",
            "runtime": "containerd",
        },
        "nodes": [
            {
                "name": f"{name}-{node}",
                "role": role,
                "ip_address": f"{prefix}.{host}",
                "ssh_port": 22,
                "os_type": "debian12",
            }
            for host, (node, role) in enumerate(nodes, start=10)
        ],
        "ssh_config": {"username": "root", "auth_method": "password", "password": secrets.token_hex(8)},
        "provision_immediately": False,
    }


@contextlib.contextmanager
def _equivalent(database_url: str) -> Iterator[tuple[str, str]]:
    """The FastAPI application and a token that it accepts."""
    port, key = server.free_port(), secrets.token_hex(32)
    now = datetime.now(UTC)
    claims = {"iss": "bench", "sub": "bench", "iat": now, "exp": now + timedelta(hours=1)}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", "tests.bench.fastapi_equivalent:app"),
            *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        ],
        env=os.environ | {"BENCH_DATABASE_URL": database_url, "BENCH_SECRET_KEY": key},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process)
        yield url, jwt.encode(claims, key, algorithm="HS256")
    finally:
        server.stop(process)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + server.START_SECONDS
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/health").is_success:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchNotPossible("The FastAPI application did not start.")
        time.sleep(0.1)


def _check(url: str, token: str) -> int:
    """Both must give the same rows under the same keys; returns the size of the reply."""
    reply = httpx.get(url + PATH, headers={"Authorization": f"Bearer {token}"})
    reply.raise_for_status()
    rows = reply.json()["data"]
    keys = {
        *("id", "name", "description", "status", "kubernetes_version"),
        *("topology", "components", "created_at", "updated_at"),
    }
    if len(rows) != CLUSTERS or any(set(row) != keys for row in rows):
        raise BenchNotPossible(f"{url} does not list the {CLUSTERS} clusters as documented.")
    if httpx.get(url + PATH).status_code not in {401, 403}:
        raise BenchNotPossible(f"{url} lists clusters without a token.")
    return len(reply.content)


def _requests_per_second(url: str, token: str, seconds: int = ROUND_SECONDS) -> float:
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"),
            *("--header", f"Authorization: Bearer {token}", url + PATH),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    if found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise BenchNotPossible(f"wrk against {url} failed: {done.stdout.strip()}")
    return float(found[1])
