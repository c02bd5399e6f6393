"""How soon an operator sees something: from POST to first task, from an event to the stream's client."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

import engine
from engine.bundle import signing
from engine.processes.api_client import ApiClient
from tests.bench import figures, laboratory, server
from tests.bench.figures import BenchNotPossible, Figure, Narrate

POSTS = 5
TASKS = 100  # on each of two nodes
LAB = "bench-events"
FIRST_TASK = "task_started"
SMALL_TASK = {"ansible.builtin.command": {"argv": ["seq", "1", "20"]}, "changed_when": False}


def measure(narrate: Narrate) -> list[Figure]:
    """Real jobs on real nodes for the POST; a playbook of many small tasks for the stream."""
    bundle = laboratory.bundle()
    version = laboratory.version(bundle)
    with laboratory.two_nodes(LAB):
        load = figures.load()
        with server.running(worker=True, environment=_artifacts(bundle)) as keelyard:
            first = [_first_task(keelyard, version, number) for number in range(POSTS)]
        narrate("POST to first task: " + ", ".join(f"{seconds:.2f} s" for seconds in first))
        with (
            _many_tasks() as directory,
            server.running(
                worker=True, environment={"KEELYARD_ARTIFACTS": "upstream"}, directory=directory
            ) as keelyard,
        ):
            delays = _delays(keelyard, version)
    half, most = figures.quantile(delays, 0.50), figures.quantile(delays, 0.99)
    narrate(f"event to client: p50 {half:.0f} ms, p99 {most:.0f} ms of {len(delays)}")
    return [
        Figure(
            name="POST /clusters to first task event",
            unit="s",
            aim=2.0,
            measured=first,
            load=load,
            notes=["provision.yml on lab nodes, artifacts: auto; as the client of the event stream sees it"],
        ),
        Figure(
            name="event emitted to stream client, p99",
            unit="ms",
            aim=250.0,
            measured=[most],
            load=load,
            notes=[
                f"p50 {half:.0f} ms, longest {max(delays):.0f} ms; "
                f"{len(delays)} events of {TASKS} tasks on two nodes",
                "from the moment in the event, which ansible-playbook's own process wrote, on the same clock",
            ],
        ),
    ]


def _artifacts(bundle: Path) -> dict[str, str]:
    return {"KEELYARD_BUNDLE": str(bundle), "KEELYARD_BUNDLE_PUBLIC_KEY": str(signing.public_key_path())}


def _first_task(keelyard: server.Server, version: str, number: int) -> float:
    """Seconds from sending the request; the job is cancelled then, in a phase that changes nothing."""
    with keelyard.client() as client:
        began = time.time()
        cluster, job = _create(client, version, f"bench-{number}")
        seconds = 0.0
        for event in client.events(job):
            if event["kind"] == FIRST_TASK and not seconds:
                seconds = time.time() - began
                client.call("POST", f"/api/v1/jobs/{job}/cancel", {})
        if not seconds:
            raise BenchNotPossible("The job ended without a task: " + _last_lines(client, job))
        client.call("DELETE", f"/api/v1/clusters/{cluster}")
    return seconds


def _create(client: ApiClient, version: str, name: str) -> tuple[str, str]:
    """Ids of a new cluster on the lab's nodes and of its job."""
    created = client.call("POST", "/api/v1/clusters", laboratory.request(LAB, version, name))
    return created["cluster"]["id"], created["job"]["id"]


def _delays(keelyard: server.Server, version: str) -> list[float]:
    """Milliseconds from each event of Ansible's to its arrival here."""
    with keelyard.client() as client:
        _, job = _create(client, version, "bench-many")
        found = [
            (time.time() - datetime.fromisoformat(event["created_at"]).timestamp()) * 1000
            for event in client.events(job)
            if event.get("task")
        ]
        if len(found) < 3 * TASKS:  # a start and two results each
            raise BenchNotPossible("The job did not do all its tasks: " + _last_lines(client, job))
    return found


def _last_lines(client: ApiClient, job: str) -> str:
    return " / ".join(client.text(f"/api/v1/jobs/{job}/log").strip().splitlines()[-4:])


@contextlib.contextmanager
def _many_tasks() -> Iterator[Path]:
    """A directory in which `engine` is the product with another provision.yml: laid out as the wheel is."""
    with tempfile.TemporaryDirectory(prefix="keelyard-bench-") as name:
        shadow = Path(name) / "engine"
        (shadow / "_content" / "playbooks").mkdir(parents=True)
        (shadow / "_content" / "roles").mkdir()
        for path in Path(engine.__file__).parent.iterdir():
            if path.name not in {"_content", "__pycache__"}:
                (shadow / path.name).symlink_to(path)
        (Path(name) / "api").symlink_to(Path(engine.__file__).parent.parent / "api")
        (shadow / "_content" / "playbooks" / "provision.yml").write_text(yaml.safe_dump([_play()]))
        yield Path(name)


def _play() -> dict[str, Any]:
    return {
        "name": "Many small tasks",
        "hosts": "k8s_cluster",
        "connection": "local",
        "gather_facts": False,
        "tags": ["many"],
        "tasks": [{"name": f"Task {number}", **SMALL_TASK} for number in range(1, TASKS + 1)],
    }
