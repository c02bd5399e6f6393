"""Pictures of the terminal for the README, from a running server with a small yard: `make screenshots`.

The server is the real one, on a database of its own; its runs tell what the tests of the API tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import psycopg
from textual import events
from textual.pilot import Pilot

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from engine.processes import embedded_postgresql
from engine.store import database, migration
from tests.contract import harness
from tests.contract.test_workers import register
from tests.tui.conftest import sees
from tui.app import Terminal
from tui.client import Client

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SIZE = (110, 32)
SHOWN_AS = "https://yard-1.example"  # as long as an address of loopback, so that nothing moves
TASKS = (
    ("control-01", "Install containerd", EventKind.HOST_CHANGED),
    ("worker-01", "Install containerd", EventKind.HOST_CHANGED),
    ("control-01", "Load kernel modules", EventKind.HOST_OK),
    ("worker-01", "Load kernel modules", EventKind.HOST_OK),
    ("control-01", "Pull the images of the control plane", EventKind.HOST_CHANGED),
)
WIZARD_NODES = """192.0.2.11 c1 control-plane debian12
192.0.2.21 w1 worker debian12
192.0.2.22 w2 worker rocky9
"""


@contextlib.contextmanager
def own_database() -> Iterator[str]:
    """A migrated database on a server of its own, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="keelyard-pictures-", dir="/tmp"))
    home.chmod(0o755)  # the server's own system user has to get in
    try:
        embedded_postgresql.ensure_running(home)
        place = embedded_postgresql.instance(home)
        with psycopg.connect(place.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE pictures")
        yield place.url("pictures")
    finally:
        embedded_postgresql.stop(home)
        shutil.rmtree(embedded_postgresql.instance(home).socket, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


async def furnish(server: harness.Api) -> str:
    """A failed cluster, one that runs, one that is being made; the id of the job that makes it."""
    await register("yard-1")
    await database.fetch("UPDATE worker SET last_seen = now() + interval '1 h'")  # it has no heartbeat here
    client = await server.admin()
    ids: dict[str, str] = {}
    for number, name in enumerate(("core-ha", "edge-07", "shop-eu"), start=1):
        body = harness.cluster_body(name, network=f"192.0.{number}")
        ids[name] = (await client.post("/api/v1/clusters", json=body)).json()["job"]["id"]
    done, failed, going = (harness.Run(ids[name], server.cipher) for name in ids)
    await done.claim()
    await done.finish(JobStatus.SUCCESS, kubeconfig="kind: Config")
    phases = [phase["slug"] for phase in (await client.get(f"/api/v1/jobs/{going.job_id}")).json()["phases"]]

    await failed.claim()
    await go(failed, phases, 3)
    lost = failed.event(
        EventKind.HOST_FAILED, phase=phases[3], host="worker-01", task="Check swap", message="swap is on"
    )
    await failed.finish(JobStatus.FAILED, [lost], message="worker-01: swap is on; turn it off")

    await going.claim()
    await go(going, phases, 4)
    return str(going.job_id)


async def go(run: harness.Run, phases: Sequence[str], done: int) -> None:
    """The events of a run in its `done`th phase."""
    await run.tell(run.event(EventKind.JOB_STARTED))
    for number, phase in enumerate(phases[: done + 1]):
        await run.tell(run.event(EventKind.PHASE_STARTED, phase=phase))
        for host, task, kind in TASKS:
            await run.tell(run.event(kind, phase=phase, host=host, task=task, duration_seconds=0.4))
        if number < done:
            await run.tell(run.event(EventKind.PHASE_FINISHED, phase=phase, data={"status": "success"}))


@contextlib.asynccontextmanager
async def terminal(server: harness.Api, start: str) -> AsyncIterator[Pilot[None]]:
    """The terminal as it comes up at this path."""
    app = Terminal(Client(server.url), email=harness.ADMIN, password=harness.PASSWORD, start=start)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        yield pilot


def keep(pilot: Pilot[None], server: harness.Api, name: str) -> None:
    """Writes what the terminal shows; the picture asks no other host for a font."""
    picture = pilot.app.export_screenshot(title="keelyard")
    picture = re.sub(r"@font-face\s*{[^}]*}", "", picture)
    picture = picture.replace(server.url, SHOWN_AS).replace(
        server.url.replace("://", ":&#x2F;&#x2F;"), SHOWN_AS
    )
    PICTURES.mkdir(parents=True, exist_ok=True)
    place = PICTURES / f"{name}.svg"
    place.write_text("\n".join(line.rstrip() for line in picture.splitlines()) + "\n", encoding="utf-8")
    print(f"{place.relative_to(PICTURES.parents[1])}  {place.stat().st_size // 1000} KB")


async def paste(pilot: Pilot[None], text: str) -> None:
    """What a person pastes."""
    assert pilot.app.focused is not None
    pilot.app.focused.post_message(events.Paste(text))
    await pilot.pause()


async def photograph(server: harness.Api) -> None:
    """Dashboard, job and wizard."""
    job_id = await furnish(server)
    async with terminal(server, "dashboard") as pilot:
        await sees(pilot, "NEEDS YOU")
        await sees(pilot, "edge-07")
        await sees(pilot, "● live")
        keep(pilot, server, "dashboard")
    async with terminal(server, f"jobs/{job_id}") as pilot:
        await sees(pilot, "Install containerd")
        await sees(pilot, "● live")
        keep(pilot, server, "job")
    async with terminal(server, "clusters/new") as pilot:
        await sees(pilot, "everything is said by hand")
        await paste(pilot, "shop-us")
        await pilot.press("ctrl+n")
        await sees(pilot, "Workers left empty")
        await pilot.press("ctrl+n")
        await sees(pilot, "paste a list")
        await paste(pilot, WIZARD_NODES)
        await sees(pilot, "3 nodes can be read")
        await pilot.press("ctrl+l")
        await sees(pilot, "c1")
        keep(pilot, server, "wizard")


async def main(url: str) -> None:
    """Everything on one server."""
    await migration.migrate(url)
    async with harness.serving(harness.settings(url)) as server:
        await photograph(server)


if __name__ == "__main__":
    with own_database() as database_url:
        asyncio.run(main(database_url))
